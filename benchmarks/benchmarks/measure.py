"""Measure several calls in the same minute, in turn, so that a disturbance of the machine meets them alike."""

from time import perf_counter, process_time

import numpy as np

LEAST = 2e-3  # seconds of one sample: short calls are repeated
SHORT = 0.1


def in_turn(calls, rounds=7, seconds=3.0):
    """CPU seconds of each call, an array of samples per name; fewer rounds where they take longer, at least two.

    One call of each goes before all, so that compilation and first touch are outside. Each round begins with another
    name, and an untimed call goes before each sample of short ones: what a neighbour left in caches is nobody's time.
    """
    repeats, expected = {}, {}
    for name, call in calls.items():
        repeats[name], expected[name] = _repeats(call)
    samples = {name: [] for name in calls}
    names = list(calls)
    begin = perf_counter()
    for done in range(rounds):
        if done >= 2 and perf_counter() - begin > seconds:
            break
        for name in names[done % len(names) :] + names[: done % len(names)]:
            if expected[name] < SHORT:
                calls[name]()
            samples[name].append(_sample(calls[name], repeats[name]))
    return {name: np.array(some) for name, some in samples.items()}


def ratio(calls, over, under, rounds=15, seconds=3.0):
    """Median over the rounds of the CPU time of one call over that of another."""
    samples = in_turn({name: calls[name] for name in (over, under)}, rounds, seconds)
    return float(np.median(samples[over] / samples[under]))


def _sample(call, repeats):
    begin = process_time()
    for _ in range(repeats):
        call()
    return (process_time() - begin) / repeats


def _repeats(call):
    """How many calls a sample takes, and about how long one lasts."""
    call()
    repeats = 1
    while (taken := _sample(call, repeats) * repeats) < LEAST:
        repeats = max(2 * repeats, int(repeats * LEAST / max(taken, 1e-6)))
    return repeats, taken / repeats
