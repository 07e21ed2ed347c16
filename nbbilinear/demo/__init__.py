"""The demonstration: a real graph learnt and judged in a minute, with what it drew and measured left in a folder."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError


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
    quiet : bool
        One line at the end, and nothing else.
    """

    dataset: str = "kinships"
    epochs: int = 80
    seed: int = 0
    dim: int = 100
    output: Path = Path("nbbilinear-demo")
    quiet: bool = False


def run(options: Options) -> None:
    """Train, judge, compare the backends, and fill ``options.output``; nothing is left there after a failure.

    Raises
    ------
    ConfigError
        An option has no meaning, or rich or matplotlib are missing.
    OSError
        The folder cannot be written.
    """
    missing = [name for name in ("rich", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the demo needs {' and '.join(missing)}: pip install 'nbbilinear[demo]'")
    from .story import tell  # noqa: PLC0415  rich and matplotlib are optional: imported on first use

    tell(options)
