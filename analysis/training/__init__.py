"""How the bundled adapters were made: data, training, evaluation."""
