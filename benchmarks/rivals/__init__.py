"""Others that compute what the library computes, each as its own users write it.

A rival is a line of ``RIVALS`` and a name in the file of its library. A file is imported on first use, and it alone
imports the library. Its ``prepare(form, operands, grad_output)`` converts NumPy operands, which have no axes of size
one for broadcasting, and returns two calls without arguments: the first returns y, the second y and the gradients in
the order of the operands. What they return may be any arrays that ``np.asarray`` takes.
"""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

LIBRARIES = {  # file of this folder -> the package it needs
    "torch": "torch",
    "jax": "jax",
    "einsum": "numpy",
    "opt_einsum": "opt_einsum",
    "prange": "numba",
    "by_hand": "numpy",
    "form_numpy": "numpy",
    "form_torch": "torch",
}
BY_HAND = "by hand"


class Rival(NamedTuple):
    """A way to compute a structure, at home in a file of this folder.

    ``backward``: about how many times a forward both take, to foresee which would never end.
    """

    structure: str
    name: str
    file: str
    form: str
    what: str
    backward: float = 10

    @property
    def column(self):
        """Where it stands in a table; of those that share a column the fastest does."""
        return BY_HAND if self.file == "by_hand" else self.name

    @property
    def package(self):
        """What has to be installed."""
        return LIBRARIES[self.file]

    @property
    def is_present(self):
        """Whether it is."""
        return find_spec(self.package) is not None

    def prepare(self, operands, grad_output):
        """Forward, and forward with backward, on operands that are converted here."""
        return import_module(f"{__name__}.{self.file}").prepare(self.form, operands, grad_output)


RIVALS = (  # only ever appended
    Rival("rows", "torch layer", "torch", "layer", "F.bilinear, with autograd", 30),
    Rival("rows", "torch left", "torch", "left", "matmul(x1, W), then x2, with autograd"),
    Rival("rows", "torch outer", "torch", "outer", "(x1 outer x2) @ W', with autograd", 20),
    Rival("rows", "jax", "jax", "rows", "jit of einsum, and of its vjp"),
    Rival("rows", "einsum", "einsum", "rows", "np.einsum(optimize=True)"),
    Rival("rows", "opt_einsum", "opt_einsum", "rows", "contract_expression on NumPy arrays"),
    Rival("rows", "prange", "prange", "rows", "loops under numba.njit(parallel=True)"),
    Rival("rows", "project", "by_hand", "project", "NumPy: W x2 for all k by one GEMM, then x1"),
    Rival("rows", "left", "by_hand", "left", "NumPy: x1 W[k] by a GEMM for each k, then x2"),
    Rival("rows", "outer", "by_hand", "outer", "NumPy: x1 outer x2, then one GEMM"),
    Rival("pairs", "torch", "torch", "pairs", "einsum bxi,oij,byj->boxy as in SuPar, with autograd"),
    Rival("pairs", "jax", "jax", "pairs", "jit of einsum, and of its vjp"),
    Rival("pairs", "einsum", "einsum", "pairs", "np.einsum(optimize=True) of bxi,oij,byj->boxy"),
    Rival("pairs", "opt_einsum", "opt_einsum", "pairs", "contract_expression of bxi,oij,byj->boxy on NumPy arrays"),
    Rival("pairs", "two GEMMs", "by_hand", "pairs", "NumPy: x1 W for all k, then x2"),
    Rival("index", "torch bmm", "torch", "gathered", "W[index] gathered, torch.bmm, with autograd"),
    Rival("index", "torch loop", "torch", "per_relation", "a loop over relations, with autograd"),
    Rival("index", "jax", "jax", "index", "jit of einsum with W[index], and of its vjp"),
    Rival("index", "einsum", "einsum", "index", "np.einsum(optimize=True) with W[index]"),
    Rival("index", "loop", "by_hand", "per_relation", "NumPy: a loop over relations"),
    Rival("one against all", "torch bmm", "torch", "all_gathered", "W[index] gathered, torch.bmm, with autograd"),
    Rival("one against all", "jax", "jax", "one against all", "jit of einsum with W[index], and of its vjp"),
    Rival("one against all", "einsum", "einsum", "one against all", "np.einsum(optimize=True) with W[index]"),
    Rival("one against all", "loop", "by_hand", "all_per_relation", "NumPy: a loop over relations, then one GEMM"),
    Rival("quadratic", "torch", "torch", "quadratic", "(X @ A * X).sum(1) for each A, with autograd"),
    Rival("quadratic", "jax", "jax", "quadratic", "jit of einsum, and of its vjp"),
    Rival("quadratic", "einsum", "einsum", "quadratic", "np.einsum(optimize=True)"),
    Rival("quadratic", "opt_einsum", "opt_einsum", "quadratic", "contract_expression on NumPy arrays"),
    Rival("quadratic", "for each k", "by_hand", "quadratic", "NumPy: (X @ A * X).sum(1) for each A"),
    Rival("form", "NumPy", "form_numpy", "", "compositions by hand, parameters in the layout they like"),
    Rival("form", "torch", "form_torch", "", "the same, with autograd"),
)


def rivals(*structures):
    """Those of the structures, present or not, by name."""
    return {rival.name: rival for rival in RIVALS if rival.structure in structures}


def absent():
    """The packages of this folder that are not installed."""
    return [package for package in dict.fromkeys(LIBRARIES.values()) if find_spec(package) is None]


def versions():
    """The version of every package that is installed."""
    missing = absent()
    return {package: version(package) for package in dict.fromkeys(LIBRARIES.values()) if package not in missing}
