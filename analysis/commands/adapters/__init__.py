"""Subcommands on adapters: one to take home, and one to look into."""
