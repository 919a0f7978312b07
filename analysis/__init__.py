"""The science of Fusion Lens: query-adaptive fusion of LoRA adapters, layer by layer.

from analysis import Engine, Reading, fuse, load_collection, normalise

engine = Engine.load(load_collection())
trace = engine.trace("María tiene 3 manzanas y compra 5 más. ¿Cuántas tiene?")
divergence = engine.divergence(trace)            # [layers, adapters]
weights = normalise(divergence.values_LK)        # qa-FLoRA, each layer sums to 1

reading = Reading(trace.adapters, trace.layers, lambda: divergence.values_LK)
for step in engine.answer(trace.prompt, fuse(["base", "static", "qa-flora"], reading)):
    print(step)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.common.errors import InputError
    from analysis.common.limits import Limits
    from analysis.engine import Engine
    from analysis.inference.decoding import Sampling, Step, Token
    from analysis.inference.prompt import Prompt
    from analysis.inference.rows import Row
    from analysis.measure.divergence import Divergence
    from analysis.measure.normalisation import normalise
    from analysis.measure.trace import Trace
    from analysis.methods import Method, Reading, fuse, methods
    from analysis.models.manifest import Collection, load_collection

_PLACES = {
    "models.manifest": ("Collection", "load_collection"),
    "inference.decoding": ("Sampling", "Step", "Token"),
    "measure.divergence": ("Divergence",),
    "engine": ("Engine",),
    "common.errors": ("InputError",),
    "common.limits": ("Limits",),
    "methods": ("Method", "Reading", "fuse", "methods"),
    "inference.prompt": ("Prompt",),
    "inference.rows": ("Row",),
    "measure.trace": ("Trace",),
    "measure.normalisation": ("normalise",),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Collection",
    "Divergence",
    "Engine",
    "InputError",
    "Limits",
    "Method",
    "Prompt",
    "Reading",
    "Row",
    "Sampling",
    "Step",
    "Token",
    "Trace",
    "fuse",
    "load_collection",
    "methods",
    "normalise",
]


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds: what does not need it, such as `--help`, does not pay.
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(f"analysis.{_MODULE_OF[name]}"), name)
