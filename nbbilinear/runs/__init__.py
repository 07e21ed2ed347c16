"""What the demonstration and a training of one's own share: how a run looks, and what it leaves in a folder."""

from importlib.util import find_spec
from typing import Any

from ..errors import ConfigError

__all__ = ["quiet_blas"]


def quiet_blas(what: str) -> Any:
    """Give a context with one BLAS thread, once the packages that show and draw a run are known to be there.

    Products this small gain nothing from a second thread, and lose 6x to a busy core; and the bits of a result no
    longer depend on how many there are.

    Raises
    ------
    ConfigError
        rich, matplotlib or threadpoolctl are missing; ``what`` needs them.
    """
    missing = [name for name in ("rich", "matplotlib", "threadpoolctl") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"{what} needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  optional, as rich and matplotlib: on first use

    return threadpool_limits(1)
