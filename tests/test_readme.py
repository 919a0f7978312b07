"""What Spaces reads from the README must stay true while the requirements change."""

import argparse
import re
from pathlib import Path

import yaml
from packaging.requirements import Requirement

from analysis.__main__ import parser

ROOT = Path(__file__).parents[1]
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def front_matter() -> dict[str, object]:
    start, text, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert start == "", "Spaces looks for the front matter in the first line"
    return yaml.safe_load(text)


def requirement(name: str) -> Requirement:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return next(one for one in wanted if one.name == name)


def test_spaces_front_matter_is_valid_and_matches_the_requirements():
    matter = front_matter()
    assert matter["sdk"] == "gradio"
    assert requirement("gradio").specifier.contains(str(matter["sdk_version"]))
    assert matter["python_version"] in ("3.11", "3.12", "3.13")  # text: 3.10 is not 3.1
    assert (ROOT / str(matter["app_file"])).is_file()
    assert len(str(matter["short_description"])) <= 60
    assert {matter["colorFrom"], matter["colorTo"]} <= COLOURS
    assert matter["license"] == "apache-2.0"
    assert all(model.count("/") == 1 for model in matter["models"])
    assert matter["suggested_hardware"] == "cpu-basic"


def test_every_file_that_the_readme_links_to_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"""(?:\]\(|src(?:set)?=")(?!https?:|#)([^)"\s]+)""", text)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_every_command_that_the_documents_name_is_there_with_its_options():
    (action,) = (one for one in parser()._actions if isinstance(one, argparse._SubParsersAction))
    options = {
        name: {option for one in command._actions for option in one.option_strings}
        for name, command in action.choices.items()
    }
    named, wrong = set(), []
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for name, rest in re.findall(r"-m analysis ([a-z][a-z-]*)([^`\n]*)", text):
            known = options.get(name)
            if known is None or not known.issuperset(re.findall(r"--[a-z][a-z-]*", rest)):
                wrong.append(f"{path.name}: {name}{rest}")
            elif path.name == "README.md":
                named.add(name)
    assert wrong == []
    assert named == set(options), "the README names every command"
