from tests.gas.catalogue import experiments_of

test_experiments_cost_what_is_committed = experiments_of("osaka")
