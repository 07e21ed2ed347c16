"""What the demonstration can be asked."""

from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """What to show.

    Attributes
    ----------
    dataset : str
        A name of :func:`nbbilinear.kg.data.names`.
    epochs : int
    seed : int
        Of the initial values and of the batches' order.
    dim : int
        Length of an entity's vector.
    output : pathlib.Path
        The folder to fill.
    overwrite : bool
        Whether files of an earlier run in ``output`` may be replaced.
    quiet : bool
        One line at the end, and nothing else.
    """

    dataset: str = "kinships"
    epochs: int = 80
    seed: int = 0
    dim: int = 100
    output: Path = Path("nbbilinear-demo")
    overwrite: bool = False
    quiet: bool = False
