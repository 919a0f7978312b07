"""Forward passes of prompts: whole rows, single tokens, the base alone, and what they leave."""
