"""What the model runs next: pieces of work in turn, and one decoding step for all rows at once."""
