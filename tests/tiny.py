"""Tiny random language models, tokenizers and adapters, for tests that need the real thing fast.

Everything is built from configurations and seeds: nothing is downloaded, and the same arguments
always give the same numbers.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.auto import AutoModelForCausalLM

from analysis.common.limits import Limits
from analysis.engine import Engine
from analysis.models.adapters import load_adapter
from analysis.models.collection import AdapterEntry, PromptForm

LAYERS, WIDTH, HEADS, INNER = 3, 32, 4, 48
FORM = "<bos>User: {query}\nAssistant: "
STOP = "\nUser:"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n"
    "{{ message['content'] }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
EARLY_STOP = tuple("aeiounrst аеоин有个")
"""Stop texts that random tokens soon spell: answers end early, and the tests with them."""

CONTROL = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
SENTENCES = (
    "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?",
    "User: How many apples does Mary have?\nAssistant: She has 3 + 5 = 8 apples.",
    "The capital of France is Paris, and the capital of Spain is Madrid.",
    "def add(a, b):\n    return a + b\n",
    "У Марии 3 яблока, и она покупает ещё 5. Сколько у неё яблок?",
    "玛丽有三个苹果,又买了五个。她现在有多少个苹果?",
    "El médico dice que el niño tiene que beber agua y dormir.",
)


@cache
def tokenizer(*, byte_level: bool = False, chat: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer trained on `SENTENCES`; shared, as tokenizers are in an engine.

    Args:
        byte_level: Bytes as characters (GPT-2's way) rather than `▁` and byte fallback (Gemma's).
        chat: With a chat template.
    """
    if byte_level:
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        special = list(CONTROL)
    else:
        backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        backend.normalizer = normalizers.Replace(" ", "▁")
        backend.pre_tokenizer = pre_tokenizers.Split(Regex("▁"), "merged_with_next")
        backend.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
        alphabet = []
        special = [*CONTROL, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=480, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(SENTENCES, trainer)
    if not byte_level:
        # The bytes were kept out of the merges as special tokens; they are ordinary ones.
        state = json.loads(backend.to_str())
        state["added_tokens"] = [
            token for token in state["added_tokens"] if token["content"] in CONTROL
        ]
        backend = Tokenizer.from_str(json.dumps(state))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
        clean_up_tokenization_spaces=False,
    )
    if chat:
        fast.chat_template = TEMPLATE
    return fast


@cache
def prefix_tokenizer(scheme: str) -> PreTrainedTokenizerFast:
    """A tokenizer that may put a space before a text, as SentencePiece ones do.

    Args:
        scheme: `always`, `first` or `never`, as `tokenizers` calls them.
    """
    state = json.loads(tokenizer().backend_tokenizer.to_str())
    state["normalizer"] = None
    state["pre_tokenizer"] = {
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False
    }  # fmt: skip
    state["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
        clean_up_tokenization_spaces=False,
    )


def _llama_like(kind: Callable[..., PretrainedConfig], **more: Any) -> PretrainedConfig:
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
    }
    return kind(**sizes, **more)


_GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 16}
_CONFIGS: dict[str, Callable[..., PretrainedConfig]] = {
    "llama": lambda **ids: _llama_like(LlamaConfig, **ids),
    "qwen2": lambda **ids: _llama_like(Qwen2Config, tie_word_embeddings=True, **ids),
    "gemma3": lambda **ids: _llama_like(
        Gemma3TextConfig,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        **_GEMMA,
        **ids,
    ),
    "mistral": lambda **ids: _llama_like(MistralConfig, sliding_window=16, **ids),
    "phi3": lambda **ids: _llama_like(Phi3Config, **ids),
    "gpt-neox": lambda **ids: GPTNeoXConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=512,
        **ids,
    ),
    "gpt2": lambda **ids: GPT2Config(
        n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=512, **ids
    ),
    # No family of its own in the tests of the mixture; it caps its logits.
    "gemma2": lambda **ids: _llama_like(Gemma2Config, final_logit_softcapping=3.0, **_GEMMA, **ids),
}
FAMILIES = ("llama", "qwen2", "gemma3", "mistral", "phi3", "gpt-neox", "gpt2")
_SEVEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LINEARS: dict[str, tuple[str, ...]] = {
    "phi3": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "gpt-neox": ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
    "gpt2": ("c_attn", "c_proj", "c_fc"),
}
"""The linears of a family's blocks where they are not Llama's seven."""


def linears(family: str) -> tuple[str, ...]:
    """Names of the linears of a family's blocks."""
    return LINEARS.get(family, _SEVEN)


def model(
    family: str = "gemma3",
    *,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    vocabulary: int | None = None,
) -> PreTrainedModel:
    """A random model whose every parameter matters: no zero bias, no norm that only scales by 1.

    Args:
        family: One of `FAMILIES`, or `gemma2`.
        dtype: Of its parameters.
        seed: Of its parameters.
        vocabulary: Its size; the default tokenizer's by default.
    """
    return copy.deepcopy(_model(family, dtype, seed, vocabulary))


@cache
def _model(family: str, dtype: torch.dtype, seed: int, vocabulary: int | None) -> PreTrainedModel:
    words = tokenizer()
    config = _CONFIGS[family](
        vocab_size=vocabulary or len(words),
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    made: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if parameter.dim() == 1:
                parameter += 0.1 * noise.float()
            else:
                parameter.copy_(noise / parameter.shape[-1] ** 0.5)
    return made.to(dtype).eval().requires_grad_(False)


def write_adapter(
    folder: Path,
    base: PreTrainedModel,
    *,
    rank: int = 4,
    alpha: float = 8,
    targets: Sequence[str] | str | None = None,
    layers: Sequence[int] | None = None,
    rslora: bool = False,
    dora: bool = False,
    rank_pattern: Mapping[str, int] | None = None,
    alpha_pattern: Mapping[str, float] | None = None,
    strength: float = 0.3,
    seed: int = 1,
    dtype: torch.dtype | None = None,
) -> Path:
    """Writes a random adapter for a base, as PEFT's `save_pretrained` does.

    Args:
        folder: Where to; made if it is not there.
        base: The model; it is not changed.
        rank: LoRA's r.
        alpha: LoRA's alpha.
        targets: Which linears; all of the blocks by default.
        layers: Which layers; all by default.
        rslora: Scale by alpha / √r rather than alpha / r.
        dora: With magnitudes that differ from the base's.
        rank_pattern: Other ranks for some modules.
        alpha_pattern: Other alphas for some modules.
        strength: Standard deviation of B; 0 makes an adapter that adds nothing.
        seed: Of A and B.
        dtype: Of A and B; the base's by default.

    Returns:
        The folder.
    """
    if targets is None:
        family = base.config.model_type.replace("_text", "").replace("_", "-")
        targets = linears(family)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # fractions work
        target_modules=targets if isinstance(targets, str) else list(targets),
        layers_to_transform=None if layers is None else list(layers),
        use_rslora=rslora,
        use_dora=dora,
        rank_pattern=dict(rank_pattern or {}),
        alpha_pattern=dict(alpha_pattern or {}),
        fan_in_fan_out=base.config.model_type == "gpt2",
        task_type="CAUSAL_LM",
    )
    # DoRA's magnitudes come from the base's numbers, all other adapters from its shapes alone.
    shapes = [(name, one.shape, one.dtype) for name, one in base.named_parameters()]
    key = (
        None
        if dora
        else repr((config, base.config, base.name_or_path, shapes, strength, seed, dtype))
    )
    _write_once(
        key, folder, lambda out: _lora(base, config, strength, seed, dtype).save_pretrained(out)
    )
    return folder


def _lora(
    base: PreTrainedModel,
    config: LoraConfig,
    strength: float,
    seed: int,
    dtype: torch.dtype | None,
) -> PeftModel:
    """A random adapter on a copy of a base."""
    wrapped = get_peft_model(copy.deepcopy(base), config, autocast_adapter_dtype=False)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_" in name:
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                width = parameter.shape[-1] ** 0.5
                if "magnitude" in name:
                    parameter *= 1 + strength * noise.to(parameter)
                else:
                    parameter.copy_(noise / width if "lora_A" in name else strength * noise)
    return wrapped if dtype is None else wrapped.to(dtype)


_WRITTEN: dict[str, dict[str, bytes]] = {}


def _write_once(key: str | None, folder: Path, write: Callable[[str], object]) -> None:
    """Writes files into a folder; those of a key, which are always the same, are made once.

    Args:
        key: Of the files; None for files that are made anew each time.
        folder: Where to; made if it is not there.
        write: Writes the files into a folder.
    """
    if key is None:
        write(str(folder))
        return
    if key not in _WRITTEN:
        with TemporaryDirectory() as made:
            write(made)
            _WRITTEN[key] = {path.name: path.read_bytes() for path in Path(made).iterdir()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _WRITTEN[key].items():
        (folder / name).write_bytes(content)


def tiny_engine(
    folder: Path,
    adapters: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    family: str = "gemma3",
    dtype: torch.dtype = torch.float64,
    form: str | None = FORM,
    stop: Sequence[str] = (STOP,),
    limits: Limits | None = None,
) -> tuple[Engine, PreTrainedModel, dict[str, Path]]:
    """An engine in any precision, its model, and where its adapters lie.

    Args:
        folder: For the adapters.
        adapters: Names with options for `write_adapter`; two by default.
        family: Of the base.
        dtype: Of the base.
        form: The prompt form; None for a tokenizer with a chat template.
        stop: The prompt form's stop strings.
        limits: The engine's caps.
    """
    base = model(family, dtype=dtype)
    folders = {
        name: write_adapter(folder / name, base, **{"seed": index + 1, **options})
        for index, (name, options) in enumerate((adapters or {"spanish": {}, "math": {}}).items())
    }
    loaded = [
        load_adapter(base, AdapterEntry(name, name, "other", path))
        for name, path in folders.items()
    ]
    prompt = None if form is None else PromptForm(form, tuple(stop))
    words = tokenizer(chat=form is None)
    return Engine(base, words, loaded, prompt, limits), base, folders


KINDS = {"spanish": "language", "russian": "language", "chinese": "language"}
TAGS = {"spanish": "es", "russian": "ru", "chinese": "zh"}


EXAMPLES = """
[[examples]]
label = "Sums in Spanish"
adapters = ["spanish", "math"]
alone = "math"
query = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"

[[examples]]
label = "Greeting"
query = "Say hello."
"""


def tiny_collection(
    folder: Path,
    adapters: Sequence[str] | Mapping[str, Mapping[str, Any]] = ("spanish", "math", "code"),
    labels: Mapping[str, str] | None = None,
    *,
    family: str = "gemma3",
    form: str | None = FORM,
    stop: Sequence[str] = (STOP,),
    lens: str = "norm",
    position: str = "query",
    normalisation: str = "sum",
    chat: bool = False,
) -> Path:
    """Writes a whole collection: a base, its adapters and the manifest.

    Args:
        folder: Where to; made if it is not there.
        adapters: Their names, or names with options for `write_adapter`.
        labels: Labels of some adapters; any text.
        family: Of the base.
        form: The prompt form; None leaves the tokenizer's chat template, if `chat`, or nothing.
        stop: The prompt form's stop strings.
        lens: The lens to begin with.
        position: The position to begin with.
        normalisation: The normalisation to begin with.
        chat: Give the tokenizer a chat template.

    Returns:
        The path of the manifest, for `load_collection`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = model(family)
    # transformers gives these families byte-level pieces, whatever their files say.
    byte_level = family in ("qwen2", "gpt-neox", "gpt2")
    words = tokenizer(byte_level=byte_level, chat=chat)

    def write_base(out: str) -> None:
        base.save_pretrained(out)
        words.save_pretrained(out)

    _write_once(repr((family, byte_level, chat)), folder / "base", write_base)
    options = adapters if isinstance(adapters, Mapping) else {name: {} for name in adapters}
    lines = [
        'name = "tiny"',
        'title = "A tiny random model"',
        f'lens = "{lens}"',
        f'position = "{position}"',
        f'normalisation = "{normalisation}"',
        "[base]",
        'folder = "base"',
        'license = "none"',
    ]
    if form is not None:
        lines += ["[prompt]", f"form = {_toml(form)}", f"stop = [{', '.join(map(_toml, stop))}]"]
    for index, (name, given) in enumerate(options.items()):
        write_adapter(folder / "adapters" / name, base, **{"seed": index + 1, **given})
        lines += [
            "[[adapters]]",
            f"name = {_toml(name)}",
            f"label = {_toml((labels or {}).get(name, name.capitalize()))}",
            f"kind = {_toml(KINDS.get(name, 'task'))}",
            f"tag = {_toml(TAGS.get(name, name))}",
            f"folder = {_toml(f'adapters/{name}')}",
            'license = "none"',
            f"note = {_toml(f'Random numbers called {name}.')}",
        ]
    path = folder / "collection.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if {"spanish", "math"} <= set(options):
        (folder / "examples.toml").write_text(EXAMPLES, encoding="utf-8")
    return path


def _toml(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
