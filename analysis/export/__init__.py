"""Export of a fused adapter: one PEFT adapter that holds the weights of a query."""
