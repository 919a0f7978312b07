"""The subcommands about many queries."""
