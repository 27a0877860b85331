"""What storage and memory techniques cost and save in gas, exactly, on py-evm.

A room of its own: it knows nothing of the exchange and can measure any contract. From the inside
out::

    errors, components      what can go wrong; where a unit of gas can land
    schedule                a fork's gas schedule as data (schedules/*.toml)
    evm/                    py-evm charging by a schedule, every unit to a component
    measurement             what one transaction cost, and what it did
    abi                     arguments to bytes, bytes to values, reverts to words
    environment             accounts, deployments, transactions, blocks
    solc, sources           compiled contracts cached by content; their source maps
    rollups                 what the same bytes cost on layer 2
    experiment, bench       technique pairs, their drivers, the proof that they behave alike
    catalogue/              the experiments over contracts/lab
    pair                    a pair of the user's own, from a TOML file (fields, expressions)
    run                     all cases, over schedules, in processes
    snapshot, verdicts      committed figures and their differences; findings in words
    report/                 JSON, Markdown, HTML, SVG
    crosscheck/             the same transactions on other engines
    profile                 gas by function and by source line
    plugin, cli, terminal   pytest and the command line
"""
