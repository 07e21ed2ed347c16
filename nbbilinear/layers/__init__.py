"""Layers: parameters, their containers, and layers with their gradients."""

from .activations import ReLU, Sigmoid, Softmax, Tanh
from .bilinear import Bilinear, InputGrads
from .layer import Layer, LayerGrads
from .linear import Linear
from .module import Module
from .parameter import Parameter
from .sequential import Sequential
from .state import LoadReport

__all__ = [
    "Bilinear", "InputGrads", "Layer", "LayerGrads", "Linear", "LoadReport", "Module", "Parameter", "ReLU",
    "Sequential", "Sigmoid", "Softmax", "Tanh",
]  # fmt: skip
