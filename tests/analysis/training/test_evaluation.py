"""Evaluation: answers are the engine's, losses are the model's, scores mean what they say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.__main__ import main
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.models.manifest import load_collection
from analysis.training.evaluation.dev_sets import _choices
from analysis.training.evaluation.subject import Subject, SubjectRunner
from analysis.training.texts.examples import TextExample
from tests.tiny import EARLY_STOP, tiny_collection

QUERIES = ("María tiene 3 manzanas.", "def add(a, b)", "Paris", "How many apples does Mary have?")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_collection(tmp_path_factory.mktemp("tiny"), ("math", "spanish"))


@pytest.fixture(scope="module")
def runner(manifest: Path) -> SubjectRunner:
    return SubjectRunner(Engine.load(load_collection(manifest)))


@pytest.mark.parametrize("subject", [Subject(), Subject("math"), Subject("spanish", 0.5)])
def test_answers_over_a_padded_batch_are_the_engines(
    manifest: Path, runner: SubjectRunner, subject: Subject
) -> None:
    engine = Engine.load(load_collection(manifest))
    names = (subject.adapter,) if subject.adapter else ()
    weights_LK = torch.full((engine.layers, len(names)), subject.weight)
    row = Row("subject", ConstantWeights(names, weights_LK))
    expected = []
    for query in QUERIES:
        prompt = engine.prompt(query)
        steps = engine.answer(prompt, [row], new_tokens=12)
        expected.append("".join(step.tokens[0].delta for step in steps).strip())
    assert runner.answers(subject, QUERIES, 12) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("subject", [Subject(), Subject("math", 0.5)])
def test_losses_are_the_engines_whatever_else_is_in_the_batch(
    manifest: Path, runner: SubjectRunner, subject: Subject
) -> None:
    engine = Engine.load(load_collection(manifest))
    examples = [TextExample(query, answer) for query in QUERIES for answer in ("Paris", "3 + 5")]
    for example, (loss, tokens) in zip(examples, runner.losses(subject, examples), strict=True):
        prompt, answer = engine.prompt(example.instruction), engine.answer_ids(example.output)
        (alone_T,) = engine.answer_losses([prompt], [answer], [subject.row(engine.layers)])
        assert tokens == len(answer) == len(alone_T)
        assert loss == pytest.approx(float(alone_T.sum()), rel=1e-4)


class Favouring:
    """A runner to whom one answer is the likeliest per token, though not in total."""

    def losses(self, subject: Subject, examples: Sequence[TextExample]) -> list[tuple[float, int]]:
        return [(8.0, 8) if "long" in example.output else (3.0, 2) for example in examples]


@pytest.mark.parametrize(("right", "found"), [("A. long", 1), ("B. short", 0)])
def test_choices_are_compared_per_token(right: str, found: int) -> None:
    score = _choices([TextExample("Which?\nA. long\nB. short", right)])
    fake: Any = Favouring()
    assert score(fake, Subject()).right == found


def test_the_command_measures_losses_scores_and_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny_collection(tmp_path / "tiny", ("math", "code"), stop=EARLY_STOP)
    row = {"instruction": "How many apples?", "output": "3 + 5 = 8. The answer is 8."}
    (tmp_path / "math_en.jsonl").write_text(json.dumps(row))
    code = {"instruction": "add", "output": "def add(a, b):", "task": "function"}
    (tmp_path / "code_en.jsonl").write_text(json.dumps(code))
    arguments = ["evaluate-adapters", "--collection", str(manifest), "--data", str(tmp_path),
                 "--rows", "2", "--problems", "2"]  # fmt: skip
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["version"]) == ("fusion-lens/adapter-evaluation", 1)
    sets = {found["name"]: found for found in result["sets"]}
    assert set(sets) == {"math_en", "code_en", "word problems, held out"}
    found = sets["math_en"]
    assert found["own"] == "math" and set(found["losses"]) == {"base", "math", "code"}
    expected = 1 - found["losses"]["math"] / found["losses"]["base"]
    assert found["lower_by"] == pytest.approx(expected)
    scores = {score["adapter"]: score for score in result["scores"]}
    assert set(scores) == set(result["curves"]) == set(result["delta_norms"]) == {"math", "code"}
    assert set(scores["math"]["shares"]) == {"base", "math", "code"}
    assert [point["weight"] for point in result["curves"]["math"]] == [0.25, 0.5, 0.75, 1.0, 1.5]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n\n") == 2 and f"| {found['losses']['base']:.3f} |" in shown
    assert main([*arguments[:4], str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert "has no dev set" in error and "math_en.jsonl, code_en.jsonl" in error


def test_own_languages_and_domains_are_measured_by_their_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny_collection(tmp_path / "tiny", ("spanish", "code", "math"), stop=EARLY_STOP)
    text = manifest.read_text(encoding="utf-8")
    for own, tag, others in (("french", "fr", ("spanish", "es")), ("law", "law", ("code", "code"))):
        text = text.replace(f'name = "{others[0]}"', f'name = "{own}"')
        text = text.replace(f'tag = "{others[1]}"', f'tag = "{tag}"')
    text = text.replace('name = "math"', 'name = "sums"').replace('tag = "math"', 'tag = "sums"')
    manifest.write_text(text, encoding="utf-8")
    french = [
        {"instruction": "Que fait-elle ?", "output": "Elle prépare le petit déjeuner."},
        {"instruction": "Traduis : Il pleut.", "output": "It is raining today in the town."},
    ]
    law = {"instruction": "Which?\nA. a fine\nB. none", "output": "A. a fine", "task": "mcq"}
    written = {
        "lang_fr": french, "law": [law], "sums_en": [{"instruction": "1 + 1", "output": "2"}],
        "fr_law": [law], "lang_de": french,
    }  # fmt: skip
    for name, rows in written.items():
        # As a Windows program writes it: a byte order mark, and two characters at a line's end.
        lines = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (tmp_path / f"{name}.jsonl").write_bytes(b"\xef\xbb\xbf" + lines.encode() + b"\r\n\r\n")
    arguments = ["evaluate-adapters", "--collection", str(manifest), "--data", str(tmp_path)]
    assert main([*arguments, "--json"]) == 0
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert {one["name"]: (one["own"], one["rows"]) for one in result["sets"]} == {
        "lang_fr": ("french", 2), "law": ("law", 1), "sums_en": ("sums", 1),
    }  # fmt: skip
    assert "of no adapter: fr_law.jsonl, lang_de.jsonl" in shown.err
    scores = {one["adapter"]: one for one in result["scores"]}
    # A row whose own answer is in another language asks for no French; sums have no score.
    assert {name: one["shares"]["base"]["of"] for name, one in scores.items()} == {
        "french": 1, "law": 1,
    }  # fmt: skip


def test_rows_that_cannot_be_read_are_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny_collection(tmp_path / "tiny", ("code",))
    arguments = ["evaluate-adapters", "--collection", str(manifest), "--data", str(tmp_path)]
    for content, reason in (
        (b"\xe9", "is not UTF-8"),
        (b'{"instruction": "a"}', "line 1 has no output"),
        (b"[" * 100_000, "line 1 is not JSON"),
        (b"7", "is not a JSON object"),
    ):
        (tmp_path / "code.jsonl").write_bytes(content)
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1
