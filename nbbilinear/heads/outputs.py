"""Output processing: the layers that a head ends in, and the table of those that a config can name."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError
from ..layers import BatchNorm, Dropout, Layer, ReLU, Softmax


class Output(NamedTuple):
    """A kind of layer, the options it has, and the arguments that the head gives it."""

    layer: type[Layer]
    options: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


OUTPUTS = {
    "batch_norm": Output(BatchNorm, ("eps", "momentum"), ("features", "dtype")),
    "relu": Output(ReLU),
    "dropout": Output(Dropout, ("p",), ("rng",)),
    "softmax": Output(Softmax, ("axis",)),
}


def output_layers(
    owner: str, given: Iterable[str | Mapping[str, Any] | Layer], features: int, dtype: Any, rng: np.random.Generator
) -> dict[str, Layer]:
    """Return layers by name, in order, from names, configs or layers.

    Examples
    --------
    >>> output_layers("head", ["relu", {"kind": "dropout", "p": 0.1}], 3, "float32", np.random.default_rng(0))
    {'relu': ReLU(), 'dropout': Dropout(p=0.1)}
    """
    known = {"features": features, "dtype": dtype, "rng": rng}
    found: dict[str, Layer] = {}
    if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
        raise ConfigError(f"{owner}: outputs must be a sequence, got {given!r}")
    for one in given:
        twice = isinstance(one, Layer) and any(one is layer for layer in found.values())
        if isinstance(one, Layer) and twice and any(True for _ in one.parameters()):
            raise ConfigError(f"{owner}: outputs has {one!r} twice, whose gradients would have one name")
        name, layer = (type(one).__name__, one) if isinstance(one, Layer) else _made(owner, one, known)
        found[name if name not in found else f"{name}_{len(found)}"] = layer
    return found


def outputs_config(layers: Iterable[Layer]) -> list[dict[str, Any]]:
    """Return a config of layers, as :func:`output_layers` takes it; ConfigError for one that the table has not.

    Examples
    --------
    >>> outputs_config([ReLU(), Softmax(0)])
    [{'kind': 'relu'}, {'kind': 'softmax', 'axis': 0}]
    """
    kinds = {output.layer: kind for kind, output in OUTPUTS.items()}
    found = []
    for layer in layers:
        kind = kinds.get(type(layer))
        if kind is None:
            raise ConfigError(f"a config can name the outputs {', '.join(OUTPUTS)}, not {layer!r}")
        found.append({"kind": kind} | {option: getattr(layer, option) for option in OUTPUTS[kind].options})
    return found


def _made(owner: str, given: str | Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, Layer]:
    options = dict(given) if isinstance(given, Mapping) else {"kind": given}
    kind = options.pop("kind", None)
    if not isinstance(kind, str) or kind not in OUTPUTS or options.keys() - set(OUTPUTS[kind].options):
        table = ", ".join(f"{name}({', '.join(output.options)})" for name, output in OUTPUTS.items())
        raise ConfigError(f"{owner}: outputs must be layers, or of {table}; got {given!r}")
    if options.get("axis", -1) not in (-2, -1, 0, 1):
        raise ConfigError(f"{owner}: outputs are (b, n), which has no axis {options['axis']}")
    output = OUTPUTS[kind]
    return kind, output.layer(**{name: known[name] for name in output.given}, **options)
