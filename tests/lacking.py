"""A method that cannot run without a fitted file that no collection has."""

LACKING = """
from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Method, Unavailable


def policy(context, adapter):
    fitted = context.fitted("methods/lacking.safetensors")
    if fitted is None:
        raise Unavailable("It needs methods/lacking.safetensors: fit it.")
    return ConstantWeights(context.adapters, fitted.tensors["weights"])


METHOD = Method("lacking", "Lacking", "It lacks a file.", policy, order=35)
"""
