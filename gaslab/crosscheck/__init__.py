"""The lab's figures confirmed by engines that others wrote.

From the inside out::

    scenario      genesis, signed transactions and what came of them, as JSON
    anvil         scenarios on an anvil
    engine        engines behind one door; engines/ holds what runs in their processes
    install       puts them there, as their lock files say
    lab           the same door in front of the lab itself
    compare       where the two say different things
    inputs        for precompiles
    programs      bytecode that is random and yet does something
    edges         transactions that stand exactly on a limit
    generator     scenarios of random programs and edges, by seed
    vectors       what the engines said of them, committed
    coverage      what they reach
    mutation      whether they notice a wrong constant
    replay        what the lab's own experiments sent
    agreement     who agreed on how much, as a table
    __main__      python -m gaslab.crosscheck
"""
