"""A stock index beside a random walk: what an LSTM makes of prices, said plainly.

python examples/stock_index.py                    # a random walk that is made up
python examples/stock_index.py sp500.csv Close    # a CSV with a header and the column of prices
"""

import csv
import sys
from typing import Any

import numpy as np

import rustlstm as rl
from rustlstm.forecasting import backtest


def read(path: str, column: str) -> Any:
    """Return a column of a CSV."""
    with open(path, newline="") as file:
        return np.array([float(row[column]) for row in csv.DictReader(file)])


def main(size: int = 1500, prices: Any = None) -> float:
    """Forecast the last fifth day by day; return the error relative to that of a random walk, whose error is 1."""
    if prices is None:
        prices = 1000 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(size)))
    series = np.log(prices)
    begin = len(series) * 4 // 5
    model = rl.Forecaster(window=20, normalise="window", hidden_size=16, patience=5).fit(series[:begin])
    ours = model.backtest(series, start=begin)
    walk = backtest(lambda history, horizon: history[-1:], series, horizon=1, start=begin)
    ratio = ours.metrics["rmse"] / walk.metrics["rmse"]
    today = series[begin - 1 : -1]
    right = np.mean(np.sign(ours.forecasts[:, 0] - today) == np.sign(ours.actuals[:, 0] - today))
    rose = np.mean(ours.actuals[:, 0] > today)
    print(f"error of tomorrow's price, relative to 'as today': {ratio:.3f} (below 1 would be better)")
    print(f"up or down told rightly on {right:.1%} of {len(ours)} days; it went up on {rose:.1%}")
    print(f"R² of the prices themselves: {ours.r2:.3f}, and of 'as today': {walk.r2:.3f}.")
    print("A plot of such forecasts looks splendid, because prices hardly move in a day; 'as today' looks as good.")
    if ratio > 0.99:
        print("Past prices do not tell the next one. An LSTM is the wrong tool here: take 'as today'.")
    else:
        print("Better than a random walk: look for the future among the inputs before you believe it.")
    return ratio


if __name__ == "__main__":
    main(prices=read(sys.argv[1], sys.argv[2]) if len(sys.argv) == 3 else None)
