"""The settlement state: op words to leaves, trees, roots, chunks, batches and proofs."""
