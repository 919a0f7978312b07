"""From logits to answers: sampling, text as it grows, and the loop that all rows share."""
