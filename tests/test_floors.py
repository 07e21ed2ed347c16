"""The floors of the house: a module imports only from floors below its own, and big modules are seen."""

import ast
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median

HOUSE = Path(__file__).parents[1] / "nbbilinear"
FLOORS = (  # bottom first; the first floor with a fitting name decides
    ("errors", "axes", "devices", "vectors"),
    ("config", "kinds", "problem", "scalars"),
    ("operands", "layout"),
    ("outputs", "arrays", "exponentials"),
    ("backends.contract", "backends.grouping", "backends.conversion", "backends.cupy.binding", "backends.cupy"),
    ("backends.widened.blocks",),
    ("backends.widened.rows", "backends.widened.pairs"),
    ("backends.costs", "backends.widened"),
    (
        "backends.einsum",
        "backends.gemm.accumulate",
        "backends.numba.arrays",
        "backends.numba.floating_point",
        "backends.numba.processors",
        "backends.numba.forks",
        "backends.numba.simd.masks",
    ),
    ("backends.numba.parallel",),
    ("backends.gemm.project", "backends.gemm.left", "backends.gemm.outer", "backends.numba.compiling"),
    (
        "backends.gemm.pairs",
        "backends.numba.portable.rows",
        "backends.numba.fused",
        "backends.numba.diagonal",
        "backends.numba.complex_diagonal",
        "backends.numba.sparse",
        "backends.numba.attention",
        "backends.numba.simd.words",
    ),
    ("backends.gemm", "backends.numba.portable.pairs", "backends.numba.simd.machine", "backends.numba.simd.tasks"),
    ("backends.numba.portable", "backends.numba.simd.panels", "backends.numba.simd.moves", "backends.numba.simd.tiles"),
    ("backends.numba.simd.row_tiles",),
    ("backends.numba.simd.lines",),
    ("backends.numba.simd.project", "backends.numba.simd.spread", "backends.numba.simd.weight_gradient"),
    (
        "backends.numba.simd.weigh",
        "backends.numba.simd.sweep",
        "backends.numba.simd.accumulate",
        "backends.numba.simd.share",
    ),
    (
        "backends.numba.simd.left",
        "backends.numba.simd.columns",
        "backends.numba.simd.outer_*",
        "backends.numba.simd.matrix",
    ),
    ("backends.numba.simd.*",),
    ("backends.numba.simd",),
    ("backends.cuda.turns",),
    ("backends.numba.forms.tiles",),
    ("backends.numba.forms.low_rank", "backends.numba.forms.mixed"),
    ("backends.numba.forms.diagonal", "backends.numba.forms.cp"),
    ("backends.numba.forms.*",),
    ("backends.numba.forms",),
    ("backends.cuda.words", "backends.cuda.simulated", "backends.cuda.arrays", "backends.cuda.segments"),
    ("backends.cuda.simt", "backends.cuda.tiles"),
    ("backends.cuda.products", "backends.cuda.staging"),
    (
        "backends.cuda.forward",
        "backends.cuda.inputs",
        "backends.cuda.weights",
        "backends.cuda.sums",
        "backends.cuda.sides",
        "backends.cuda.few",
        "backends.cuda.elements",
        "backends.cuda.choice",
        "backends.cuda.cache",
    ),
    ("backends.cuda.rows", "backends.cuda.estimates", "backends.cuda.compiling"),
    ("backends.cuda.launch", "backends.cuda.small"),
    ("backends.cuda.sets",),
    ("backends.cuda.backend", "backends.cuda"),
    ("backends.numpy", "backends.numba", "backends.cupy.backend"),
    ("backends",),
    ("execute", "compiled"),
    ("plan",),
    ("plain",),
    ("calls",),
    ("forms.steps",),
    ("forms.maps", "forms.form", "forms.bind", "forms.rule"),
    ("forms.cores.diagonal",),
    ("forms.cores.*",),
    ("forms.cores",),
    ("forms.at_once",),
    ("forms.run",),
    ("forms.biaffine",),
    ("forms.conventions",),
    ("forms.calls",),
    ("forms.*",),
    ("forms",),
    ("compress.asked", "pooling.sketch"),
    ("pooling.*",),
    ("pooling",),
    ("compress.*",),
    ("pullback",),
    ("compress", "functional", "relatives"),
    ("layers.*", "losses.*", "optim.*", "batches"),
    ("layers", "losses", "optim"),
    ("heads.part", "heads.weights.products", "heads.fusion", "heads.remainder", "heads.initial", "heads.operands"),
    ("heads.weights.operators",),
    ("heads.weights.weight", "heads.outputs", "heads.transforms.transform", "heads.normalization"),
    ("heads.weights.hypercomplex", "heads.transforms.*"),
    ("heads.weights.lphm", "heads.transforms"),
    ("heads.weights.*",),
    ("heads.weights",),
    ("heads.interdependence", "heads.reconciliation"),
    ("heads.attention", "heads.attending"),
    ("heads.head",),
    ("heads.tinybig",),
    ("heads.layer",),
    ("heads.transformer",),
    ("heads",),
    ("kg.codes", "kg.data"),
    ("kg.ranking",),
    ("kg.*",),
    ("kg",),
    ("runs.*",),
    ("runs",),
    ("demo.*", "train.*", "info"),
    ("demo", "train"),
    ("cli",),
    ("__init__", "__main__"),
)
ROOMS = {  # optional and heavy libraries, and where alone they may be imported
    "numba": ("backends.numba*", "backends.cuda*"),
    "llvmlite": ("backends.numba*", "backends.cuda*", "info", "vectors"),
    "cuda": ("backends.cuda*",),
    "cupy": ("devices", "backends.cupy*", "backends.cuda*"),
    "torch": ("adapters*",),
    "jax": ("adapters*",),
    "sklearn": ("adapters*",),
    "dask": ("adapters*",),
    "scipy": ("adapters*",),
    "rich": ("runs*", "demo*", "train*"),
    "matplotlib": ("runs*",),
    "threadpoolctl": ("runs*",),
    "tensorly": ("compress*",),
}
FREE_FLOORS = (
    "layers.*",
    "losses.*",
    "optim.*",
    "kg.*",
    "runs.*",
    "demo.*",
    "train.*",
)  # rooms whose files may use each other


def name(path):
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name(path): path for path in sorted(HOUSE.rglob("*.py"))}


def floor(module):
    for rank, names in enumerate(FLOORS):
        if any(fnmatchcase(module, one) for one in names):
            return rank
    raise AssertionError(f"{module} stands on no floor: add it to FLOORS")


def imports(path):
    """Absolute names of what a file imports, except for type checking."""
    package = ("nbbilinear", *path.relative_to(HOUSE).with_suffix("").parts)[:-1]
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            root = ".".join((*base, *((node.module,) if node.module else ())))
            for alias in node.names:
                inside = f"{root}.{alias.name}".removeprefix("nbbilinear.")
                yield f"nbbilinear.{inside}" if inside in MODULES else root
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_floor_is_a_module_and_every_module_on_a_floor():
    for module in MODULES:
        floor(module)


def test_imports_come_from_lower_floors():
    wrong = [
        f"{module} imports {there}"
        for module, path in MODULES.items()
        for there in (
            target.removeprefix("nbbilinear.") for target in imports(path) if target.startswith("nbbilinear.")
        )
        if floor(there) >= floor(module)
        and not any(fnmatchcase(module, room) and fnmatchcase(there, room) for room in FREE_FLOORS)
    ]
    assert not wrong, "from their own floor or above"


def test_libraries_stay_in_their_rooms():
    wrong = [
        f"{module} imports {target}"
        for module, path in MODULES.items()
        for target in imports(path)
        if not any(fnmatchcase(module, room) for room in ROOMS.get(target.partition(".")[0], ("*",)))
    ]
    assert not wrong


def test_modules_stay_small():
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert max(lines.values()) <= 400, max(lines, key=lines.get)
    assert median(lines.values()) <= 100
