"""The server's start: the page must not wait for what only the model needs."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.common.errors import InputError
from analysis.common.limits import PUBLIC, Limits
from app.options import read_options
from app.state.examples import load_examples
from tests import tiny

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "safetensors",
    "tokenizers",
    "analysis.benchmark.joined",
)
BUILT = f"""
import json, runpy, sys
names = runpy.run_path("app.py", run_name="imported")
stored = any("stored example" in str(block.value) for block in names["demo"].blocks.values()
             if hasattr(block, "value"))
print(json.dumps([stored, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


def test_page_is_built_with_its_example_and_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    stored, imported = json.loads(done.stdout)
    assert stored, "the bundled collection's stored example is not on the page"
    assert imported == []


def test_a_collection_that_cannot_be_used_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSION_LENS_COLLECTION", "no-such-collection")
    monkeypatch.setattr(sys, "argv", ["app.py"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "no-such-collection" in line


def test_the_options_name_a_base_and_adapters_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.tiny_collection(tmp_path, ("math",)).parent
    monkeypatch.setenv("FUSION_LENS_COLLECTION", str(folder))
    assert read_options(()).collection.name == "tiny"
    given = ["--base", str(folder / "base"), "--adapter", f"sums={folder / 'adapters' / 'math'}"]
    options = read_options([*given, "--port", "7900", "--dtype", "bfloat16", "--device", "cpu"])
    assert (options.port, options.dtype, options.device) == (7900, "bfloat16", "cpu")
    assert options.collection.names == ("sums",)
    monkeypatch.setattr("analysis.models.bases.identity.LARGE_BYTES", 0)
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "home"))
    os.utime(folder / "base" / "model.safetensors")  # so that it is read again
    read_options(given)
    assert "reading the base's files, once: 0.0 of 0.0 GB" in capsys.readouterr().err
    # Without a manifest there are questions to begin with; a manifest brings its own.
    assert len(load_examples(options.collection)) == 3
    assert load_examples(read_options(()).collection) == ()
    with pytest.raises(InputError, match=r"no adapter.*--adapter"):
        read_options(["--base", str(folder / "base")])
    with pytest.raises(InputError, match="--port 0"):
        read_options(["--port", "0"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--mcp .* pip install 'gradio\[mcp\]'"):
        read_options(["--mcp"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert read_options(["--mcp"]).mcp and not read_options(()).mcp
    with pytest.raises(SystemExit):
        read_options(["--port", "x"])
    assert "--port" in capsys.readouterr().err


def test_a_public_server_takes_less_and_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.tiny_collection(tmp_path, ("math",)).parent
    monkeypatch.setenv("FUSION_LENS_COLLECTION", str(folder))
    places = ("GRADIO_SERVER_NAME", "GRADIO_ROOT_PATH", "FORWARDED_ALLOW_IPS")
    for name in ("SPACE_ID", "GRADIO_SHARE", *places):
        monkeypatch.delenv(name, raising=False)
    own, public = read_options(()), read_options(["--public"])
    assert (own.public, own.may_add) == (False, True)
    assert (public.public, public.may_add) == (True, False)
    for name, value in zip(places, ("0.0.0.0", "/lens", "127.0.0.1"), strict=True):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert not read_options(()).may_add, "others may reach this server"
    monkeypatch.setenv("SPACE_ID", "owner/name")
    assert read_options(()).public and not read_options(()).may_add
    usual = Limits()
    assert PUBLIC.prompt_tokens < usual.prompt_tokens and PUBLIC.new_tokens < usual.new_tokens
    with pytest.raises(InputError, match="513 prompt tokens"):
        PUBLIC.check_answer(513, 1, 1)


def test_a_public_engine_keeps_no_answer() -> None:
    import torch

    from analysis.common.cache import ByteCache
    from analysis.inference.decoding.kept_answers import AnswerRequest, KeptAnswer, KeptAnswers
    from analysis.inference.decoding.sampling import Sampling
    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.inference.mixing.policy_weights import PolicyWeights
    from analysis.inference.mixing.rows import Row

    kept = KeptAnswers(ByteCache(PUBLIC.answer_bytes), ("math",))
    row = Row("base", ConstantWeights((), torch.zeros(2, 0)))
    request = AnswerRequest(None, row, 4, Sampling(), None)  # type: ignore[arg-type]
    kept.put(request, KeptAnswer((), PolicyWeights.of(row.policy)))  # type: ignore[arg-type]
    assert kept.get(request) is None
