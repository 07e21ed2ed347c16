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
from .ranking import Evaluation, Metrics, evaluate, filtered_ranks, ranks
from .rescal import Rescal
from .training import EpochReport, Settings, train

__all__ = [
    "EpochReport",
    "Evaluation",
    "KnowledgeGraph",
    "Metrics",
    "Questions",
    "Rescal",
    "Settings",
    "evaluate",
    "filtered_ranks",
    "load",
    "names",
    "questions",
    "ranks",
    "train",
    "with_inverses",
]
