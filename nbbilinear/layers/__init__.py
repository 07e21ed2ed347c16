"""Layers: parameters, their containers, and the bilinear layer with its gradients."""

from .bilinear import Bilinear, InputGrads
from .module import Module
from .parameter import Parameter
from .state import LoadReport

__all__ = ["Bilinear", "InputGrads", "LoadReport", "Module", "Parameter"]
