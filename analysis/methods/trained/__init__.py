"""Methods whose weights are learnt once, from questions with right answers."""
