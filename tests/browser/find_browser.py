"""A Chromium for the browser tests: the system's, playwright's own, or Debian's when root.

As a script it makes sure that there is one, installing it if it must, and prints its path.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

# The headless shell draws no window, and needs a fifth less time.
SYSTEM = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # Animations are drawn frame by frame, and no test looks at them.
    "--force-prefers-reduced-motion",
    # Pages live for seconds: the best machine code takes longer to make than it saves.
    "--js-flags=--no-opt",
)


def start(playwright: Playwright) -> tuple[str, Browser] | None:
    """The first Chromium that starts, and its path; or None."""
    found = [path for name in SYSTEM if (path := shutil.which(name))]
    own = playwright.chromium.executable_path
    if Path(own).is_file():
        found.append(own)
    for path in found:
        try:
            return path, playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Error as error:
            print(f"{path} does not start: {error.message.splitlines()[0]}", file=sys.stderr)
    return None


def find() -> str | None:
    """The path of the first Chromium that starts, or None."""
    with sync_playwright() as playwright:
        started = start(playwright)
        if started is None:
            return None
        path, browser = started
        browser.close()
        return path


def install() -> str | None:
    """Install a Chromium, playwright's own first, and find it."""
    _run(sys.executable, "-m", "playwright", "install", "chromium")
    if path := find():
        return path
    if shutil.which("apt-get") and os.geteuid() == 0:
        _run("apt-get", "update", "-qq")
        # An older Debian has no package of the headless shell.
        for package in SYSTEM[:2]:
            _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
            if path := find():
                return path
    return find()


def _run(*command: str) -> None:
    subprocess.run(command, stdout=sys.stderr, check=False)  # what it led to is seen by `find`


def main() -> int:
    path = find() or install()
    if not path:
        print(
            "No Chromium was found and none could be installed. Install one and run again.",
            file=sys.stderr,
        )
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
