"""What maintainers run: generated documents, shell completions, load makers."""
