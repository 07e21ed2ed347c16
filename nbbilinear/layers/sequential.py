"""Layers one after another."""

from collections.abc import Iterator

from ..errors import ConfigError
from .arguments import Array
from .layer import Layer, LayerGrads, Pullback


class Sequential(Layer):
    """Layers one after another, each given the result of the one before.

    Parameters
    ----------
    *layers : Layer
        Each with one input, as :class:`Linear`, the activations, another Sequential, or a Layer of one's own. The same
        one may come twice; its gradients are summed. With none, the result is the input.

    Raises
    ------
    ConfigError
        One of them is no Layer of one input.

    Notes
    -----
    Children are named ``"0"``, ``"1"``, …, in states too. A call keeps what ``backward`` needs here and not in the
    children, which are as they were; on an error in any of them nothing has changed. After ``eval()`` a call holds two
    results at a time.
    Source: ``torch.nn.Sequential``.

    Examples
    --------
    >>> import numpy as np
    >>> from nbbilinear.layers import Linear, ReLU, Sequential
    >>> model = Sequential(Linear(3, 4, rng=0), ReLU(), Linear(4, 1, rng=1))
    >>> model
    Sequential(
      (0): Linear(in_features=3, out_features=4, bias=True)
      (1): ReLU()
      (2): Linear(in_features=4, out_features=1, bias=True)
    )
    >>> y = model(np.ones((7, 3)))
    >>> model.backward(np.ones_like(y)).shape, [name for name, _ in model.named_parameters()]
    ((7, 3), ['0.weight', '0.bias', '2.weight', '2.bias'])
    """

    def __init__(self, *layers: Layer) -> None:
        for position, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ConfigError(f"Sequential: layer {position} must be a Layer of one input, got {layer!r}")
            setattr(self, str(position), layer)

    def vjp(self, x: Array) -> tuple[Array, Pullback]:  # noqa: D102 - Layer's
        steps = []
        for layer in self:
            x, pull = layer.vjp(x)
            steps.append((layer, pull))

        def pullback(grad_output: Array) -> LayerGrads:
            names = {id(parameter): name for name, parameter in self.named_parameters()}
            found: dict[str, Array] = {}
            for layer, pull in reversed(steps):
                grad_output, grads = pull(grad_output)
                own = dict(layer.named_parameters())
                for inner, grad in grads.items():
                    name = names[id(own[inner])]
                    found[name] = found[name] + grad if name in found else grad
            return LayerGrads(grad_output, {name: found[name] for name in names.values() if name in found})

        return x, pullback

    def __call__(self, x: Array) -> Array:  # noqa: D102 - Layer's
        if self.training:
            return super().__call__(x)
        for layer in self:
            x = layer.vjp(x)[0]
        self.release()
        return x

    def __iter__(self) -> Iterator[Layer]:
        return (child for name, child in vars(self).items() if name.isdecimal())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, position: int | slice) -> "Layer | Sequential":
        chosen = list(self)[position]
        return Sequential(*chosen) if isinstance(chosen, list) else chosen

    def __repr__(self) -> str:
        lines = [f"({position}): {layer!r}".replace("\n", "\n  ") for position, layer in enumerate(self)]
        return "\n  ".join(["Sequential(", *lines]) + "\n)" if lines else "Sequential()"
