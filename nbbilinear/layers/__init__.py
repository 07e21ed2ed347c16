"""Layers: parameters, their containers, and layers with their gradients."""

from .activations import ReLU, Sigmoid, Softmax, Tanh
from .batch_norm import BatchNorm
from .bilinear import Bilinear, InputGrads
from .dropout import Dropout
from .forms import LAYERS, FormBilinear
from .layer import Layer, LayerGrads
from .linear import Linear
from .module import Module
from .parameter import Buffer, Parameter
from .sequential import Sequential
from .state import LoadReport

__all__ = [
    "LAYERS", "BatchNorm", "Bilinear", "Buffer", "Dropout", "FormBilinear", "InputGrads", "Layer", "LayerGrads",
    "Linear", "LoadReport", "Module", "Parameter", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip


def __getattr__(name: str) -> type[FormBilinear]:
    """The layers of forms, by the table."""
    if name in LAYERS:
        return LAYERS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
