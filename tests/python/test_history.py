"""The history: a table read by column."""

from __future__ import annotations

import builtins
import csv
import pickle
from pathlib import Path
from typing import Any

import pytest

import rustlstm as rl

pytestmark = pytest.mark.once

ROWS = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "val_loss": 0.75}, {"epoch": 3, "loss": 0.125}]


def test_columns() -> None:
    history = rl.History(ROWS)
    assert dict(history) == {"epoch": [1, 2, 3], "loss": [0.5, 0.25, 0.125], "val_loss": [None, 0.75, None]}
    assert list(history) == ["epoch", "loss", "val_loss"] and len(history) == 3 and "val_loss" in history
    assert history.last == ROWS[2]
    with pytest.raises(KeyError, match="'accuracy'; there are epoch, loss, val_loss"):
        history["accuracy"]
    empty = rl.History()
    assert not empty and empty.last == {} and repr(empty) == "History(0 epochs)"
    with pytest.raises(KeyError, match="no epochs yet"):
        empty["loss"]


def test_rows_are_its_own() -> None:
    row = dict(ROWS[0])
    history = rl.History([row])
    history.append(row)
    row["loss"] = 7.0
    assert history["loss"] == [0.5, 0.5]


def test_copies() -> None:
    history = rl.History(ROWS)
    assert pickle.loads(pickle.dumps(history)) == history == rl.History(ROWS)


def test_as_a_file(tmp_path: Path) -> None:
    history = rl.History([*ROWS, {"epoch": 4, "loss": float("nan")}])
    path = tmp_path / "history.csv"
    history.to_csv(path)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["epoch"] for line in lines] == ["1", "2", "3", "4"]
    assert [line["val_loss"] for line in lines] == ["", "0.75", "", ""]
    assert lines[3]["loss"] == "nan"
    assert [each.name for each in tmp_path.iterdir()] == ["history.csv"]


def test_plot() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = rl.History(ROWS).plot()
    loss, val_loss = axes.get_lines()
    assert (loss.get_label(), list(loss.get_xdata()), list(loss.get_ydata())) == ("loss", [1, 2, 3], [0.5, 0.25, 0.125])
    assert (val_loss.get_label(), list(val_loss.get_xdata()), list(val_loss.get_ydata())) == ("val_loss", [2], [0.75])
    assert rl.History(ROWS).plot("val_loss", ax=axes) is axes
    assert len(axes.get_lines()) == 3
    assert not rl.History().plot().get_lines()
    with pytest.raises(KeyError, match="'accuracy'"):
        rl.History(ROWS).plot("accuracy")


def test_plot_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match=r"History.plot needs matplotlib: pip install 'rustlstm\[plot\]'"):
        rl.History(ROWS).plot()
