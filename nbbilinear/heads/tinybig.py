"""tinyBIG's head, by its argument names: flags that stand for parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigError
from ..layers import Layer
from .head import InterdependenceHead, WeightLike
from .transforms import Taylor, Transform
from .weights import WEIGHTS, DualLphm, LowRank
from .weights.hypercomplex import LAYOUTS, Hypercomplex

REPLACED = {  # arguments that tinyBIG's base head takes
    "l": "lengths follow from m, n and the parts",
    "l_instance_interdependence": "lengths follow from m, n and the parts",
    "channel_fusion": "give fusion=",
    "input_process_functions": "put layers before the head",
    "create_parameters_at_init": "parameters are made at construction",
}


class BilinearInterdependenceHead(InterdependenceHead):
    """tinyBIG's ``bilinear_interdependence_head``: its argument names, defaults, parameter names and results.

    Parameters
    ----------
    m, n, name, batch_num, channel_num, enable_bias, parameters_init_method, device : optional
        As for :class:`InterdependenceHead`.
    with_dual_lphm_interdependence, with_lorr_interdependence, r_interdependence : optional
        ``interdependence`` is dual LPHM or of low rank, of this rank. Low rank wins where both are set.
    with_taylor, d : optional
        ``transform`` is a Taylor expansion of this degree.
    with_dual_lphm, with_lorr, r : optional
        ``reconciliation`` is dual LPHM or of low rank, of this rank. Dual LPHM wins where both are set.
    with_residual : bool, optional
        ``remainder`` is linear.
    with_batch_norm, with_relu, with_dropout, p, with_softmax : optional
        What is in ``outputs``, in this order.
    layout : {"kronecker", "tinybig"}, optional
        Of weights by a flag, or by a name: what tinyBIG documents, or what its release computes (:class:`DualLphm`).
    interdependence, transform, reconciliation, remainder, outputs : optional
        The parts themselves, in place of flags.
    **others
        Further arguments of :class:`InterdependenceHead`: ``scale``, ``mask_zeros``, ``normalization``, ``fusion``,
        ``attribute_interdependence``, ``dtype``, ``rng``.

    Raises
    ------
    ConfigError
        A part is given and a flag is set for it; and as :class:`InterdependenceHead`, whose other errors these are too.

    Notes
    -----
    States of tinyBIG's own head load, with ``layout="tinybig"`` where it is dual LPHM; with batch norm, which is not
    saved there, by ``strict=False``. Parameters are drawn at construction; there they stay uniform on [0, 1) unless one
    asks. With the default initial values and scale, scores have a standard deviation of about sqrt(2 n), so that a row
    attends to hardly more than one other; ``scale="divide"`` mends that.
    Source: tinyBIG 0.2.1, whose head itself raises a TypeError on every forward.

    Examples
    --------
    >>> from nbbilinear.heads import BilinearInterdependenceHead
    >>> BilinearInterdependenceHead(784, 64, with_lorr_interdependence=True, rng=0).w_instance_interdependence
    Parameter(name='w_instance_interdependence', shape=(1, 4704), dtype=float32)
    """

    def __init__(
        self, m: int, n: int, name: str = "bilinear_interdependence_head", batch_num: int | None = None,
        channel_num: int = 1, with_dual_lphm_interdependence: bool = False, with_lorr_interdependence: bool = False,
        r_interdependence: int = 3, with_taylor: bool = False, d: int = 2, with_dual_lphm: bool = False,
        with_lorr: bool = False, r: int = 3, enable_bias: bool = False, with_residual: bool = False,
        with_batch_norm: bool = False, with_relu: bool = True, with_softmax: bool = True, with_dropout: bool = False,
        p: float = 0.25, parameters_init_method: str = "xavier_normal", device: str | None = "cpu", *,
        layout: str = "kronecker", interdependence: WeightLike | None = None,
        transform: Transform | str | Mapping[str, Any] | None = None, reconciliation: WeightLike | None = None,
        remainder: str | None = None, outputs: Sequence[str | Mapping[str, Any] | Layer] | None = None, **others: Any,
    ) -> None:  # fmt: skip
        owner = type(self).__name__
        for argument in others.keys() & REPLACED.keys():
            if others.pop(argument) is not None:
                raise ConfigError(f"{owner}: {argument} of tinyBIG is not taken: {REPLACED[argument]}")
        if layout not in LAYOUTS:
            raise ConfigError(f"{owner}: layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
        related = {
            "with_lorr_interdependence": with_lorr_interdependence and LowRank(r_interdependence),
            "with_dual_lphm_interdependence":
                with_dual_lphm_interdependence and DualLphm(r_interdependence, layout=layout),
        }  # fmt: skip
        reconciled = {
            "with_dual_lphm": with_dual_lphm and DualLphm(r, layout=layout),
            "with_lorr": with_lorr and LowRank(r),
        }
        processed = {
            "with_batch_norm": with_batch_norm and "batch_norm", "with_relu": with_relu and "relu",
            "with_dropout": with_dropout and {"kind": "dropout", "p": p}, "with_softmax": with_softmax and "softmax",
        }  # fmt: skip
        super().__init__(
            m, n, name=name, batch_num=batch_num, channel_num=channel_num, enable_bias=enable_bias,
            interdependence=_part(owner, "interdependence", _laid_out(interdependence, layout), related, "full"),
            transform=_part(owner, "transform", transform, {"with_taylor": with_taylor and Taylor(d)}, "identity"),
            reconciliation=_part(owner, "reconciliation", _laid_out(reconciliation, layout), reconciled, "full"),
            remainder=_part(owner, "remainder", remainder, {"with_residual": with_residual and "linear"}, "zero"),
            outputs=_outputs(owner, outputs, processed),
            parameters_init_method=parameters_init_method, device=device, **others,
        )  # fmt: skip


def _part(owner: str, name: str, given: Any, flags: Mapping[str, Any], otherwise: str) -> Any:
    """The part that is given, or that of the first flag that is set (False otherwise), or another."""
    chosen = {flag: part for flag, part in flags.items() if part}
    if given is None:
        return next(iter(chosen.values()), otherwise)
    if chosen:
        raise ConfigError(f"{owner}: {name}={given!r} and {', '.join(chosen)} say it twice; leave one out")
    return given


def _outputs(owner: str, given: Any, flags: Mapping[str, Any]) -> Any:
    """The outputs that are given, or those of all flags; ReLU and softmax are set unless one says otherwise."""
    if given is None:
        return [part for part in flags.values() if part]
    chosen = {flag: part for flag, part in flags.items() if flag in ("with_batch_norm", "with_dropout")}
    return _part(owner, "outputs", given, chosen, "")


def _laid_out(given: Any, layout: str) -> Any:
    """A weight's config in the layout, where it has one and says none; a part as it is."""
    config = {"kind": given} if isinstance(given, str) else given
    kind = WEIGHTS.get(str(config.get("kind"))) if isinstance(config, Mapping) else None
    return {"layout": layout, **config} if kind is not None and issubclass(kind, Hypercomplex) else given
