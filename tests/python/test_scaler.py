"""The scaler: what each kind makes of a channel, there and back, and channels it cannot divide by."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rustlstm.datasets import Scaler

pytestmark = pytest.mark.once

KINDS = ["standard", "minmax", "robust", "none"]


def data(*shape: int) -> Any:
    return np.random.Generator(np.random.PCG64(1)).normal(size=shape) * [3.0, 0.5, 100.0] + [1.0, -4.0, 1e4]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["[T]", "[T, C]", "[N, T, C]", "list of [T, C]", "list of [T]"])
def test_there_and_back(kind: str, form: str) -> None:
    x: Any = {
        "[T]": data(50, 3)[:, 0],
        "[T, C]": data(50, 3),
        "[N, T, C]": data(4, 20, 3),
        "list of [T, C]": [data(5, 3), data(30, 3) + 1],
        "list of [T]": [data(5, 3)[:, 2], data(9, 3)[:, 1]],
    }[form]
    scaler = Scaler(kind).fit(x)
    scaled = scaler.transform(x)
    back = scaler.inverse(scaled)
    pairs = zip(x, scaled, back, strict=True) if isinstance(x, list) else [(x, scaled, back)]
    for before, between, after in pairs:
        assert between.dtype == np.float32 and after.dtype == np.float64
        assert between.shape == after.shape == before.shape
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-4)


def test_measures() -> None:
    x = data(1000, 3)
    standard, minmax, robust = (Scaler(kind).fit(x).transform(x).astype(float) for kind in KINDS[:3])
    np.testing.assert_allclose([standard.mean(0), standard.std(0)], [[0] * 3, [1] * 3], atol=1e-5)
    np.testing.assert_allclose([minmax.min(0), minmax.max(0)], [[0] * 3, [1] * 3], atol=1e-6)
    first, middle, third = np.quantile(robust, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose([middle, third - first], [[0] * 3, [1] * 3], atol=1e-5)
    np.testing.assert_array_equal(Scaler("none").fit(x).transform(x), x.astype(np.float32))


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust"])
def test_constant_channel(kind: str) -> None:
    x = np.stack([np.full(1000, 0.1), np.arange(1000)], axis=1)  # the mean of 1000 times 0.1 is not 0.1
    scaler = Scaler(kind).fit(x)
    scaled = scaler.transform(x)
    assert (scaled[:, 0] == 0).all() and scaled[:, 1].std() > 0
    assert (scaler.inverse(scaled)[:, 0] == 0.1).all()


def test_robust_where_half_is_constant() -> None:
    x = np.array([0.0] * 9 + [10.0])
    scaled = Scaler("robust").fit(x).transform(x)
    np.testing.assert_allclose(scaled, x / x.std(), rtol=1e-6)


def test_missing_values() -> None:
    x = np.array([[1.0, np.nan], [np.nan, 5.0], [3.0, 7.0]])
    scaler = Scaler().fit(x)
    np.testing.assert_array_equal(scaler.transform(x), np.array([[-1, np.nan], [np.nan, -1], [1, 1]], np.float32))


def test_what_was_not_fitted_on_is_scaled_alike() -> None:
    scaler = Scaler("minmax").fit(np.array([10, 20]))
    assert scaler.transform([30, 15]).tolist() == [2.0, 0.5]
    assert scaler.transform(np.zeros((2, 1, 1), np.int32)).tolist() == [[[-1.0]], [[-1.0]]]
    assert scaler.transform(np.zeros((0, 1))).shape == (0, 1)


def test_only() -> None:
    x = data(20, 3)
    scaler = Scaler().fit(x)
    scaled = scaler.transform(x)
    np.testing.assert_array_equal(scaler.only([2, 0]).inverse(scaled[:, [2, 0]]), scaler.inverse(scaled)[:, [2, 0]])
    np.testing.assert_array_equal(scaler.only(1).inverse(scaled[:, 1]), scaler.inverse(scaled)[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_saved(kind: str) -> None:
    x = data(20, 3)
    scaler = Scaler(kind).fit(x)
    again = Scaler.from_plain(json.loads(json.dumps(scaler.to_plain())))
    np.testing.assert_array_equal(again.transform(x), scaler.transform(x))
    fresh = Scaler.from_plain(json.loads(json.dumps(Scaler(kind).to_plain())))
    assert fresh.kind == kind and fresh.shift is None and fresh.scale is None


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Scaler("log"), ValueError, "kind must be .* got 'log'"),
        (lambda: Scaler().transform([1.0]), ValueError, "call fit first"),
        (lambda: Scaler().fit(np.array(["a"])), TypeError, "x must hold numbers"),
        (lambda: Scaler().fit(3.0), ValueError, r"x must be an array \[..., C\] or \[T\], got a single number"),
        (lambda: Scaler().fit([]), ValueError, "x must have values to fit to, channel 0 has none"),
        (lambda: Scaler().fit([[1.0, np.inf]]), ValueError, "channel 0 is not"),
        (lambda: Scaler().fit(np.full((3, 1), np.nan)), ValueError, "channel 0 has none"),
        (lambda: Scaler().fit([1e308, -1e308]), ValueError, "of a size that can be scaled, channel 0 goes from"),
        (lambda: Scaler().fit([data(4, 3), data(4, 3)[:, :2]]), ValueError, r"x\[1\] must have 3 channels, as x\[0\]"),
        (lambda: Scaler().fit(data(4, 3)).transform(np.zeros((4, 2))), ValueError, "x must have 3 channels, .* got 2"),
        (lambda: Scaler().fit(data(4, 3)).inverse([[1.0]]), ValueError, r"x\[0\] must have 3 channels, .* got 1"),
        (lambda: Scaler().fit(data(4, 3)).only(3), ValueError, r"channels must be integers in \[0, 3\), got 3"),
        (lambda: Scaler().fit(data(4, 3)).only([]), ValueError, "channels must be"),
        (lambda: Scaler.from_plain({"kind": "minmax", "shift": [0.0], "scale": [0.0]}), ValueError, "scale above 0"),
        (lambda: Scaler.from_plain({"kind": "minmax", "shift": [0.0], "scale": None}), ValueError, "as many"),
        (lambda: Scaler.from_plain({"kind": "minmax"}), ValueError, "the state has no 'shift'"),
    ],
)
def test_mistakes(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()
