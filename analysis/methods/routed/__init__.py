"""Methods that weigh adapters anew at each token and module, without data or training."""
