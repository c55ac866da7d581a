"""Times functions in turn, and memory in fresh processes: only ratios within one run count."""

import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "keras_siamese",
    "tensorflow",
    "keras",
    "numpy",
    "scikit-learn",
    "torch",
    "pytorch-metric-learning",
    "faiss-cpu",
    "usearch",
)


def interleaved_seconds(
    functions: Mapping[str, Callable[[], object]],
    seconds: float = 3.0,
    least: int = 5,
    warm_up: int = 2,
) -> dict[str, float]:
    """Calls the functions one after the other, again and again; gives each one's median time.

    Args:
        functions: Each does its work and waits for the result.
        seconds: Keep on for so long.
        least: But not less often than this.
        warm_up: So many calls of each, first, do not count: they compile.
    """
    for function in functions.values():
        for _ in range(warm_up):
            function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < least:
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_mib() -> float:
    """Most memory that this process held, ever or since `reset_peak`, in MiB (Linux)."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def reset_peak() -> None:
    """Makes `peak_mib` begin anew, at what is in use now (Linux with glibc)."""
    ctypes.CDLL(None).malloc_trim(0)  # Memory that was freed goes back first.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def in_fresh_process(program: str, *arguments: str, timeout: float | None = None) -> dict[str, Any]:
    """Runs a Python program, for `timeout` seconds at most, and reads the JSON line it prints."""
    command = [sys.executable, program, *arguments]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=timeout)
    return json.loads(run.stdout.strip().splitlines()[-1])


def report(**fields: Any) -> None:
    """Prints one JSON line: what was measured, and on what."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    device = {"cpus": len(os.sched_getaffinity(0)), "machine": os.uname().machine}
    print(json.dumps({**fields, "versions": versions, "device": device}), flush=True)
