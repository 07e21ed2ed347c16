import threading

import numpy as np
import pytest

import nbbilinear as nbl
from nbbilinear import config as settings_of_call
from nbbilinear.config import _from_environment, current


def test_nested_settings_change_only_what_they_name():
    with nbl.config(backend="numba", threads=2):
        with nbl.config(threads=1) as inner:
            assert (inner.backend, inner.threads) == ("numba", 1)
        assert current().threads == 2
    assert current() == _from_environment()


def test_settings_are_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), settings_of_call(threads=1):
        _ = 1 / 0
    assert current().threads == _from_environment().threads


def test_threads_start_from_the_defaults():
    seen = []
    with nbl.config(backend="numba"):
        thread = threading.Thread(target=lambda: seen.append(current().backend))
        thread.start()
        thread.join()
    assert seen == [_from_environment().backend]


@pytest.mark.parametrize(
    "wrong",
    [
        {"threads": 0},
        {"threads": True},
        {"threads": 2.5},
        {"threads": "2"},
        {"precision": "half"},
        {"precision": "bfloat16"},
        {"vectors": "sse"},
    ],
)
def test_values_without_meaning_are_refused(wrong):
    with pytest.raises(nbl.ConfigError, match=next(iter(wrong))), nbl.config(**wrong):
        pass


def test_precisions_that_need_other_hardware_are_refused_not_imitated():
    x = np.ones((2, 2), "f4")
    with nbl.config(precision="tf32"), pytest.raises(nbl.BackendError, match="tf32"):
        nbl.bilinear(x, x, np.ones((1, 2, 2), "f4"))


@pytest.fixture
def environment(monkeypatch):
    _from_environment.cache_clear()
    yield monkeypatch.setenv
    _from_environment.cache_clear()


def test_the_environment_gives_defaults(environment):
    environment("NBBILINEAR_BACKEND", "numpy")
    environment("NBBILINEAR_THREADS", "3")
    environment("NBBILINEAR_BATCH_INVARIANT", "true")
    environment("NBBILINEAR_VECTORS", "none")
    assert _from_environment() == ("numpy", 3, "float32", True, "none")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THREADS", "many"),
        ("THREADS", "0"),
        ("THREAD", "3"),
        ("PRECISION", "x"),
        ("BATCH_INVARIANT", "?"),
        ("VECTORS", "sse"),
    ],
)
def test_a_wrong_environment_is_named(environment, name, value):
    environment(f"NBBILINEAR_{name}", value)
    with pytest.raises(nbl.ConfigError, match="NBBILINEAR_"):
        _from_environment()
