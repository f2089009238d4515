"""The command line: the demonstration learns and says so, and models go from file to file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rustlstm import cli
from rustlstm.cli import _demo
from rustlstm.training import History

pytestmark = pytest.mark.once


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_demo_shows_all_four_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--size", 0.05, "--picture", tmp_path / "curves.png") == 0
    printed = capsys.readouterr().out
    for word in ("== prediction", "== classification", "== generation", "== seq2seq", "judged by", "6 7 8  ->"):
        assert word in printed
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.slow
def test_demo_learns(tmp_path: Path) -> None:
    lines = {line.problem: line for line in _demo.demo(0, 1.0, str(tmp_path / "curves.png"))}
    assert lines["prediction"].ours > 0.99 and lines["classification"].ours > 0.99 and lines["seq2seq"].ours > 0.8
    assert lines["generation"].ours < 2.0  # of 3.2 without any context
    assert [line.worth_it for line in lines.values()].count(True) >= 3


def test_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "rustlstm", "--help"], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout and ".jsonl" in done.stdout


def test_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"text": f"{word} film", "label": label} for word, label in (("good", "yes"), ("bad", "no"))] * 40
    file, model = tmp_path / "reviews.jsonl", tmp_path / "model.safetensors"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert run("train", file, "--to", model, "--set", "hidden_size=8", "--set", "pool=max") == 0
    assert "score on 8 sequences never seen: 1.0000" in capsys.readouterr().out
    assert run("predict", model, file) == 0
    assert capsys.readouterr().out.split()[:2] == ["yes", "no"]
    assert run("evaluate", model, file) == 0
    assert "SequenceClassifier" in capsys.readouterr().out
    assert run("info", model) == 0
    assert "SequenceClassifier(hidden_size=8, pool='max')" in capsys.readouterr().out


def test_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, model = tmp_path / "text.txt", tmp_path / "model.safetensors"
    file.write_text("the cat sat on the mat. " * 60)
    assert run("train", file, "--to", model, "--set", "hidden_size=32") == 0
    capsys.readouterr()
    assert run("generate", model, "--prompt", "the c", "--length", 4, "--temperature", 0) == 0
    assert capsys.readouterr().out == "the cat s\n"
    assert run("evaluate", model, file) == 0


def test_pairs_and_tags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs, model = tmp_path / "pairs.tsv", tmp_path / "model.safetensors"
    pairs.write_text("ab\tba\ncd\tdc\nac\tca\n" * 20)
    assert run("train", pairs, "--to", model, "--set", "hidden_size=16", "--set", "epochs=60") == 0
    capsys.readouterr()
    assert run("predict", model, pairs) == 0
    assert capsys.readouterr().out.split()[:3] == ["ba", "dc", "ca"]
    tags = tmp_path / "tags.conll"
    tags.write_text("a V\nb C\n\nb C\na V\na V\n\n" * 20)
    assert run("train", tags, "--to", model, "--set", "hidden_size=8") == 0
    capsys.readouterr()
    assert run("predict", model, tags) == 0
    assert capsys.readouterr().out.splitlines()[0] == "V\tC"


def test_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, model = tmp_path / "series.csv", tmp_path / "model.safetensors"
    values = 20 + 5 * np.sin(np.arange(300) * 2 * np.pi / 12)
    file.write_text("value\n" + "\n".join(f"{value:.5f}" for value in values))
    options = ("--set", "horizon=3", "--set", "window=12", "--set", "hidden_size=8", "--set", "learning_rate=0.01")
    assert run("train", file, "--to", model, *options) == 0
    assert "on 30 steps never seen: mse" in capsys.readouterr().out
    assert run("predict", model, file, "--horizon", 3) == 0
    found = [float(line) for line in capsys.readouterr().out.split()]
    np.testing.assert_allclose(found, 20 + 5 * np.sin(np.arange(300, 303) * 2 * np.pi / 12), atol=0.7)
    assert run("evaluate", model, file) == 0
    assert "mse" in capsys.readouterr().out


def test_the_column_to_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, model = tmp_path / "sales.csv", tmp_path / "model.safetensors"
    draw = np.random.default_rng(0)
    shop, sold = draw.standard_normal(200), 20 + 5 * np.sin(np.arange(200) * 2 * np.pi / 12)
    rows = "\n".join(f"{a:.4f},{b:.5f},{c:.4f}" for a, b, c in zip(shop, sold, shop + 1, strict=True))
    file.write_text("open,sold,staff\n" + rows)
    options = [f"--set={each}" for each in ("horizon=2", "window=12", "hidden_size=8", "learning_rate=0.01")]
    assert run("train", file, "--target", "sold", "--to", model, *options) == 0
    capsys.readouterr()
    for more in ((), ("--target", "sold")):
        assert run("predict", model, file, *more) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2 and all("\t" not in line for line in lines)
        np.testing.assert_allclose(
            [float(line) for line in lines], 20 + 5 * np.sin(np.arange(200, 202) * 2 * np.pi / 12), atol=1.5
        )
    assert run("predict", model, file, "--target", "open") == 1
    assert "the model has learned column 2 of its files, --target is column 1" in capsys.readouterr().err

    assert run("evaluate", model, file, "--season", 12) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "187 forecasts of 2 ahead:" and lines[1].split()[:2] == ["mse", "rmse"]
    errors = {line[:24].strip(): float(line[24:].split()[0]) for line in lines[2:]}
    at = np.arange(12, 199)
    assert errors["a season of 12 before"] < 1e-6 < errors["Forecaster"]
    steps = [(sold[at + ahead] - sold[at - 1]) ** 2 for ahead in (0, 1)]
    assert errors["last value"] == pytest.approx(np.mean(steps), rel=1e-3)
    assert run("evaluate", model, file) == 0
    said = capsys.readouterr().out
    assert "last value" in said and "--season says" in said


def test_predict_needs_no_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, model = tmp_path / "reviews.jsonl", tmp_path / "model.safetensors"
    rows = [{"text": f"{word} film", "label": label} for word, label in (("good", "yes"), ("bad", "no"))] * 40
    file.write_text("\n".join(map(json.dumps, rows)))
    assert run("train", file, "--to", model, "--set", "hidden_size=8", "--set", "pool=max") == 0
    asked = tmp_path / "asked.jsonl"
    asked.write_text('{"text": "good film"}\n{"text": "bad film"}\n')
    capsys.readouterr()
    assert run("predict", model, asked) == 0
    assert capsys.readouterr().out.split() == ["yes", "no"]
    for name, text in (("asked.tsv", "good film\nbad film\n"), ("asked.csv", "text,n\ngood film,1\nbad film,2\n")):
        (tmp_path / name).write_text(text)
        assert run("predict", model, tmp_path / name) == 0
        assert capsys.readouterr().out.split() == ["yes", "no"]
    assert run("evaluate", model, asked) == 1
    assert "expected a field 'label'" in capsys.readouterr().err


def test_a_generator_is_asked_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, model = tmp_path / "text.txt", tmp_path / "model.safetensors"
    file.write_text("the cat sat on the mat. " * 20)
    assert run("train", file, "--to", model, "--set", "hidden_size=8", "--set", "epochs=1") == 0
    assert run("predict", model, file) == 1
    assert f"which writes: rustlstm generate {model}" in capsys.readouterr().err


def test_what_follows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, asked, model = tmp_path / "rows.jsonl", tmp_path / "asked.jsonl", tmp_path / "model.safetensors"
    rows = [{"x": [at + 0.5, at + 1.5, at + 2], "y": at + 3.5} for at in range(80)]
    file.write_text("\n".join(map(json.dumps, rows)))
    asked.write_text('{"x": [7.5, 8.5, 9]}\n')
    train = ("train", file, "--problem", "prediction", "--to", model, "--set", "hidden_size=8")
    assert run(*train, "--set", "scale=window", "--set", "learning_rate=0.02") == 0
    assert "score on 8 sequences never seen: 1.0000" in capsys.readouterr().out
    assert run("predict", model, asked) == 0
    assert float(capsys.readouterr().out) == pytest.approx(10.5, abs=0.7)
    assert run("evaluate", model, file) == 0
    assert "LinearAutoregression" in capsys.readouterr().out

    items = [{"basket": row, "next": row[-1].upper()} for row in (["a", "b"], ["b", "c"], ["c", "a"])] * 20
    file.write_text("\n".join(map(json.dumps, items)))
    asked.write_text('{"basket": ["b", "c"]}\n')
    names = ("--x", "basket", "--y", "next")
    assert run(*train, *names, "--set", "learning_rate=0.02") == 0
    capsys.readouterr()
    assert run("predict", model, asked, "--x", "basket") == 0
    assert capsys.readouterr().out == "C\n"
    assert run("evaluate", model, file, *names) == 0
    assert "Popularity" in capsys.readouterr().out


def test_anomalies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, model = tmp_path / "load.csv", tmp_path / "model.safetensors"
    values = np.sin(np.arange(300) * 0.3) + 0.05 * np.random.default_rng(0).standard_normal(300)
    file.write_text("load\n" + "\n".join(map(str, values)))
    options = [f"--set={each}" for each in ("window=12", "hidden_size=8", "rate=1e-4", "learning_rate=0.01")]
    assert run("train", file, "--problem", "anomaly", "--to", model, *options) == 0
    assert "on 30 steps never seen: 0 alarms" in capsys.readouterr().out
    values[250] += 1.5
    file.write_text("load\n" + "\n".join(map(str, values)))
    assert run("predict", model, file) == 0
    found = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert found[0][0] == "250" and float(found[0][1]) > 10
    assert run("evaluate", model, file) == 1
    assert "does not say what is an anomaly" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "said"),
    [
        ("accuracy", 1.0, 1.0, "is as good."),
        ("nats/character", 2.0, 2.0, "is as good."),
        ("accuracy", 0.5, 0.9, "is better still."),
        ("nats/character", 2.0, 1.0, "is better still."),
        ("accuracy", 0.9, 0.5, ""),
        ("nats/character", 1.0, 2.0, ""),
    ],
)
def test_verdict_of_the_demonstration(metric: str, ours: float, theirs: float, said: str) -> None:
    line = _demo.Line("p", metric, "rival", theirs, ours, None, 1.0, History())
    assert line.worth_it == (not said) and line.verdict.endswith(said) and bool(line.verdict) == bool(said)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train", "nothing.txt", "--to", "m"), "nothing.txt"),
        (("train", "file.doc", "--to", "m"), "file.doc must end with .txt"),
        (("train", "file.txt", "--to", "m", "--set", "hidden"), "--set must be NAME=VALUE, got 'hidden'"),
        (("train", "file.txt", "--to", "m", "--set", "colour=3"), "colour"),
        (("predict", "nothing.safetensors", "x.txt"), "nothing.safetensors"),
        (("train", "x.txt", "--to", "nodir/m.st"), "--to must be in a folder that is there, got nodir/m.st"),
        (("train", "x.txt", "--to", "m", "--test", "-0.5"), "--test must be a share from 0 to below 1, got -0.5"),
        (("train", "x.txt", "--to", "m", "--test", "1"), "--test must be a share"),
        (("info", "nothing.safetensors"), "nothing.safetensors"),
        (("demo", "--size", "0"), "size must be above 0"),
    ],
)
def test_mistakes_are_sentences(
    arguments: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("rustlstm: ") and expected in said and "Traceback" not in said


def test_build(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info") == 0
    assert "level" in capsys.readouterr().out
