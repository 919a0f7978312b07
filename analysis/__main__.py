"""`python -m analysis`: every module in `analysis.commands` is one subcommand."""

import argparse
import importlib
import pkgutil
import sys

from analysis import commands
from analysis.common.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        Its exit code; 2 after bad input (one line on standard error), 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Fusion Lens")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"{commands.__name__}.{module.name}").add(subparsers)
    args = parser.parse_args(arguments)
    try:
        code: int = args.run(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
