"""The reference model: the protocol and the rules of matching as plain Python, to be read.

It is the judge. Golden vectors are generated from it, the fast engine is compared with it, and it
replays committed batches from chain logs alone. It is written to be read instead of the protocol:
plain dataclasses, unbounded integers, no cleverness. It imports the vocabulary (types, commands,
events, errors) and never what it judges.

==========================  ==========================================================
chapter of the protocol     modules, from the ground up
==========================  ==========================================================
3  accounts, slots, trees   `tree`, `leaf`
4  instruments, payoffs     `symbols`, `margin`
5  ops, fees, margin        `faults`, `words`, `fees`, `context`, `state`
6  batches, headers         `header`, `batching`
7  lies, order files        `orderfile`, `authorization`
8  messages                 `messages`
12 what must always hold    `records`, `chain`, `totals`, `replay`
==========================  ==========================================================

==========================  ==========================================================
chapter of matching.md      modules
==========================  ==========================================================
State                       `book`, `floor`
Time, Batches, Facts        `facts`
Margin                      `risk`
Placing an order            `placing`
Matching                    `matching`
Cancel, amend, withdraw     `requests`
every command               `exchange`
==========================  ==========================================================
"""
