"""What tests share: a chain in the process, roles, an exchange on it, batches for it."""
