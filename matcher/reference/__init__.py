"""The reference model: the protocol and the rules of matching as plain Python, to be read.

It is the judge. Golden vectors are generated from it, the fast engine is compared with it, and it
replays committed batches from chain logs alone. It is written to be read instead of the protocol:
plain dataclasses, unbounded integers, no cleverness. It imports the vocabulary (types, commands,
events, errors) and never what it judges.

======================  ============================================================
chapter                 modules
======================  ============================================================
3  accounts, trees      `leaf`, `tree`
4  instruments          `symbols`, `margin` (payoff)
5  ops, margin          `words`, `fees`, `margin`, `faults`, `context`, `state`
6  batches              `header`, `batching`
7  order file           `orderfile`
8  messages             `messages`
12 what must hold       `records`, `replay`
matching.md             `book`, `risk`, `exchange`
======================  ============================================================
"""
