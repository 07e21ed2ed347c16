"""The main job: RESCAL on Kinships."""

from functools import lru_cache

import nbbilinear as nbl
from nbbilinear import kg

from .common import OneThread, places


class Training(OneThread):
    """One epoch, and ranking the validation part."""

    params = (places(),)
    param_names = ("backend",)
    timeout = 600
    repeat = (1, 3, 10.0)
    warmup_time = 0

    def setup(self, backend):
        super().setup()
        self.graph, self.backend = _compiled(backend), backend
        self.model = kg.Rescal(len(self.graph.entities), len(self.graph.relations), rng=0)

    def time_epoch(self, _):
        with nbl.config(backend=self.backend):
            next(kg.train(self.model, self.graph, kg.Settings(epochs=100)))

    def time_ranking(self, _):
        with nbl.config(backend=self.backend):
            kg.evaluate(self.model.scores, self.graph, self.graph.valid)


@lru_cache(maxsize=1)
def _compiled(backend):
    """The graph, after a few steps on a smaller one."""
    nations = kg.load("nations")
    with nbl.config(backend=backend):
        next(kg.train(kg.Rescal(len(nations.entities), len(nations.relations), 4, rng=0), nations))
    return kg.load("kinships")
