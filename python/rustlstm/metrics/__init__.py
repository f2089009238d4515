"""Metrics: functions of (y_true, y_pred) that return one number. Nothing here knows a model.

``get("mse")`` is one by name, ``greater_is_better("mse")`` says which way is better, and ``names()`` lists them.
"""

from ._anomalies import AnomalyScore as AnomalyScore
from ._anomalies import anomaly_f1 as anomaly_f1
from ._anomalies import anomaly_windows as anomaly_windows
from ._labels import accuracy as accuracy
from ._labels import auc as auc
from ._labels import balanced_accuracy as balanced_accuracy
from ._labels import confusion_matrix as confusion_matrix
from ._labels import f1 as f1
from ._labels import log_loss as log_loss
from ._labels import precision as precision
from ._labels import recall as recall
from ._numbers import coverage as coverage
from ._numbers import crps as crps
from ._numbers import gaussian_nll as gaussian_nll
from ._numbers import interval_width as interval_width
from ._numbers import mae as mae
from ._numbers import mape as mape
from ._numbers import mase as mase
from ._numbers import mse as mse
from ._numbers import pinball as pinball
from ._numbers import r2 as r2
from ._numbers import rmse as rmse
from ._numbers import smape as smape
from ._ranking import hit_rate as hit_rate
from ._ranking import mrr as mrr
from ._ranking import ndcg as ndcg
from ._spans import Span as Span
from ._spans import span_f1 as span_f1
from ._spans import span_precision as span_precision
from ._spans import span_recall as span_recall
from ._spans import spans as spans
from ._table import get as get
from ._table import greater_is_better as greater_is_better
from ._table import names as names
from ._text import bleu as bleu
from ._text import character_error_rate as character_error_rate
from ._text import edit_distance as edit_distance
from ._text import exact_match as exact_match
from ._text import levenshtein as levenshtein
from ._text import token_f1 as token_f1
from ._text import word_error_rate as word_error_rate
from ._tokens import bits as bits
from ._tokens import nats as nats
from ._tokens import perplexity as perplexity
