"""Series: what comes next in transformers, weather and prices, and what should not have come in taxi rides.

Options are chosen on training series alone, by forecasts of their last part. Above each proof stands its protocol, how
its options came about, and what had been seen of the test part by then.
"""

from __future__ import annotations

import csv
import gzip
import json
from functools import cache
from typing import Any

import numpy as np

import rustlstm as rl
from proofs.proof import DATA, Outcome, Proof, at_most
from rustlstm.forecasting import backtest

QUIET: dict[str, Any] = {"progress": False}


# ETTh1, the usual split: rows 0-8640 train, 8640-11520 validate, 11520-14400 test. The column OT alone, z-scored by
# mean and deviation of the training rows. A forecast of 24 hours from every hour of the test part for which all 24
# lie in it (2,857 origins; the model may read all hours before); the error is the mean over origins and hours. By
# this protocol the last value comes to 0.0343, and ridge regression on the last 336 hours, less the last of them, to
# 0.0261 (on all lags as they are 0.0268). Options were chosen among some forty by the error on the validation rows,
# where these come to 0.0492 (two seeds) and that ridge to 0.0492; the best epoch is chosen on the same rows. The test
# rows were judged once before, with the same options but Adam without weight decay (0.0306, 0.0275, 0.0290); the
# decay was then chosen on the validation rows. The mean of five such models came to 0.0283 and 0.0288, no less. While
# the floors were checked, the test errors of ridge by number of lags were seen too.
TRAIN, VALID, TEST = 8640, 11520, 14400


@cache
def _etth1() -> Any:
    with open(DATA / "series" / "ETTh1.csv") as file:
        values = np.array([float(row["OT"]) for row in csv.DictReader(file)])
    return (values[:TEST] - values[:TRAIN].mean()) / values[:TRAIN].std()


def etth1(seed: int) -> Outcome:
    series = _etth1()
    model = rl.Forecaster(
        horizon=24, normalise="standard", season=1, window=48, lags=168, hidden_size=16, optimizer="adamw",
        weight_decay=0.3,
        validation=(VALID - TRAIN) / VALID, patience=40, seed=seed, **QUIET,
    )  # fmt: skip
    model.fit(series[:VALID])
    found = model.backtest(series, start=VALID)
    last = backtest(lambda history, horizon: np.repeat(history[-1], horizon), series, horizon=24, start=VALID)
    return Outcome(
        found.metrics["mse"],
        extra={
            "last_value": last.metrics["mse"],
            "validation": model.backtest(series[:VALID], start=TRAIN).metrics["mse"],
            "origins": len(found),
        },
    )


# M4 hourly: 414 series, one model for all. Trained on the training file, judged on the test file, 48 hours each; the
# score is the mean over series of the mean sMAPE. Options were chosen among some fifteen by forecasts of the last 48
# hours of the training file by models (one seed) that had not seen them: these came to 11.50 there, half as many
# epochs to 12.07, a season of a day to 15.10; the seasonal naive forecast of a week to 13.37. No forecast of the test
# file was judged before, but for the naive ones.
@cache
def _m4() -> tuple[list[Any], Any]:
    def read(name: str) -> list[Any]:
        with gzip.open(DATA / "series" / f"m4_hourly_{name}.csv.gz", "rt") as file:
            rows = list(csv.reader(file))[1:]
        return [np.array([float(cell) for cell in row[1:] if cell not in ("", "NA")]) for row in rows]

    return read("train"), np.stack(read("test"))


def _smape(actual: Any, forecast: Any) -> float:
    return float(np.mean(200 * np.abs(actual - forecast) / (np.abs(actual) + np.abs(forecast))))


def m4_hourly(seed: int) -> Outcome:
    train, test = _m4()
    model = rl.Forecaster(
        horizon=48, window=24, season=168, loss="mae", hidden_size=64, batch_size=64, epochs=40, validation=0.0,
        seed=seed, **QUIET,
    )  # fmt: skip
    naive = np.stack([np.resize(row[-168:], 48) for row in train])
    score = _smape(test, model.fit(train).predict())
    return Outcome(score, extra={"seasonal_naive_168": _smape(test, naive)})


# Seattle: the highest temperature of each day of 2015, from all days before it; trained on 2012-2014. The model reads
# the four measured columns and the place in the year. Options were chosen by the error on three half years of 2013
# and 2014, each forecast by models trained on all before it, three seeds each: there these come to 2.66, persistence
# to 2.91. The test year has been judged three times, so it is no longer quite unseen: with a validation loss that
# weighed chunks wrongly (2.71, 2.94, 2.92); with that mended, other options and the best epoch chosen on the second
# half of 2014 (2.72, 3.62, 2.67), which came to 2.64 on the half years and yet may overfit spring and summer, on
# which no epoch was judged; and with these options, which keep no part from training and choose no epoch. Later the
# mean of five models with the last seven days beside the state came to 2.63 on the half years and to 2.70 here: the
# bar lies within what the choice of a year does.
@cache
def _seattle() -> tuple[Any, Any, int]:
    with open(DATA / "series" / "seattle-weather.csv") as file:
        rows = list(csv.DictReader(file))
    names = ("temp_max", "temp_min", "precipitation", "wind")
    values = np.array([[float(row[name]) for name in names] for row in rows])
    days = np.array([row["date"].replace("/", "-") for row in rows], "datetime64[D]")
    turn = 2 * np.pi * (days - days.astype("datetime64[Y]")).astype(int) / 365.25
    return (
        values,
        np.stack([np.sin(turn), np.cos(turn)], axis=1),
        int(np.searchsorted(days, np.datetime64("2015-01-01"))),
    )


def seattle(seed: int) -> Outcome:
    values, calendar, begin = _seattle()
    model = rl.Forecaster(
        target=0, normalise="standard", season=1, window=28, hidden_size=32, dropout=0.5, validation=0.0, epochs=60,
        lstm={"recurrent_dropout": 0.3}, seed=seed, **QUIET,
    )  # fmt: skip
    model.fit(values[:begin], future=calendar[:begin])
    found = model.backtest(values, future=calendar, start=begin)
    last = backtest(lambda history, horizon: history[-1:], values[:, 0], horizon=1, start=begin)
    return Outcome(found.metrics["rmse"], extra={"persistence": last.metrics["rmse"], "days": len(found)})


# NAB, taxi rides in New York, each half hour: the detector learns from the first 15 % (1,548 steps), which NAB leaves
# to that and in which there is no window; weights, usual errors and threshold follow from these alone. The options
# were set by reasons, before any detector was run, though not blindly: the dates of the windows had been read by
# then. A disturbed day is one event, so the forecast is made a day before (a model that sees a disturbance begin
# forecasts how it goes on), the score is a mean over six hours, alarms within a day are one, and the threshold is one
# that a step in 10,000 would pass, about one of those that are judged. A window is found if an alarm touches it; an
# alarm that touches none is false. The first run, with a threshold from the steps that were trained on, found 5, 5
# and 4 windows with 12, 8 and 10 false alarms; since then it comes from the last 30 % of the first part, which are
# not trained on. That was changed after these counts had been seen. Later trials, which did no better: the mean of five
# detectors (5 of 5 windows thrice, with 8, 12 and 6 false alarms), learning again every four weeks (2 and 2 windows
# with 4 and 4), and errors in units of the last two weeks (3, 3, 4 and 3 windows with 3, 0, 6 and 1).
@cache
def _taxi() -> tuple[Any, Any, Any]:
    with open(DATA / "series" / "nab_nyc_taxi.csv") as file:
        rows = list(csv.DictReader(file))
    times = np.array([row["timestamp"] for row in rows], "datetime64[m]")
    windows = json.loads((DATA / "series" / "nab_nyc_taxi_windows.json").read_text())
    places = [[int(np.searchsorted(times, np.datetime64(end[:16]))) for end in window] for window in windows]
    half_hours = (times - np.datetime64("2014-06-30T00:00")).astype(int) // 30  # a Monday
    turns = [
        2 * np.pi * wave * half_hours / period for period, waves in ((48, 3), (336, 4)) for wave in range(1, waves + 1)
    ]
    calendar = np.stack([of(turn) for turn in turns for of in (np.sin, np.cos)], axis=1)
    return np.array([float(row["value"]) for row in rows]), calendar, np.array(places)


def taxi(seed: int) -> Outcome:
    values, calendar, windows = _taxi()
    begin = int(0.15 * len(values))
    detector = rl.AnomalyDetector(
        ahead=48, smoothing=12, merge=48, rate=1e-4, normalise="standard", window=48, hidden_size=32, head_size=32,
        dropout=0.2, validation=0.3, seed=seed, **QUIET,
    )  # fmt: skip
    detector.fit(values[:begin], future=calendar[:begin])
    alarms = [alarm for alarm in detector.alarms(values, future=calendar).tolist() if alarm[1] > begin]
    touched = np.array([[first <= end and last > start for start, end in windows] for first, last in alarms])
    touched = touched.reshape(len(alarms), len(windows))
    found, false = int(touched.any(axis=0).sum()), int((~touched.any(axis=1)).sum())
    return Outcome(float(found), solved=found >= 4 and false <= 5, extra={"false_alarms": false, "alarms": len(alarms)})


# S&P 500: tomorrow's close, on the last 1,006 days (four years), from all days before; trained on those before. The
# series is the logarithm of the close; the score is the RMSE of the model over that of the random walk (tomorrow is
# as today). Options are common ones, not tuned, and there is no bar. What comes of it is the random walk: an error
# that is the same within a thousandth, and a direction that is right on half of the days, where "up" is right on 52
# of 100. An LSTM is not worth it here.
@cache
def _sp500() -> Any:
    with gzip.open(DATA / "series" / "sp500.csv.gz", "rt") as file:
        return np.log([float(row["Close"]) for row in csv.DictReader(file)])


def sp500(seed: int) -> Outcome:
    series = _sp500()
    begin = len(series) - 1006
    model = rl.Forecaster(normalise="window", window=20, hidden_size=16, patience=5, seed=seed, **QUIET)
    model.fit(series[:begin])
    found = model.backtest(series, start=begin)
    walk = backtest(lambda history, horizon: history[-1:], series, horizon=1, start=begin)
    ours = np.sign(found.forecasts[:, 0] - series[begin - 1 : -1])
    came = np.sign(found.actuals[:, 0] - series[begin - 1 : -1])
    return Outcome(
        found.metrics["rmse"] / walk.metrics["rmse"],
        extra={"right_direction": float(np.mean(ours == came)), "days_that_rose": float(np.mean(came > 0))},
    )


PROOFS = [
    Proof(
        "etth1", "ETTh1, oil temperature 24 hours ahead", "MSE, z-scored", "at most 0.027", at_most(0.027), etth1,
        floor="last value 0.034, ridge 0.026", published="LSTM 0.114", field="series",
    ),
    Proof(
        "m4-hourly", "M4, 414 hourly series, 48 hours ahead", "sMAPE %", "at most 11.5", at_most(11.5), m4_hourly,
        floor="seasonal naive 13.9 (day), 12.7 (week)", published="ES-RNN 9.33", field="series",
    ),
    Proof(
        "seattle", "Seattle 2015, tomorrow's highest temperature", "RMSE °C", "at most 2.65", at_most(2.65), seattle,
        floor="persistence 2.907, ridge 2.68 (a day's columns) to 2.80 (28 days')", field="series",
    ),
    Proof(
        "nab-taxi", "NAB, New York taxi: five labelled anomalies", "windows found",
        "at least 4 of 5 with at most 5 false alarms, each seed", lambda found: all(one.solved for one in found), taxi,
        field="series",
    ),
    Proof(
        "sp500", "S&P 500, tomorrow's close", "RMSE over that of a random walk",
        "none: 1 is what can be had", lambda found: True, sp500, floor="random walk 1", field="series",
    ),
]  # fmt: skip
