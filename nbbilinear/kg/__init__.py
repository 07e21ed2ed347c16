"""Knowledge graphs: link prediction with bilinear products.

>>> from nbbilinear import kg
>>> graph = kg.load("nations")
>>> model = kg.Rescal(len(graph.entities), len(graph.relations), dim=20, rng=0)
>>> for report in kg.train(model, graph, kg.Settings(epochs=2)):
...     pass
>>> kg.evaluate(model.scores, graph, graph.valid).both.mrr > 0.3
True
"""

from .data import KnowledgeGraph, Questions, load, names, questions, with_inverses
from .folder import Reading, read_folder
from .named import NamedRescal
from .ranking import Evaluation, Metrics, evaluate, filtered_ranks, ranks
from .rescal import Rescal
from .settings import EpochReport, Settings
from .training import Training, train

__all__ = [
    "EpochReport",
    "Evaluation",
    "KnowledgeGraph",
    "Metrics",
    "NamedRescal",
    "Questions",
    "Reading",
    "Rescal",
    "Settings",
    "Training",
    "evaluate",
    "filtered_ranks",
    "load",
    "names",
    "questions",
    "ranks",
    "read_folder",
    "train",
    "with_inverses",
]
