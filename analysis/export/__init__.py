"""A fused adapter to take home: one PEFT adapter with the weights of a query in it."""
