"""One test per bug that was found, named after it."""
