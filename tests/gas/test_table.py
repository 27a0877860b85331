from tests.gas.table import README, written


def test_readme_gas_table_is_that_of_the_snapshots():
    assert README.read_text() == written(), "write it anew: make gas-update"
