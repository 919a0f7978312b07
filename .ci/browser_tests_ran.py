"""Fail where the browser tests did not all run: a skipped test proves nothing.

Usage: browser_tests_ran.py REPORT, a JUnit XML report of the whole suite.
"""

import sys
from xml.etree import ElementTree


def main(report: str) -> int:
    """Count the browser tests in the report, and those skipped."""
    try:
        cases = ElementTree.parse(report).iter("testcase")
    except ElementTree.ParseError:
        print("There is no report of the tests: they did not finish.")
        return 1
    browser = [case for case in cases if case.get("classname", "").startswith("tests.browser.")]
    skipped = [case.get("name") for case in browser if case.find("skipped") is not None]
    print(f"{len(browser)} browser tests, {len(skipped)} skipped")
    for name in skipped:
        print(f"  skipped: {name}")
    return 1 if skipped or not browser else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
