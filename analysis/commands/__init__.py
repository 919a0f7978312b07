"""The subcommands of `python -m analysis`, one file each, found by name.

A command module offers `add(subparsers)`, which adds its parser and sets `run` to a function from
the parsed arguments to an exit code.
"""
