"""Forward passes of prompts: whole rows, last tokens, the base alone, and what they leave."""
