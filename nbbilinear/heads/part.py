"""Parts of a head: frozen records of options, found by name in a table, and written to and read from JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeVar

from ..errors import ConfigError
from ..scalars import whole

Array = Any


@dataclass(frozen=True)
class Part:
    """Base of the parts of a head. A part has options and no arrays: those it works on are given to it.

    Attributes
    ----------
    kind : str
        The name of the part in its table, and in a config.
    """

    kind: ClassVar[str]

    def _whole(self, *names: str) -> None:
        """Make options whole numbers >= 1, or refuse them; None stays."""
        for name in names:
            if getattr(self, name) is not None:
                value = whole(f"{type(self).__name__}: {name}", getattr(self, name), least=1)
                object.__setattr__(self, name, value)

    def config(self) -> dict[str, Any]:
        """Return the kind and the options, as JSON knows them."""
        return {"kind": self.kind, **asdict(self)}


P = TypeVar("P", bound=Part)


def part_of(owner: str, name: str, base: Any, table: Mapping[str, type[P]], given: P | str | Mapping[str, Any]) -> P:
    """Return the part that is meant: itself, one with default options by its name, or one by its config.

    Parameters
    ----------
    owner, name : str
        Who asks, and the name of the argument, for the messages.
    base : type
        What a part of one's own must be.
    table : mapping of kind to class
    given : Part, str or mapping

    Raises
    ------
    ConfigError
        There is no such kind, or it has no such option.
    """
    if isinstance(given, base):
        return given  # type: ignore[no-any-return]  # mypy takes no abstract class for a type
    options = dict(given) if isinstance(given, Mapping) else {"kind": given}
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in table:
        raise ConfigError(f"{owner}: {name} must be one of {', '.join(table)}, or such a part; got {given!r}")
    known = [field.name for field in fields(table[kind])]
    if unknown := options.keys() - set(known):
        wrong = ", ".join(sorted(unknown))
        raise ConfigError(f"{owner}: {name} {kind!r} has the options {', '.join(known) or 'none'}; got {wrong}")
    return table[kind](**options)


def config_of(part: Part, table: Mapping[str, type[Part]]) -> dict[str, Any]:
    """Return the config of a part; ConfigError for one that is not in the table, which no name could bring back."""
    if table.get(part.kind) is not type(part):
        raise ConfigError(f"a config can name the parts {', '.join(table)}, not {part!r}")
    return part.config()
