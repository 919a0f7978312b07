"""The one error that is a user's to solve."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message names the bad value and the remedy in one line: the command line prints it as it
    is and exits with 2, the page shows it as it is. Everything else is a fault of ours.
    """
