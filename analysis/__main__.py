"""`python -m analysis`: every module in `analysis.commands` and its folders is one subcommand."""

import argparse
import importlib
import pkgutil
import sys
import textwrap
from typing import Any, NoReturn

from analysis import commands
from analysis.common.console import one_line
from analysis.common.errors import InputError, InputErrors, full_disk, is_full


class _Help(argparse.HelpFormatter):
    """Help that never parts a name at a hyphen."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class _Parser(argparse.ArgumentParser):
    """A parser that refuses a bad argument in one line, with the value and the remedy."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Help, **named})
        self.register("type", int, _whole_number)
        self.register("type", float, _number)

    def error(self, message: str) -> NoReturn:
        """Ends with 2 and one line."""
        self.exit(2, f"error: {one_line(message)}. See {self.prog} --help.\n")


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number such as 64") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number such as 0.5") from error


def parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    whole = _Parser(prog="python -m analysis", description="Fusion Lens")
    subparsers = whole.add_subparsers(required=True, metavar="COMMAND")
    for module in pkgutil.walk_packages(commands.__path__, f"{commands.__name__}."):
        if not module.ispkg:
            importlib.import_module(module.name).add(subparsers)
    return whole


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        Its exit code; 2 after bad input (one line on standard error, or one for each mistake), 130
        when interrupted.
    """
    args = parser().parse_args(arguments)
    try:
        code: int = args.run(args)
    except InputError as error:
        messages = error.messages if isinstance(error, InputErrors) else (str(error),)
        for message in messages:
            print(f"error: {one_line(message)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if not is_full(error):
            raise
        print(f"error: {full_disk(error)}", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
