"""Subcommands on adapters: inspection and export."""
