"""What storage and memory techniques cost and save in gas, exactly, on py-evm.

A room of its own: it knows nothing of the exchange and can measure any contract. From the inside
out::

    errors, components, words   what can go wrong; where gas can land; how numbers are said
    schedule, schedules/        a fork's gas schedule as data
    measurement, rollups        what one transaction cost and did; what its bytes cost on layer 2
    experiment                  a technique as a baseline and variants, and how it is compiled
    solc, sources, abi          contracts cached by content; source maps; calls and answers
    evm/                        py-evm charging by a schedule, every unit to a component
    environment                 accounts, deployments, transactions, blocks
    bench, catalogue/           where a driver drives; the experiments over contracts/lab
    run                         all cases, and the proof that variants behave alike
    snapshot, results, diff     rows, compared with each other and with what is committed
    verdicts, report/           findings in words; JSON, Markdown, HTML, SVG, tables of docs
    pair, fields, expressions   a pair of the user's own, from a TOML file
    profile                     gas by function, line and call stack
    crosscheck/                 the same transactions on other engines
    committed, plugin           committed figures; pytest
    terminal, cli               the command line
"""
