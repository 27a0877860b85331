"""The exchange over several shards, each with the books of some markets: it answers what one engine
would (docs/reference/sharding.md).

Each account's cash, and its places for positions, are leased to the shards. A shard judges an order
by its own part; only when that is short do others lend, and it judges again. Nothing else of an
order crosses shards.
"""
