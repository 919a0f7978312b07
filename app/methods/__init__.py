"""The Methods tab: every fusion method, what it needs, and whether it can run here."""
