"""The recorded files of `tests/golden/tinybig`, read as their README says, and the heads they were made by."""

import json
from pathlib import Path

import numpy as np

from nbbilinear import heads

FOLDER = Path(__file__).parent / "golden" / "tinybig"
FLAGS = (
    "channel_num", "with_dual_lphm_interdependence", "with_lorr_interdependence", "r_interdependence", "with_taylor",
    "d", "with_dual_lphm", "with_lorr", "r", "enable_bias", "with_residual", "with_batch_norm", "with_relu",
    "with_softmax",
)  # fmt: skip
WEIGHTS = {
    "parameterized": heads.Full,
    "lowrank": heads.LowRank,
    "dual": heads.DualLphm,
    "hm": heads.Hm,
    "lphm": heads.Lphm,
}


def files(prefix):
    return sorted(FOLDER.glob(f"{prefix}_*.npz"))


def load(path):
    """The arrays of a file, and its options."""
    with np.load(path, allow_pickle=False) as file:
        values = dict(file)
    return values, json.loads(str(values.pop("options")))


def head_of(values, options, mask_zeros="rows"):
    """The head that a file was recorded from, with its parameters."""
    layout = "kronecker" if options.get("dual_lphm_layout") == "documented" else "tinybig"
    (_, m), n = values["x"].shape, values["y"].shape[1]
    flags = {name: options[name] for name in FLAGS if name in options}
    head = heads.BilinearInterdependenceHead(
        m, n, **flags, layout=layout, dtype=options.get("dtype", "float64"),
        mask_zeros=mask_zeros if options.get("mask_zeros", True) else "keep",
    )  # fmt: skip
    state = {name.removeprefix("param__"): a for name, a in values.items() if name.startswith("param__")}
    if options.get("with_batch_norm"):
        state |= {f"outputs.batch_norm.{name}": values[f"bn_{name}"] for name in ("weight", "bias")}
        state |= {f"outputs.batch_norm.{name}": values[f"bn_{name}_before"] for name in ("running_mean", "running_var")}
    head.load_state_dict(state)
    return head.eval() if options.get("bn_mode") == "eval" else head


def recorded_name(name):
    """The name in a file of the gradient of a parameter."""
    return f"grad__{name.replace('outputs.batch_norm.', 'bn_')}"


def weight_of(options):
    """The weight of a bare interdependence."""
    kind = options["cls"].partition("_")[0]
    given = {"rank": options["r"]} if "r" in options else {}
    if kind in ("dual", "hm", "lphm"):
        given |= {"layout": "tinybig", "p": options["p"], "q": options.get("q", options["p"])}
    return WEIGHTS[kind](**given)
