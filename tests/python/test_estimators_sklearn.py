"""Estimators inside scikit-learn's tools, where that is installed; they need nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rustlstm as rl
from estimator_cases import CASES, ESTIMATORS, QUICK, Case, others, plain

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

pytestmark = pytest.mark.once

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_clone(cls: Any) -> None:
    model = cls(**others(cls))
    twin = clone(model)
    assert type(twin) is cls and twin is not model
    assert twin.get_params() == model.get_params()


@every
def test_a_clone_is_not_fitted(case: Case) -> None:
    model = case.fitted()
    check_is_fitted(model)
    twin = clone(model)
    with pytest.raises(ValueError, match="not fitted yet"):
        check_is_fitted(twin)
    assert case.outputs(twin.fit(case.X, case.y)) == case.outputs(model)


def test_kinds() -> None:
    """A tagger is none: scikit-learn's classifiers have one label for each sample."""
    kinds = {cls.__name__: (is_classifier(cls()), is_regressor(cls())) for cls in ESTIMATORS}
    assert kinds == {
        "SequenceClassifier": (True, False),
        "SequenceTagger": (False, False),
        "SequencePredictor": (False, True),
    }


@every
def test_cross_validation(case: Case) -> None:
    scores = cross_val_score(case.make(), case.X, case.y, cv=2, error_score="raise")
    assert scores.shape == (2,) and np.isfinite(scores).all()


def test_cross_validated_predictions() -> None:
    case = CASES["classifier of text"]
    assert set(cross_val_predict(case.make(), case.X, case.y, cv=2).tolist()) <= set(case.y)


@every
def test_search(case: Case) -> None:
    search = GridSearchCV(case.make(), {"hidden_size": np.array([3, 4]), "dropout": [0.0]}, cv=2, error_score="raise")
    search.fit(case.X, case.y)
    assert search.best_params_["hidden_size"] in (3, 4)
    best = clone(case.make()).set_params(**search.best_params_).fit(case.X, case.y)
    assert case.outputs(search.best_estimator_) == case.outputs(best)


class Backwards:
    """A transformer of one's own."""

    def fit(self, X: Any, y: Any = None) -> Backwards:
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        return [row[::-1] for row in X]

    def __sklearn_tags__(self) -> Any:
        from sklearn.base import BaseEstimator

        return BaseEstimator.__sklearn_tags__(BaseEstimator())


@every
def test_pipeline(case: Case) -> None:
    steps = [("backwards", Backwards()), ("model", case.make())]
    pipe = Pipeline(steps).fit(case.X, case.y)
    pipe.set_params(model__seed=5)
    assert pipe.named_steps["model"].seed == 5
    backwards = Backwards().transform(case.X)
    expected = case.make().fit(backwards, case.y)
    assert case.outputs(pipe.named_steps["model"]) == case.outputs(expected)
    assert [plain(one) for one in pipe.predict(case.X)] == [plain(one) for one in expected.predict(backwards)]
    assert pipe.score(case.X, case.y) == expected.score(backwards, case.y)


def test_options_of_a_pipeline_are_searched() -> None:
    pipe = Pipeline([("backwards", Backwards()), ("model", rl.SequenceClassifier(**QUICK))])
    case = CASES["classifier of numbers"]
    search = GridSearchCV(pipe, {"model__pool": ["last", "max"]}, cv=2, error_score="raise").fit(case.X, case.y)
    assert search.best_params_["model__pool"] in ("last", "max")
