"""The demonstration: a real graph learnt and judged in a minute, with what it drew and measured left in a folder."""

from ..runs import quiet_blas
from .options import Options

__all__ = ["Options", "run"]


def run(options: Options) -> None:
    """Train, judge, compare the backends, and fill ``options.output``; nothing is left there after a failure.

    Raises
    ------
    ConfigError
        An option has no meaning, or rich, matplotlib or threadpoolctl are missing.
    OSError
        The folder cannot be written.
    """
    with quiet_blas("the demo"):
        from .story import tell  # noqa: PLC0415  loads rich and matplotlib: on first use

        tell(options)
