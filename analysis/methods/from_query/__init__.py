"""Methods that find constant weights from the query and the adapters, without data or training."""
