"""What Spaces reads from the README must stay true while the requirements change."""

import re
from pathlib import Path

import yaml
from packaging.requirements import Requirement

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
