"""The exchange as several processes: one writes, all others apply what it wrote.

::

    gateway 1..n -- rings --> matcher --> journal --> every process applies it with its own engine
    batcher ------- rings ------^            '-- bells: there is more
       '-- socket: archived batches, the chain, proofs --> gateways

`matcher` alone gives commands their places and writes them down. A gateway or the batcher is a
*replica*: it reads the journal up to what is synced and applies it, so whatever it is asked it
answers from its own memory, and who waits for an answer gets it when the replica has come to his
command. `batcher` builds, archives and commits batches and follows the chain; it alone keeps the
trees, so proofs are asked of it. `supervisor` starts them, names who has died, and starts it again.
"""
