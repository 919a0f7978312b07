"""The science of Fusion Lens: query-adaptive fusion of LoRA adapters, layer by layer.

from analysis import Engine, fuse, load_collection, normalise

engine = Engine.load(load_collection())
trace = engine.trace("María tiene 3 manzanas y compra 5 más. ¿Cuántas tiene?")
divergence = engine.divergence(trace)            # [layers, adapters]
weights = normalise(divergence.values_LK)        # qa-FLoRA, each layer sums to 1

context = engine.context(trace)
for step in engine.answer(trace.prompt, fuse(["base", "static", "qa-flora"], context)):
    print(step)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.common.errors import InputError
    from analysis.common.limits import Limits
    from analysis.engine import Engine
    from analysis.inference.decoding.sampling import Sampling
    from analysis.inference.decoding.steps import Step, Token
    from analysis.inference.mixing.policies import ConstantWeights, ModuleInput, WeightRule
    from analysis.inference.mixing.rows import Row
    from analysis.inference.prompt import Prompt
    from analysis.measure.context import Context
    from analysis.measure.divergence import Divergence
    from analysis.measure.normalisation import normalise
    from analysis.measure.trace import Trace
    from analysis.methods import Method, fuse, methods
    from analysis.models.collection import Collection
    from analysis.models.manifest import load_collection

_PLACES = {
    "models.collection": ("Collection",),
    "models.manifest": ("load_collection",),
    "inference.decoding.sampling": ("Sampling",),
    "inference.decoding.steps": ("Step", "Token"),
    "measure.context": ("Context",),
    "measure.divergence": ("Divergence",),
    "engine": ("Engine",),
    "common.errors": ("InputError",),
    "common.limits": ("Limits",),
    "methods": ("Method", "fuse", "methods"),
    "inference.prompt": ("Prompt",),
    "inference.mixing.policies": ("ConstantWeights", "ModuleInput", "WeightRule"),
    "inference.mixing.rows": ("Row",),
    "measure.trace": ("Trace",),
    "measure.normalisation": ("normalise",),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Collection",
    "ConstantWeights",
    "Context",
    "Divergence",
    "Engine",
    "InputError",
    "Limits",
    "Method",
    "ModuleInput",
    "Prompt",
    "Row",
    "Sampling",
    "Step",
    "Token",
    "Trace",
    "WeightRule",
    "fuse",
    "load_collection",
    "methods",
    "normalise",
]


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds, which `--help` and the first page need not wait for.
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    return getattr(import_module(f"analysis.{_MODULE_OF[name]}"), name)
