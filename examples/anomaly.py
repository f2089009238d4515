"""A sensor that is watched: learn what is usual, then score each value as it comes and raise an alarm."""

import numpy as np

import rustlstm as rl

DAY = 48  # half hours


def sensor(days: int) -> np.ndarray:
    """Draw a load with a day, a quieter weekend, and noise."""
    steps = np.arange(days * DAY)
    week = np.where(steps // DAY % 7 < 5, 1.0, 0.6)
    noise = 2.0 * np.random.default_rng(0).standard_normal(len(steps))
    return 100 + 40 * week * np.sin(2 * np.pi * steps / DAY) ** 2 + noise


def main(size: int = 42) -> list[list[int]]:
    """Watch the last third of so many days, in which something is wrong on two; return the alarms."""
    if size < 21:
        raise ValueError(f"size must be at least 21 days, so that both faults are in the last third, got {size}")
    load = sensor(size)
    begin = size * 2 // 3 * DAY
    wrong = {"a sensor that hangs": begin + 3 * DAY, "a load at night": begin + 6 * DAY + 2}
    load[begin + 3 * DAY + 8 : begin + 3 * DAY + 20] = load[begin + 3 * DAY + 8]
    load[begin + 6 * DAY + 2 : begin + 6 * DAY + 6] += 30

    turn = 2 * np.pi * np.arange(len(load)) / DAY
    calendar = np.stack([np.sin(turn), np.cos(turn), np.sin(turn / 7), np.cos(turn / 7)], axis=1)
    detector = rl.AnomalyDetector(window=DAY, hidden_size=24, normalise="standard", rate=1e-4, validation=0.3)
    detector.fit(load[:begin], future=calendar[:begin])

    # As it comes, value by value; score_samples(load, future=calendar) says the same of the whole.
    stream = detector.stream()
    scores = np.array([stream.update(value, future=known) for value, known in zip(load, calendar, strict=True)])
    for name, step in wrong.items():
        highest = scores[step : step + DAY].max()
        print(f"{name}: a score of up to {highest:.1f}; above {detector.threshold_:.1f} is an alarm")
    alarms = [alarm for alarm in detector.alarms(load, future=calendar).tolist() if alarm[1] > begin]
    for first, last in alarms:
        print(f"alarm on day {first // DAY}, half hours {first % DAY} to {last - 1 - first // DAY * DAY}")
    return alarms


if __name__ == "__main__":
    main()
