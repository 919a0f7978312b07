"""The subcommands about task files."""
