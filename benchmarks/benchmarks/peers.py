"""The product as one writes it in NumPy: einsum, and three orders by hand. ``python -m benchmarks.peers`` compares.

Each is a forward, which also returns what it saves, and a backward; none bounds its memory.
"""

from functools import partial
from time import process_time
from typing import NamedTuple

import numpy as np

import nbbilinear as nbl

from .command import chosen_sizes, parser, table
from .common import ROWS, SMALL, OneThread, Product, case, draw, places
from .definition import shares
from .measure import in_turn


def einsum_forward(x1, x2, weight, bias):
    """The definition, in the order that einsum finds."""
    return np.einsum("bi,kij,bj->bk", x1, weight, x2, optimize=True) + bias, None


def einsum_backward(g, x1, x2, weight, _):
    """The three other faces."""
    dx1 = np.einsum("bk,kij,bj->bi", g, weight, x2, optimize=True)
    dx2 = np.einsum("bk,kij,bi->bj", g, weight, x1, optimize=True)
    return dx1, dx2, np.einsum("bk,bi,bj->kij", g, x1, x2, optimize=True), g.sum(axis=0)


def project_forward(x1, x2, weight, bias):
    """t[b,k,i] = W x2 by one GEMM over all weights, then x1."""
    t = (x2 @ weight.reshape(-1, x2.shape[1]).T).reshape(len(x1), len(weight), -1)
    return np.matmul(t, x1[:, :, None])[:, :, 0] + bias, t


def project_backward(g, x1, x2, weight, t):
    """dt = g x1; two GEMMs."""
    dt = (g[:, :, None] * x1[:, None, :]).reshape(len(g), -1)
    dx1 = np.matmul(g[:, None, :], t)[:, 0]
    return dx1, dt @ weight.reshape(-1, x2.shape[1]), (dt.T @ x2).reshape(weight.shape), g.sum(axis=0)


def left_forward(x1, x2, weight, bias):
    """t[k,b,j] = x1 W[k] by a GEMM for each k, then x2."""
    t = np.matmul(x1, weight)
    return np.einsum("kbj,bj->bk", t, x2) + bias, t


def left_backward(g, x1, x2, weight, t):
    """dt = g x2; two GEMMs for each k."""
    dt = g.T[:, :, None] * x2
    dx1 = np.matmul(dt, weight.transpose(0, 2, 1)).sum(axis=0)
    return dx1, np.einsum("bk,kbj->bj", g, t), np.matmul(x1.T, dt), g.sum(axis=0)


def outer_forward(x1, x2, weight, bias):
    """z[b,ij] = x1 x2, then one GEMM."""
    z = (x1[:, :, None] * x2[:, None, :]).reshape(len(x1), -1)
    return z @ weight.reshape(len(weight), -1).T + bias, z


def outer_backward(g, x1, x2, weight, z):
    """u = g W; two GEMMs."""
    u = (g @ weight.reshape(len(weight), -1)).reshape(len(g), x1.shape[1], x2.shape[1])
    dx1, dx2 = np.matmul(u, x2[:, :, None])[:, :, 0], np.matmul(x1[:, None, :], u)[:, 0]
    return dx1, dx2, (g.T @ z).reshape(weight.shape), g.sum(axis=0)


class Peer(NamedTuple):
    """A forward that returns y and what it saves, and the backward that takes it."""

    forward: object
    backward: object

    def seconds(self, product):
        """CPU seconds of one forward."""
        operands = {name: a for name, a in draw(product).items() if name != "grad_output"}
        begin = process_time()
        self.forward(**operands)
        return process_time() - begin

    def results(self, grad_output, **operands):
        """Y and all gradients."""
        y, saved = self.forward(**operands)
        operands.pop("bias")
        return y, *self.backward(grad_output, *operands.values(), saved)

    def calls(self, product):
        """Forward, and forward with backward; found right before they are handed out."""
        operands = dict(draw(product))
        grad_output = operands.pop("grad_output")
        results = self.results(grad_output, **operands)
        found = shares(product, dict(zip(("y", "x1", "x2", "weight"), results, strict=False)))
        assert max(found.values()) <= 1, found
        return partial(self.forward, **operands), partial(self.results, grad_output, **operands)


PEERS = {  # only ever appended
    "einsum": Peer(einsum_forward, einsum_backward),
    "project": Peer(project_forward, project_backward),
    "left": Peer(left_forward, left_backward),
    "outer": Peer(outer_forward, outer_backward),
}


class Peers(OneThread):
    params = (tuple(PEERS), SMALL, ("float32",))
    param_names = ("peer", "size", "dtype")

    def setup(self, peer, size, dtype):
        super().setup()
        self.calls = PEERS[peer].calls(Product("rows", size, dtype))

    def time_forward(self, *_):
        self.calls[0]()

    def time_forward_backward(self, *_):
        self.calls[1]()


def ours(product, backend):
    """The library's forward, and forward with backward."""
    prepared = case(product, backend)
    return prepared.forward, lambda: (prepared.forward(), prepared.backward())


def main():
    """Print how many times the CPU time of the library each peer takes."""
    options = parser(__doc__)
    options.add_argument("--slowest", type=float, default=1.0, help="run a peer once if that takes longer, in seconds")
    options = options.parse_args()
    rows = {"forward": [], "forward + backward": []}
    with nbl.config(threads=1):
        for product in chosen_sizes(options, {"rows": ROWS}):
            both = {"plan": ours(product, None)} | {place: ours(product, place) for place in places()}
            once = {name: peer.seconds(product) for name, peer in PEERS.items()}
            both |= {name: PEERS[name].calls(product) for name in PEERS if once[name] <= options.slowest}
            for which, title in enumerate(rows):
                samples = in_turn({name: pair[which] for name, pair in both.items()}, seconds=options.seconds)
                rows[title].append(_row(product, samples, {} if which else once))
    head = ["rows x in1 x in2 x out", "µs", *places(), "einsum", "best by hand"]
    for title, some in rows.items():
        table(f"{title}, {options.dtype}: µs of the plan's choice, and how many times that the others take", head, some)


def _row(product, samples, once):
    """``once``: seconds of a single forward, for peers that were too slow for more."""
    ours = np.median(samples["plan"])
    over = {name: float(np.median(some / samples["plan"])) for name, some in samples.items()}
    over = {name: seconds / ours for name, seconds in once.items()} | over
    best = min((name for name in over if name in PEERS and name != "einsum"), key=over.get)
    times = [f"{over[place]:.2f}" for place in places()] + [f"{over['einsum']:.1f}" if "einsum" in over else "not run"]
    return [product.size, f"{ours * 1e6:,.0f}", *times, f"{over[best]:.2f} ({best})"]


if __name__ == "__main__":
    main()
