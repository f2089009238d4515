"""The machine under the figures: what it is, which processors are used, and the most it can do."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("peak.c")


def describe() -> dict[str, object]:
    """Model, number of processors and the vector instructions that matter."""
    model, flags = platform.processor() or platform.machine(), set()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
        fields = {key.strip(): value.strip() for key, _, value in reversed(lines)}
        model = fields.get("model name", model)
        if "cpu family" in fields:
            model += f" (family {fields['cpu family']}, model {fields.get('model')})"
        flags = set(fields.get("flags", "").split())
    wanted = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")
    return {"cpu": model, "processors": os.cpu_count(), "flags": [flag for flag in wanted if flag in flags]}


def choose_processors(threads: int) -> list[int]:
    """One processor per thread, on cores of their own where there are enough; empty where it cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    firsts: list[int] = []
    seconds: list[int] = []
    seen = set()
    for processor in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        core = siblings.read_text() if siblings.exists() else str(processor)
        (seconds if core in seen else firsts).append(processor)
        seen.add(core)
    return (firsts + seconds)[:threads]


def environment(benches: Path, threads: int) -> dict[str, str]:
    """What a contestant's process is started with: so many threads for every library, and the benches found."""
    count = str(threads)
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(benches), os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "RUSTLSTM_NUM_THREADS": count,
        "JAX_PLATFORMS": "cpu",
    }


def keep_to_processors(threads: int) -> None:
    """This process stays on one processor per thread, where that can be chosen."""
    if processors := choose_processors(threads):
        os.sched_setaffinity(0, processors)


def forget_peak_memory() -> None:
    """What this process holds now is the most it has held, as far as `memory` is concerned; Linux only."""
    Path("/proc/self/clear_refs").write_text("5")


def memory() -> tuple[int, int]:
    """Bytes of this process that are in memory now, and the most there were; Linux only."""
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    fields = {key: value for key, _, value in lines}
    now, most = (1024 * int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM"))
    return now, most


def peak_meter(folder: Path, threads: int, seconds: float = 0.1) -> tuple[str, Callable[[], tuple[float, float]]]:
    """What the meter measures, and the meter: a function that returns GFLOP/s, the best moment and the mean.

    A mean well below the best says that other processes took their share of the machine.

    A loop of fused multiply-adds where a C compiler is found; without one a large product of numpy's, which no LSTM
    can beat by much either.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is not None:
        program = folder / "peak"
        command = [compiler, "-O3", "-march=native", "-ffp-contract=fast", "-pthread", str(SOURCE), "-o", str(program)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            run = [str(program), str(threads), str(seconds)]
            return "FMA peak", lambda: _fma(run)
    return "numpy sgemm", _sgemm


def _fma(command: list[str]) -> tuple[float, float]:
    best, mean = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(best), float(mean)


def _sgemm(size: int = 1536, repeats: int = 3) -> tuple[float, float]:
    left, right = np.ones((2, size, size), dtype=np.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    flops = 2e-9 * size**3
    return flops / min(times), flops * repeats / sum(times)
