"""Evaluation: answers are the engine's, losses are the model's, scores mean what they say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.benchmark import results
from analysis.benchmark.composite import BUNDLED, compare, read_problems
from analysis.benchmark.numbers import final_number, is_number
from analysis.benchmark.results import CompositeResult
from analysis.benchmark.scoring import answers_in, parses
from analysis.benchmark.statistics import share, wilson
from analysis.common.errors import InputError
from analysis.common.schema import check_schema
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.methods import fuse
from analysis.models.manifest import load_collection
from analysis.training.evaluation.dev_sets import _choices
from analysis.training.evaluation.subject import Subject, SubjectRunner
from analysis.training.texts.examples import TextExample
from tests.tiny import tiny_collection

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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("so 12 + 7 = 19. The answer is 19.", 19),
        ("17-5=12", 12),
        ("Son 1,200 euros.", 1200),
        ("3,5 kilos", 3.5),
        ("It is -4", -4),
        ("答案是8。", 8),
        ("none", None),
        ("It is 3.5.", 3.5),
        ("12,000,000.25", 12_000_000.25),
        ("17−20 = −3", -3),
    ],
)
def test_the_final_number_is_found(text: str, number: float | None) -> None:
    assert final_number(text) == number
    assert is_number(text, 19) == (number == 19)


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("es", "Son 1.200 euros.", 1200),
        ("es", "Son 1.200,50 euros.", 1200.5),
        ("es", "3,5 kilos", 3.5),
        ("es", "3.5 kilos", 3.5),
        ("es", "12.000.000", 12_000_000),
        ("de", "1.200", 1200),
        ("ru", "Всего 1 200 рублей.", 1200),
        ("ru", "Всего 1\u00a0200,5 рублей.", 1200.5),
        ("ru", "1\u202f200\u202f000", 1_200_000),
        ("ru", "в классах 5 и 12 детей", 12),
        ("fr", "10 300", 10_300),
        ("zh", "一共1,200元。", 1200),
        ("zh", "3.5公斤", 3.5),
        ("en", "1.200 is read as in English", 1.2),
        ("es", "12 + 30 = 42", 42),
        ("es", "La respuesta es 8.", 8),
        ("es", "0.125 litros", 0.125),
        ("es", "0,125 litros", 0.125),
        ("es", "Son 1,200.50 euros.", 1200.5),
        ("es", "Son 1,200,000 euros.", 1_200_000),
        ("es", "En 2024 300 personas", 300),
        ("es", "de -3 a −1.200", -1200),
        ("ru", "2\u2009024 руб. и 1 200", 1200),
        ("ru", "в 2024 1 200 рублей", 1200),
        ("pt", "12 345,6", 12_345.6),
        ("it", "1200", 1200),
        ("en", "In 2024 300 people", 300),
        ("en", "There are 5 300", 300),
        ("en", "1\u202f200 metres", 1200),
        ("en", "1.200,50", 1200.5),
        ("en", "1.200.000", 1_200_000),
        ("en", "0,125", 0.125),
        ("en", "1,2,3", 3),
        ("zh", "１２００", 1200),
    ],
)
def test_numbers_are_read_as_the_language_writes_them(
    language: str, text: str, number: float
) -> None:
    assert final_number(text, language) == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("x = 1", True),
        ("```python\nx = 1\n```\nThis sets x.", True),
        ("def f(:", False),
        ("tac file | awk '{print;exit}'", False),
        ("", False),
        ("'\\d' if", False),
    ],
)
def test_python_is_told_from_other_text(text: str, right: bool) -> None:
    assert parses(text) is right


def test_languages_are_told_apart() -> None:
    texts = {
        "es": "Elena tiene 17 libros y compra 20 más, así tiene 17 + 20 = 37 libros.",
        "en": "Elena had 17 books and bought 20 more, so 17 + 20 = 37. The answer is 37.",
        "ru": "У Маши было пять яблок.",
        "zh": "小明有3个苹果。",
    }
    for language in texts:
        for own, text in texts.items():
            assert answers_in(language)(text) == (own == language), (language, text)
    assert not answers_in("es")("17 + 20 = 37")
    assert not answers_in("es")("Elena tiene 17 libros y compra 20 más, so 37. The answer is 37.")


def test_wilson_is_the_published_interval() -> None:
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for right, of, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(of=st.integers(1, 500), data=st.data())
def test_wilson_holds_the_share(of: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, of))
    low, high = wilson(right, of)
    assert 0 <= low <= right / of <= high <= 1
    mirrored = wilson(of - right, of)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


def test_a_share_counts() -> None:
    found = share([True, False, True, True])
    assert (found.right, found.of, found.value) == (3, 4, 0.75)


def _texts(result: CompositeResult) -> dict[tuple[str, str], str]:
    return {(one.problem, one.method): one.text for one in result.answers}


def _texts_of_the_engine(manifest: Path, methods: list[str]) -> dict[tuple[str, str], str]:
    engine, found = Engine.load(load_collection(manifest)), {}
    for problem in read_problems(BUNDLED, 2):
        prompt = engine.prompt(problem.instruction)
        context = engine.context(prompt, ["spanish", "math"])
        texts = dict.fromkeys(methods, "")
        for step in engine.answer(prompt, fuse(methods, context), new_tokens=4):
            for token in step.tokens:
                texts[methods[token.row]] += token.delta
        found |= {(problem.id, method): text.strip() for method, text in texts.items()}
    return found


def test_every_method_answers_every_problem(manifest: Path) -> None:
    methods = ["base", "adapter:math", "static", "qa-flora"]
    result = compare(
        Engine.load(load_collection(manifest)),
        read_problems(BUNDLED, 2),
        "es",
        ["spanish", "math"],
        methods,
        lambda line: None,
        new_tokens=4,
    )
    assert list(result.scores) == methods
    assert _texts(result) == _texts_of_the_engine(manifest, methods)
    for found in result.scores.values():
        assert found.both.right <= min(found.number.right, found.language.right)
        assert found.number.of == 2
    content = json.loads(json.dumps(result.as_json()))
    check_schema(content, results.SCHEMA, results.VERSION)
    with pytest.raises(InputError, match=r"version 1, and .* version 2 is read"):
        check_schema(content, results.SCHEMA, 2)


def test_the_bundled_problems_can_be_read() -> None:
    problems = read_problems(BUNDLED)
    assert len({problem.instruction for problem in problems}) == len(problems) == 100


@pytest.mark.parametrize(
    "line", ['{"instruction": "a"}', '{"instruction": "a", "answer": "b"}', "["]
)
def test_a_bad_problem_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match="line 1 is no problem"):
        read_problems(path)


def test_the_command_measures_losses_scores_and_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tiny_collection(tmp_path / "tiny", ("math", "code"))
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
    assert "has no dev set" in capsys.readouterr().err
