"""Memory beside operands and results: a few MB, whatever the sizes."""

import tracemalloc

from .common import LARGE, SMALL, OneThread, Product, case, places, takers

SIZES = (*SMALL, *LARGE)


class Memory(OneThread):
    params = (takers(places(), "rows", SIZES, seconds=20), SIZES)
    param_names = ("backend", "size")
    timeout = 600

    def setup(self, backend, size):
        super().setup()
        self.product = Product("rows", size, "float32")
        self.case = case(self.product, backend)

    def peakmem_forward(self, *_):
        """Of the whole process, operands included."""
        self.case.forward()

    def peakmem_backward(self, *_):
        """Of the whole process, operands included."""
        self.case.backward()

    def track_beside_results_forward(self, *_):
        return _beside(self.case.forward, lambda y: y.nbytes)

    def track_beside_results_backward(self, *_):
        return _beside(self.case.backward, lambda grads: sum(a.nbytes for a in grads))

    def track_workspace(self, backend, _):
        return max(self.product.plan(backend, backward=backward).workspace_bytes for backward in (False, True))

    track_beside_results_forward.unit = track_beside_results_backward.unit = track_workspace.unit = "bytes"


def _beside(call, results_bytes):
    """Bytes that Python and NumPy held at the worst moment of a call, less the results."""
    call()
    tracemalloc.start()
    try:
        results = call()
        return tracemalloc.get_traced_memory()[1] - results_bytes(results)
    finally:
        tracemalloc.stop()
