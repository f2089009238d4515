"""Several shops, one model, a week ahead, promotions that are known in advance; and three ways to look far ahead."""

import numpy as np

import rustlstm as rl
from rustlstm.forecasting import backtest

HORIZON = 7


def shops(days: int, count: int = 6) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Draw daily sales of shops of very different sizes, with a week, a trend, and promotions."""
    rng = np.random.default_rng(0)
    week = np.array([1.0, 0.9, 0.9, 1.0, 1.3, 1.6, 0.6])
    sales, promotions = [], []
    for _ in range(count):
        promotion = (rng.random(days + HORIZON) < 0.2).astype(float)
        level = 10 ** rng.uniform(1, 4) * (1 + rng.uniform(0, 0.5) * np.arange(days) / days)
        noise = 1 + 0.05 * rng.standard_normal(days)
        sales.append(level * np.resize(week, days) * (1 + 0.5 * promotion[:days]) * noise)
        promotions.append(promotion)
    return sales, promotions


def main(size: int = 365) -> dict[str, float]:
    """Return the error in percent of each strategy, over the last eighth of each series."""
    sales, promotions = shops(size)
    begin = size * 7 // 8
    known = [row[:begin] for row in sales]
    naive = backtest(lambda history, horizon: history[-7:][:horizon], sales, horizon=HORIZON, start=begin)
    found = {"as a week ago": naive.metrics["smape"]}
    for strategy in ("joint", "recursive", "direct"):
        # Seen from each window: what is learned of a small shop holds for a large one.
        model = rl.Forecaster(
            horizon=HORIZON, strategy=strategy, season=7, window=14, hidden_size=16, steps_per_epoch=50, epochs=10
        )
        model.fit(known, future=[row[:begin] for row in promotions])
        found[strategy] = model.backtest(sales, future=promotions, start=begin).metrics["smape"]
        if strategy == "joint":
            coming = model.predict(series=sales, future=promotions)
            print("the week to come, of each shop:")
            print(np.round(coming).astype(int))
    for name, error in found.items():
        print(f"{name:<14} {error:5.1f} % off")
    return found


if __name__ == "__main__":
    main()
