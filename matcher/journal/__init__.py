"""What survives: commands in segments, followed by other processes, and snapshots behind them."""
