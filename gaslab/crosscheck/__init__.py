"""The lab's figures confirmed by engines that others wrote.

From the inside out::

    scenario      genesis, signed transactions and what came of them, as JSON
    engine        long-lived processes that answer scenarios; engines/ holds what runs in them
    anvil         the same door in front of an anvil
    lab           the same door in front of the lab itself
    programs      bytecode that is random and yet does something
    generator     scenarios of random programs, by seed
    vectors       what the engines said of them, committed
    catalogue     what the lab's own experiments sent
    agreement     who agreed on how much, as a table
    __main__      python -m gaslab.crosscheck
"""
