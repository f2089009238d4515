"""The comparison with other libraries measures what it says: its reference, its modes, its tables and charts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import rustlstm as rl

pytestmark = pytest.mark.once

BENCHES = Path(__file__).parents[2] / "benches"
sys.path.insert(0, str(BENCHES))

from versus import chart, ragged, report, run, shapes, svg, work  # noqa: E402  (found through the line above)
from versus.contestants import ours  # noqa: E402
from versus.shapes import SHAPES, Shape  # noqa: E402

# A small shape for every mode.
SMALL = {
    shapes.FORWARD: Shape("small", 5, 6, 3, 7, layers=2, directions=2),
    shapes.TRAINING: Shape("small", 5, 6, 3, 7, layers=2, directions=2),
    shapes.STEP: Shape("small", 5, 6, 3, 7, layers=2, head=4),
    shapes.SAMPLING: Shape("small", 5, 6, 1, 12, layers=2, head=9, only=(shapes.SAMPLING,)),
    shapes.SINGLE: Shape("small", 5, 6, 1, 20, only=(shapes.SINGLE,)),
    shapes.RAGGED: Shape("small", 5, 6, 4, 9, layers=2, only=(shapes.RAGGED, shapes.PADDED), shortest=2),
    shapes.PADDED: Shape("small", 5, 6, 4, 9, layers=2, only=(shapes.RAGGED, shapes.PADDED), shortest=2),
}


@pytest.fixture
def threads() -> Iterator[int]:
    before = rl.get_num_threads()
    yield before
    rl.set_num_threads(before)


def results(mode: str, threads: int) -> tuple[work.Arrays, work.Arrays]:
    arrays, expected = run.numbers(SMALL[mode])
    job: Any = ours.prepare(SMALL[mode], arrays, mode, threads)
    job.run()
    found = job.results()
    return (ragged.counted(found, arrays["lengths"]) if "lengths" in arrays else found), expected


@pytest.mark.parametrize("mode", shapes.MODES)
def test_ours_is_right_in_every_mode_and_a_wrong_result_is_refused(mode: str, threads: int) -> None:
    found, expected = results(mode, threads)
    work.check(found, expected, mode)
    compared = {shapes.STEP: "losses", shapes.SAMPLING: "logits"}.get(mode, "y")
    with pytest.raises(ValueError, match=f"{compared}: off by"):
        work.check(found | {compared: found[compared] * np.float32(1.001)}, expected, mode)


def test_gradients_are_compared_in_training_only(threads: int) -> None:
    for mode in (shapes.TRAINING, shapes.RAGGED, shapes.PADDED):
        found, expected = results(mode, threads)
        with pytest.raises(ValueError, match="weight_hh_l1: off by"):
            work.check(found | {"weight_hh_l1": found["weight_hh_l1"] * np.float32(1.001)}, expected, mode)


def test_the_reference_of_ragged_rows_is_that_of_each_row_alone() -> None:
    shape = SMALL[shapes.RAGGED]
    arrays, expected = run.numbers(shape)
    assert len(set(arrays["lengths"].tolist())) > 1
    assert arrays["lengths"].max() == shape.steps
    sums: dict[str, Any] = dict.fromkeys(shape.parameters(), 0.0)
    for row, length in enumerate(arrays["lengths"].tolist()):
        cut = {name: arrays[name][row : row + 1, :length] for name in ("x", "dy")}
        alone = work.reference(replace(shape, batch=1, steps=length), arrays | cut)
        for name in ("y", "dx"):
            np.testing.assert_allclose(expected[name][row, :length], alone[name][0], rtol=1e-6)
            assert not expected[name][row, length:].any()
        for name in ("h", "c"):
            np.testing.assert_allclose(expected[name][:, row], alone[name][:, 0], rtol=1e-6)
        sums = {name: total + alone[name] for name, total in sums.items()}
    for name, total in sums.items():
        np.testing.assert_allclose(expected[name], total, rtol=1e-4, atol=1e-6)


def test_each_shape_has_its_modes() -> None:
    def having(mode: str) -> list[str]:
        return [name for name, shape in SHAPES.items() if shape.has(mode)]

    assert len(having(shapes.FORWARD)) == 15 == len(having(shapes.TRAINING))
    assert having(shapes.STEP) == ["charrnn", "tiny", "char256"]
    assert having(shapes.SAMPLING) == ["sample128", "sample512"]
    assert having(shapes.SINGLE) == ["single1", "single32", "single128", "single512"]
    assert having(shapes.RAGGED) == having(shapes.PADDED) == ["ragged256"]


def record(*rows: tuple[str, str, str, float]) -> dict[str, Any]:
    """A record of mode, shape, contestant and seconds, usually twice as many."""
    keys = ("mode", "shape", "contestant", "best")
    names = dict.fromkeys(row[2] for row in rows)
    return {
        "machine": {"cpu": "a processor", "processors": 2, "flags": ["fma"]},
        "date": "2026-01-01 00:00 UTC",
        "command": "python benches/versus/run.py",
        "python": "3.11",
        "threads": 2,
        "shapes": list(dict.fromkeys(row[1] for row in rows)),
        "modes": list(dict.fromkeys(row[0] for row in rows)),
        "versions": dict.fromkeys(names, "1"),
        "absent": {},
        "results": [{**dict(zip(keys, row, strict=True)), "median": 2 * row[-1]} for row in rows],
        "peak": {"what": "FMA peak", "best": 200.0, "mean": 190.0, "least": 180.0},
    }


def test_tables_show_the_best_round_and_the_ratio_to_the_best_rival() -> None:
    flops = SHAPES["lat256"].flops(shapes.FORWARD)
    text = report.text(
        record(
            (shapes.FORWARD, "lat256", "rustlstm", flops / 50e9),
            (shapes.FORWARD, "lat256", "rustlstm", flops / 100e9),
            (shapes.FORWARD, "lat256", "rustlstm", flops / 40e9),
            (shapes.FORWARD, "lat256", "torch", flops / 80e9),
            (shapes.FORWARD, "lat256", "jax", flops / 40e9),
            (shapes.SINGLE, "single32", "rustlstm", 64 * 2e-6),
            (shapes.SINGLE, "single32", "torch", 64 * 100e-6),
            (shapes.RAGGED, "ragged256", "rustlstm", 0.060),
            (shapes.RAGGED, "ragged256", "torch", 0.300),
            (shapes.PADDED, "ragged256", "rustlstm", 0.100),
            (shapes.PADDED, "ragged256", "torch", 0.150),
        )
    )
    assert "Disturbed" not in text
    # The middle one of our three rounds is 50 of the 80 of torch's only one.
    assert "| lat256: 256→256, 1, 150 | 100 | 80 | 40 | 1.25 | 0.62 | 50% |" in text
    assert "geometric mean 1.25, least 1.25 (lat256); usually geometric mean 0.62, least 0.62 (lat256)" in text
    assert "| single32: 8→32 | 2 | 100 (50.0×) | 50.00 | 50.00 |" in text
    assert "| ragged256: 256→256, 64, 10–150 | 60 | 300 | 5.00 | 5.00 |" in text
    fill = ragged.fill(SHAPES["ragged256"])
    assert f"rustlstm: time / (padded time × fill {fill:.2f}) = {0.6 / fill:.2f}" in text
    assert f"torch: time / (padded time × fill {fill:.2f}) = {2 / fill:.2f}" in text
    assert "2.50 times as fast as the best rival on the padded batch" in text


def dots(drawing: str) -> dict[str, tuple[float, float]]:
    """The places of the dots by what they say."""
    namespace = "{http://www.w3.org/2000/svg}"
    circles = ElementTree.fromstring(drawing).iter(f"{namespace}circle")
    return {
        dot.findtext(f"{namespace}title", ""): (float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in circles
    }


def test_the_chart_shows_speeds_under_the_peak_and_ratios_around_one() -> None:
    flops = SHAPES["lat256"].flops(shapes.FORWARD)
    made = record(
        (shapes.FORWARD, "lat256", "rustlstm", flops / 100e9),
        (shapes.FORWARD, "lat256", "torch", flops / 50e9),
        (shapes.FORWARD, "lat256", "a & b", flops / 125e9),
        (shapes.TRAINING, "lat256", "rustlstm", 3 * flops / 90e9),
        (shapes.SINGLE, "single32", "rustlstm", 64 * 2e-6),
        (shapes.SINGLE, "single32", "torch", 64 * 100e-6),
    )
    found = dots(chart.chart(made))
    speed = [found[f"lat256, {name}: {figure}"] for name, figure in (("torch", 50), ("rustlstm", 100), ("a & b", 125))]
    assert speed[0][0] < speed[1][0] < speed[2][0]
    assert len({y for _, y in speed}) == 1
    assert (speed[1][0] - speed[0][0]) == pytest.approx(2 * (speed[2][0] - speed[1][0]), abs=0.2)
    assert found["lat256, torch: 2"][0] > found["lat256, a & b: 0.8"][0]
    assert "single step: single32, torch: 50" in found
    assert len(found) == 3 + 4 + 2 + 1  # the legend, speeds, ratios, the single step


@pytest.mark.parametrize("kept", [shapes.FORWARD, shapes.SINGLE])
def test_a_chart_leaves_out_what_the_record_lacks(kept: str) -> None:
    shape = {shapes.FORWARD: "lat256", shapes.SINGLE: "single32"}[kept]
    for rivals in ([], ["torch"]):
        found = dots(chart.chart(record(*((kept, shape, name, 1.0) for name in ["rustlstm", *rivals]))))
        assert all(name in found for name in ["rustlstm", *rivals])


def test_scales_have_a_handful_of_round_ticks() -> None:
    for low, high, log in ((0, 207, False), (0, 7, False), (0.7, 5, True), (1e-5, 3, True), (0.99, 1.02, True)):
        scale = svg.Scale(low, high, 100, 300, log)
        assert (scale(low), scale(high)) == pytest.approx((100, 300))
        assert 1 <= len(scale.ticks()) <= 8
        assert all(100 <= scale(tick) <= 300 for tick in scale.ticks())
    assert svg.Scale(1, 100, 0, 2, log=True)(10) == pytest.approx(1)


def test_a_run_writes_its_record(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHES / "versus" / "run.py"), "--rounds", "1", "--seconds", "0.001"]
    command += ["--threads", "1", "--shapes", "tiny,single32", "--rivals", "", "--record", str(tmp_path / "a.b")]
    env = os.environ | {"PYTHONUTF8": "1"}
    made = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", env=env)
    assert made.returncode == 0, made.stderr
    kept = json.loads((tmp_path / "a.b.json").read_text(encoding="utf-8"))
    done = [(result["shape"], result["mode"]) for result in kept["results"]]
    assert done == [
        *(("tiny", mode) for mode in (shapes.FORWARD, shapes.TRAINING, shapes.STEP)),
        ("single32", shapes.SINGLE),
    ]
    assert "tiny, rustlstm: " in " ".join(dots((tmp_path / "a.b.svg").read_text(encoding="utf-8")))
    assert (tmp_path / "a.b.md").read_text(encoding="utf-8") == made.stdout
