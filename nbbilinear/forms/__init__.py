"""Forms of a weight: fewer numbers than ``out * in1 * in2``, and a product that costs what they allow."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .. import calls as _plain
from ..execute import BilinearGrads
from ..plan import Plan
from . import calls as _formed
from . import plan as _plan
from .antisymmetric import Antisymmetric
from .biaffine import Biaffine
from .block_diagonal import BlockDiagonal
from .block_term import BlockTerm
from .complex_diagonal import ComplexDiagonal
from .conventions import from_allennlp, from_chainer, from_supar
from .cp import CP
from .diagonal import Diagonal
from .form import Form
from .full import Full
from .kronecker import Kronecker
from .low_rank import LowRank
from .low_rank_kronecker import LowRankKronecker
from .plan import FormPlan
from .sparse import Sparse
from .symmetric import Symmetric
from .tucker import Tucker

FORMS: dict[str, type[Form]] = {  # a new form is a file and a line here
    "full": Full,
    "diagonal": Diagonal,
    "low_rank": LowRank,
    "cp": CP,
    "tucker": Tucker,
    "block_term": BlockTerm,
    "block_diagonal": BlockDiagonal,
    "kronecker": Kronecker,
    "low_rank_kronecker": LowRankKronecker,
    "symmetric": Symmetric,
    "antisymmetric": Antisymmetric,
    "sparse": Sparse,
    "complex_diagonal": ComplexDiagonal,
    "biaffine": Biaffine,
}

__all__ = [
    "CP", "FORMS", "Antisymmetric", "Biaffine", "BlockDiagonal", "BlockTerm", "ComplexDiagonal", "Diagonal", "Form",
    "FormPlan", "Full", "Kronecker", "LowRank", "LowRankKronecker", "Sparse", "Symmetric", "Tucker", "calls_for",
    "from_allennlp", "from_chainer", "from_supar",
]  # fmt: skip


class _OfForms:
    """The verbs for forms, which stand in two modules."""

    @property
    def forward(self) -> Callable[..., Any]:
        return _formed.forward

    @property
    def backward(self) -> Callable[..., BilinearGrads]:
        return _formed.backward

    @property
    def plan(self) -> Callable[..., FormPlan]:
        return _plan.plan


_FORMED = _OfForms()


class Verbs(Protocol):
    """What carries out the verbs."""

    @property
    def forward(self) -> Callable[..., Any]:
        """Compute y."""
        ...

    @property
    def backward(self) -> Callable[..., BilinearGrads]:
        """Compute gradients."""
        ...

    @property
    def plan(self) -> Callable[..., Plan | FormPlan]:
        """Say how either would be computed."""
        ...


def calls_for(weight: Any) -> Verbs:
    """Return what carries out the verbs for this weight: an array, or a form of one."""
    if type(weight) is np.ndarray:  # isinstance of an abstract class takes longer than all else here
        return _plain
    return _FORMED if isinstance(weight, Form) else _plain
