"""Tomorrow's temperature with an interval around it, from a file of yours or from weather that is made up.

python examples/weather.py                       # made up: a season, and warm and cold spells
python examples/weather.py weather.csv temp_max  # a CSV with a header, one row a day, and the column of temperatures
"""

import csv
import sys
from typing import Any

import numpy as np

import rustlstm as rl
from rustlstm.forecasting import backtest


def made_up(days: int) -> Any:
    """Draw temperatures: a season, and a departure from it of which 70 % is left the day after."""
    new = 2.0 * np.random.default_rng(0).standard_normal(days)
    departure = np.zeros(days)
    for day in range(1, days):
        departure[day] = 0.7 * departure[day - 1] + new[day]
    return 12 - 9 * np.cos(2 * np.pi * np.arange(days) / 365.25) + departure


def read(path: str, column: str) -> Any:
    """Return a column of a CSV."""
    with open(path, newline="") as file:
        return np.array([float(row[column]) for row in csv.DictReader(file)])


def main(size: int = 1461, temperatures: Any = None) -> float:
    """Forecast the last quarter day by day; return the error, of which the best possible is 2 where all is made up."""
    series = made_up(size) if temperatures is None else temperatures
    begin = len(series) * 3 // 4
    turn = 2 * np.pi * np.arange(len(series) + 1) / 365.25
    calendar = np.stack([np.sin(turn), np.cos(turn)], axis=1)  # known in advance

    model = rl.Forecaster(normalise="standard", window=28, hidden_size=16, validation=0.2, patience=30)
    model.fit(series[:begin], future=calendar[:begin])
    ours = model.backtest(series, future=calendar, start=begin)
    as_today = backtest(lambda history, horizon: history[-1:], series, horizon=1, start=begin)
    print(f"root of the mean squared error over {len(ours)} days: {ours.metrics['rmse']:.2f} degrees")
    print(f"of a forecast that says 'as today': {as_today.metrics['rmse']:.2f}")

    (low, high), tomorrow = (
        model.predict_interval(coverage=0.8, series=series, future=calendar)[0],
        model.predict(series=series, future=calendar)[0],
    )
    print(f"tomorrow: {tomorrow:.1f}, with a chance of 80 % between {low:.1f} and {high:.1f}")
    return ours.metrics["rmse"]


if __name__ == "__main__":
    main(temperatures=read(sys.argv[1], sys.argv[2]) if len(sys.argv) == 3 else None)
