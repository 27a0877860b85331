"""Records between processes, without a lock: rings, tables, and who owns which segment."""
