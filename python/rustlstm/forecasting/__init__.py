"""Forecasting: series, what comes next in them, and what should not have come."""

from ._anomalies import AnomalyDetector as AnomalyDetector
from ._anomalies import Detection as Detection
from ._backtest import Backtest as Backtest
from ._backtest import backtest as backtest
from ._forecaster import Forecaster as Forecaster
