"""The scripts beside the comparison measure what they say: growing work, options, tiny numbers and memory."""

from __future__ import annotations

import inspect
import sys
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import rustlstm as rl

pytestmark = pytest.mark.once

BENCHES = Path(__file__).parents[2] / "benches"
sys.path.insert(0, str(BENCHES))

from versus import denormals, growth, memory, options, records, rounds, timing, work  # noqa: E402
from versus.contestants import OURS, ours  # noqa: E402
from versus.shapes import FORWARD, SHAPES, TRAINING, Shape  # noqa: E402

SMALL = Shape("small", 5, 16, 3, 7, layers=2)


def opened(**fields: Any) -> dict[str, Any]:
    return records.opened("script.py", Namespace(threads=2, rounds=1, seconds=0.1), **fields)


def grown(time: Callable[[Shape, str, int], float]) -> dict[str, Any]:
    """A record of growth, made of a time for each shape, mode and number of threads."""
    record = opened(counts=[1, 2], peaks={"1": 100.0, "2": 190.0})
    shapes = {shape.name: shape for letter in growth.AXES for shape in growth.along(letter).values()}
    shapes |= {shape.name: shape for shape in [growth.MIDDLE, *growth.SHARED]}
    record["results"] = [
        {"shape": name, "mode": mode, "threads": threads, "best": time(shape, mode, threads)}
        for name, shape in shapes.items()
        for mode in growth.MODES
        for threads in record["counts"]
    ]
    return record


def test_growth_is_flagged_where_the_time_outgrows_the_work() -> None:
    def even(shape: Shape, mode: str, threads: int) -> float:
        return shape.flops(mode) * 1e-11 / threads

    def uneven(shape: Shape, mode: str, threads: int) -> float:
        slow = (1.2 if shape.batch >= 64 and mode == TRAINING else 1) * (1.1 if shape.steps >= 300 else 1)
        return even(shape, mode, threads) * slow

    record = grown(even)
    assert "super-linear" not in growth.text(record)
    assert "below" not in growth.text(record)
    assert "middle: 256→256, 16, 100, forward | 16.8 | 8.39 | 2.00 |" in growth.text(record)
    record = grown(uneven)
    assert growth.steep(record, "B", TRAINING)[64] == pytest.approx(1.2)
    flagged = [line for line in growth.text(record).splitlines() if "super-linear" in line]
    assert [line.split(" |")[0] for line in flagged] == ["| 64"]
    assert flagged[0].endswith("| super-linear: forward+backward |")
    drawing = growth.chart(record)
    ElementTree.fromstring(drawing)
    assert drawing.count('r="7"') == 1
    slow = growth.text(grown(lambda shape, mode, threads: even(shape, mode, 1) / threads**0.5))
    assert slow.count("below 1.85") == 2 * len([growth.MIDDLE, *growth.SHARED])


def test_growth_shares_out_the_shapes_that_are_large_enough() -> None:
    names = "db512x16 db512x64 db1024x64 db256x16 db256x64 charrnn wordlm char256"
    assert [shape.name for shape in growth.SHARED] == names.split()


def test_every_option_of_the_layer_is_measured() -> None:
    """An option that is new to the layer has to be measured too, or named here."""
    free = {"cell", "bidirectional", "hidden_size", "input_size", "num_layers", "init", "seed"}
    named = {name for option in options.options_of(SMALL) for name in option.changes}
    assert set(inspect.signature(rl.nn.LSTM).parameters) - free <= named
    cells = [option.changes["cell"] for option in options.options_of(SMALL) if "cell" in option.changes]
    plain = rl.nn.Cell()
    changed = {name for cell in cells for name in vars(plain) if getattr(cell, name) != getattr(plain, name)}
    assert changed == set(vars(plain)) - {"forget_bias"}


def test_a_round_of_options_gives_ratios_by_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)
    found = options.one_round(0, SMALL, 0.0)
    names = [option.name for option in options.options_of(SMALL)]
    assert [result["option"] for result in found] == names
    assert all(result["best"] > 0 and result["plain"] > 0 for result in found)
    record = opened(shapes=["charrnn"]) | {"peak": {"what": "peak", "best": 9.0, "mean": 9.0, "least": 9.0}}
    results = [{"option": name, "plain": 2.0, "best": 2.2, "units": None, "part": 1.0} for name in names[:-1]]
    results.append({"option": names[-1], "plain": 2.0, "best": 4.0, "units": 8, "part": 0.9})
    record["results"] = [result | {"shape": "charrnn"} for result in results]
    record["results"].append(record["results"][0] | {"best": 2.1, "plain": 3.0})
    ratios = options.ratios(record, "charrnn")
    assert ratios[names[0]] == pytest.approx(1.05)
    assert ratios[names[1]] == pytest.approx(1.1)
    assert ratios[names[-1]] == pytest.approx(1.8)
    assert [line for line in options.text(record).splitlines() if "above 1.3" in line] == [
        f"| {names[-1]} | 1.80 | above 1.3 |"
    ]
    ElementTree.fromstring(options.chart(record))


def test_a_projection_stands_beside_a_plain_layer_of_as_much_work() -> None:
    for shape in (SHAPES[name] for name in options.MEASURED):
        option = options.projection(shape)
        assert option.units is not None
        assert shape.hidden_size // 2 < option.units < shape.hidden_size
        assert option.part == pytest.approx(1, abs=0.1)


# Where each case has its tiny numbers.
TINY = {
    "fading": "y",
    "lingering": "y",
    "small inputs": "x",
    "small weights": "weight_hh_l0",
    "vanishing": "dx",
    "small gradients": "dy",
}


@pytest.mark.parametrize("case", denormals.CASES)
def test_ours_is_right_with_tiny_numbers(case: str) -> None:
    shape = replace(denormals.SHAPE, input_size=4, hidden_size=8, steps=300)
    arrays = denormals.CASES[case](work.draw(shape))
    expected = work.reference(shape, arrays)
    job = ours.prepare(shape, arrays, TRAINING, rl.get_num_threads())
    job.run()
    work.check(job.results(), expected, TRAINING)
    least = np.finfo(np.float32).tiny
    # The parameters' gradients have the parameters' names, so what goes in comes last.
    tiny = {n for n, a in (expected | arrays).items() if ((a != 0) & (np.abs(a) < least)).sum() > 0.02 * a.size}
    assert TINY.get(case) in {*tiny, None}
    assert tiny or case == denormals.ORDINARY


def test_the_cost_of_tiny_numbers_is_over_ordinary_ones() -> None:
    record = opened() | {"versions": {OURS: "1", "torch": "1"}}
    record["results"] = [
        {"shape": case, "mode": mode, "contestant": name, "best": 0.2 if (case, name) == ("fading", "torch") else 0.01}
        for case in denormals.CASES
        for mode in denormals.MODES
        for name in record["versions"]
    ]
    assert denormals.costs(record, FORWARD)["fading"] == {OURS: 1.0, "torch": pytest.approx(20)}
    assert "| fading | 10 (1.00×) | 200 (20.00×) |  |" in denormals.text(record)
    assert "above" not in denormals.text(record)
    ElementTree.fromstring(denormals.chart(record))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of memory")
def test_memory_counts_what_a_step_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape("small", 64, 64, 16, 2000)
    one = replace(shape, steps=1)
    arrays = work.draw(one)
    rounds.keep(tmp_path, "short", arrays, work.reference(one, arrays))
    rounds.keep(tmp_path, "long", work.draw(shape), {})
    # A process that has worked before has memory of its own to give; the step's is only seen in a new one.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        answer = process.submit(memory.step, OURS, shape, tmp_path, rl.get_num_threads()).result()
    # At least the output and the gates of every step are kept for the way back.
    assert answer["bytes"] > 5 * 4 * shape.steps * shape.batch * shape.hidden_size
    monkeypatch.setitem(memory.ROWS, "odd", (OURS, {"no_such_option": True}))
    answer = memory.step("odd", shape, tmp_path, 1)
    assert answer == {"skipped": "this version's layer has no option no_such_option"}


def test_memory_shows_the_least_of_the_rounds() -> None:
    record = opened(shapes=["long512"], skipped={"x": "why"})
    record["results"] = [
        {"shape": "long512", "row": row, "bytes": size} for row, size in ((OURS, 5e8), (OURS, 4e8), ("torch", 8e8))
    ]
    text = memory.text(record)
    assert "| rustlstm | 400 | 6.1 | 2.00 |" in text
    assert "- x is left out: why" in text
