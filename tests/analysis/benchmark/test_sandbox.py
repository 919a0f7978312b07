"""Generated functions: which code is taken from an answer, and what it cannot do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.benchmark.programs.candidates import program_of, reference_program
from analysis.benchmark.programs.sandbox import SandboxLimits, run_tests
from analysis.benchmark.tasks import Item

TEST = "assert add(1, 2) == 3\nassert add(-1, 1) == 0\n"
ITEM = Item(
    "1", "es", "code", "function", "Escribe add(a, b).", "1",
    entry_point="add", reference="def add(a, b):\n    return a + b", test=TEST,
)  # fmt: skip
CODE = "def add(a, b):\n    return a + b"
HUMAN = replace(
    ITEM,
    instruction='from typing import List\n\n\ndef total(n: List[int]) -> int:\n    """Suma."""\n',
    entry_point="total",
    reference="    return sum(n)\n",
    test="\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate([1, 2]) == 3\n",
)
QUICK = SandboxLimits(cpu_seconds=1, wall_seconds=20.0, memory_bytes=256_000_000)


def ends(body: str, before: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return run_tests(f"{before}\ndef add(a, b):\n{lines}\n    return a + b\n", ITEM, QUICK)


@pytest.mark.parametrize(
    "text",
    [
        CODE,
        f"```python\n{CODE}\n```",
        f"Aquí está:\n```\n{CODE}\n```\nSuma dos números.",
        f"La función es:\n\n{CODE}",
        f"{CODE}\n\nprint(add(1, 2",
        f"{CODE}\n\nEsta función suma.",
        f"import math\n\n{CODE}",
    ],
)
def test_code_is_found_in_an_answer(text: str) -> None:
    program = program_of(text, ITEM)
    assert program is not None and run_tests(program, ITEM) == "passed"


@pytest.mark.parametrize(
    "text", ["", "No lo sé.", "def sub(a, b):\n    return a - b", "x = add(1, 2)", "def add(a, b):"]
)
def test_an_answer_without_the_function_has_no_program(text: str) -> None:
    assert program_of(text, ITEM) is None


@pytest.mark.parametrize(
    "text",
    [
        "    return sum(n)\n",
        "return sum(n)",
        "def total(n: List[int]) -> int:\n    return sum(n)",
    ],
)
def test_a_question_that_is_code_goes_on_in_its_answer(text: str) -> None:
    program = program_of(text, HUMAN)
    assert program is not None and run_tests(program, HUMAN) == "passed"


def test_a_copy_of_the_questions_stub_is_no_answer() -> None:
    assert program_of(HUMAN.instruction, HUMAN) is None


def test_references_pass_and_wrong_code_does_not() -> None:
    for item in (ITEM, HUMAN):
        program = reference_program(item)
        assert program is not None and run_tests(program, item) == "passed"
    assert run_tests("def add(a, b):\n    return a - b", ITEM) == "AssertionError"
    assert run_tests("def add(a, b):\n    return c", ITEM) == "NameError"
    assert run_tests("def total(n):\n    return 0", HUMAN) == "AssertionError"


@pytest.mark.parametrize("way", ["raise SystemExit(0)", "import os; os._exit(0)"])
def test_a_program_cannot_leave_before_its_tests(way: str) -> None:
    assert ends("", way) in ("SystemExit", "crash")


def test_a_program_does_not_find_the_token_in_its_frames() -> None:
    way = (
        "import gc, os, re, sys\n"
        "seen, frame = '', sys._getframe()\n"
        "while frame:\n"
        "    seen, frame = seen + repr((frame.f_locals, frame.f_globals)), frame.f_back\n"
        "tokens = set(re.findall(r'\\b[0-9a-f]{32}\\b', seen))\n"
        "for token in tokens:\n"
        "    for number in range(3, 10):\n"
        "        try: os.write(number, f'{token} passed'.encode())\n"
        "        except OSError: pass\n"
        "os._exit(0)"
    )
    assert ends("", way) == "crash"
    for look in ("sys._current_frames()", "__import__('gc').get_objects()"):
        assert ends("", f"import sys\n{look}") == "PermissionError"


def test_an_error_that_is_called_passed_is_an_error() -> None:
    assert ends("class passed(Exception): pass\nraise passed()") == "Exception"


def test_an_endless_loop_ends() -> None:
    assert ends("while True: pass") == "time"


def test_a_loop_that_waits_ends() -> None:
    program = "import time\ndef add(a, b):\n    time.sleep(1000)\n"
    assert run_tests(program, ITEM, SandboxLimits(wall_seconds=0.8)) == "time"


def test_memory_is_limited() -> None:
    assert ends("x = bytearray(10**9)") == "memory"
    assert ends("x = [0]\nwhile True: x += x") == "memory"


@pytest.mark.parametrize(
    "way",
    [
        "import socket; socket.socket()",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:1')",
        "import os; os.system('true')",
        "import os; os.fork()",
        "import os; os.kill(os.getppid(), 0)",
        "import subprocess",
        "import ctypes",
    ],
)
def test_sockets_and_processes_are_refused(way: str) -> None:
    assert ends(way) in ("PermissionError", "URLError")


def test_files_outside_the_folder_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    way = os.path.relpath(secret, "/tmp")
    for path in (str(secret), f"/tmp/{way}"):
        assert ends(f"open({path!r}).read()") == "PermissionError"
        assert ends(f"open({path!r}, 'w')") == "PermissionError"
        assert ends(f"import os; os.remove({path!r})") == "PermissionError"
        assert ends(f"import os; os.rename({path!r}, 'mine')") == "PermissionError"
    assert ends("import os; os.symlink('/etc', 'etc')") == "PermissionError"
    assert ends("import os; os.listdir('/')") == "PermissionError"
    assert ends(f"import pathlib; pathlib.Path({str(tmp_path / 'new')!r}).mkdir()") == (
        "PermissionError"
    )
    assert secret.read_text() == "secret" and list(tmp_path.iterdir()) == [secret]


def test_the_folder_is_empty_and_may_be_used() -> None:
    way = (
        "import os\nassert os.listdir('.') == []\n"
        "with open('a.txt', 'w') as file: file.write('x')\n"
        "assert open('a.txt').read() == 'x'\nos.remove('a.txt')"
    )
    assert ends(way) == "passed"
    assert ends("with open('a', 'w') as file: file.write('x' * 10**7)") == "OSError"


def test_the_environment_and_site_packages_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_LENS_SECRET", "1")
    assert ends("import os; assert 'FUSION_LENS_SECRET' not in os.environ") == "passed"
    assert ends("import numpy") == "ModuleNotFoundError"
    assert ends("import math, re, typing, collections, itertools, random, statistics") == "passed"


def test_output_is_dropped_and_input_is_empty() -> None:
    assert ends("print('x' * 10**6)") == "passed"
    assert ends("input()") == "EOFError"
