"""The demonstration: a real graph learnt and judged in a minute, with what it drew and measured left in a folder."""

from importlib.util import find_spec

from ..errors import ConfigError
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
    missing = [name for name in ("rich", "matplotlib", "threadpoolctl") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the demo needs {' and '.join(missing)}: pip install 'nbbilinear[demo]'")
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  optional, as rich and matplotlib: on first use

    from .story import tell  # noqa: PLC0415

    with threadpool_limits(1):  # products this small gain nothing from a second BLAS thread, and lose 6x to a busy core
        tell(options)
