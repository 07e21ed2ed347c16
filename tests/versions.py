"""The package with the lowest and the newest allowed versions, each in an environment of its own.

``python tests/versions.py [lowest] [newest]`` (both by default) makes a virtual environment for every Python found,
installs the package there with the versions of the set, and runs ``tests/smoke.py`` in it. Pythons that are
looked for and not found are named; the exit code is 1 where a run failed or a set had none.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "rich", "matplotlib", "threadpoolctl"  # of the command line
SETS = {
    # numba 0.61.0 is the lowest that the project file allows; it takes NumPy below 2.2.
    "lowest": (("numpy==2.1.0", "numba==0.61.0"), ("3.11", "3.13")),
    "newest": (("numpy", "numba"), ("3.11", "3.12", "3.13", "3.14")),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], metavar="{lowest,newest}", help="default: both")
    parser.add_argument("--python", action="append", metavar="3.12", help="only this one; may be given again")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the environments there, and keep them")
    parser.add_argument("--tests", nargs="+", default=[], metavar="FILE", help="run these of the tests there as well")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = chosen.keep or Path(temporary)
        done = {name: runs(name, place, chosen) for name in chosen.sets or SETS}
    for name, results in done.items():
        for version, result in results.items():
            print(f"{name:<8} Python {version:<6} {result}")
    results = [result for found in done.values() for result in found.values()]
    without = [name for name, found in done.items() if set(found.values()) <= {MISSING}]
    sys.exit(bool(FAILED in results or without))


MISSING, FAILED, PASSED = "no such Python here: not tried", "FAILED", "passed"


def runs(name, place, chosen):
    """What became of a set, Python by Python."""
    requirements, versions = SETS[name]
    results = {}
    for version in chosen.python or versions:
        print(f"== {name}, Python {version}", flush=True)
        python = interpreter(version)
        results[version] = (
            MISSING if python is None else tried(python, place / f"{name}-{version}", requirements, chosen)
        )
    return results


def interpreter(version):
    """A Python of this version: on PATH, of pyenv, or of uv; None where there is none that starts."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(name), *sorted(map(str, pyenv.glob(f"{version}.*/bin/{name}")))]
    if uv := shutil.which("uv"):
        told = subprocess.run([uv, "python", "find", version], check=False, capture_output=True, text=True)
        found.append(told.stdout.strip())
    return next((one for one in found if one and starts(one)), None)


def starts(python):
    """Whether it does: pyenv leaves commands on PATH that only say what else could be installed."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], check=False, capture_output=True).returncode == 0


def tried(python, place, requirements, chosen):
    """Install and run; the result."""
    inside = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    more = ["pytest", "hypothesis", "ml-dtypes"] if chosen.tests else []
    steps = [
        [python, "-m", "venv", "--clear", place],
        [inside, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *requirements, ROOT, *EXTRAS, *more],
        [inside, "-W", "error", ROOT / "tests" / "smoke.py"],
        *([[inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen.tests]] if chosen.tests else []),
    ]
    for step in steps:
        if subprocess.run([*map(str, step)], check=False, cwd=ROOT / "tests" if step is steps[2] else ROOT).returncode:
            return FAILED
    return PASSED


if __name__ == "__main__":
    main()
