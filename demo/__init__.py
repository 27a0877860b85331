"""The demo: an order flow, a chain to play it on, and the report it leaves."""
