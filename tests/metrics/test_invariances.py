"""Property table: every metric declares what it must not depend on, and is held to it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import churnml.metrics

Metric = Callable[..., float]


@dataclass(frozen=True)
class Declared:
    """What a metric takes, and what it does not depend on."""

    truth: str  # "label", "value", "duration" or "low"
    prediction: str  # "score", "probability", "value", "decision", "low", "high" or "p_stay"
    only_order: bool | None  # a strictly rising transformation of the prediction changes nothing; None: it has no order
    row_order: bool = True
    ties_shared: bool = True  # rows tied in the prediction may be swapped in the truth
    options: tuple[tuple[str, Any], ...] = ()
    besides: tuple[str, ...] = ()  # arrays after the prediction: "value", "flag", "score" or "high"


RESAMPLED = (("metric", churnml.metrics.roc_auc_score), ("n_repetitions", 100))
COSTS = (("fp_cost", 2.0), ("fn_cost", 7.0))
MONEY = (("effect", 0.3), ("cost", 2.0), ("capacity", 13))
TABLE = {
    "roc_auc_score": Declared("label", "score", only_order=True),
    "average_precision_score": Declared("label", "score", only_order=True),
    "lift_score": Declared("label", "score", only_order=True, options=(("fraction", 0.1),)),
    "capture_score": Declared("label", "score", only_order=True, options=(("fraction", 0.1),)),
    "delong_interval": Declared("label", "score", only_order=True),
    "log_loss": Declared("label", "probability", only_order=False),
    "brier_loss": Declared("label", "probability", only_order=False),
    "ece_loss": Declared("label", "probability", only_order=False),
    "mean_absolute_loss": Declared("value", "value", only_order=False),
    "total_ratio": Declared("value", "value", only_order=False),
    "spearman_score": Declared("value", "value", only_order=True),
    "normalised_gini_score": Declared("value", "value", only_order=True),
    "top_share_score": Declared("value", "value", only_order=True),
    "profit_at_capacity_score": Declared("label", "score", only_order=True, options=MONEY, besides=("value",)),
    "savings_score": Declared("label", "score", only_order=True, options=MONEY, besides=("value",)),
    "qini_score": Declared("label", "score", only_order=True, besides=("flag",)),
    "auuc_score": Declared("label", "score", only_order=True, besides=("flag",)),
    "uplift_at_capacity_score": Declared(
        "label", "score", only_order=True, options=(("fraction", 0.1),), besides=("flag",)
    ),
    "empc_maximum": Declared("label", "score", only_order=True, besides=("value",)),
    "empc_score": Declared("label", "score", only_order=True, besides=("value",)),
    "empb_maximum": Declared("label", "score", only_order=True, besides=("value",)),
    "empb_score": Declared("label", "score", only_order=True, besides=("value",)),
    "cost_loss": Declared("label", "decision", only_order=None, options=COSTS),
    "cost_savings_score": Declared("label", "decision", only_order=None, options=COSTS),
    "delong_test": Declared("label", "score", only_order=True, besides=("score",)),
    "bootstrap_interval": Declared("label", "score", only_order=True, options=RESAMPLED),
    "bootstrap_difference_interval": Declared("label", "score", only_order=True, options=RESAMPLED, besides=("score",)),
    "concordance_score": Declared("duration", "score", only_order=True, besides=("flag",)),
    "integrated_brier_loss": Declared(
        "duration", "p_stay", only_order=False, options=(("days", (3.0, 5.0)),), besides=("flag",)
    ),
    "root_mean_squared_loss": Declared("value", "value", only_order=False),
    "decile_calibration_loss": Declared("value", "value", only_order=False, options=(("n_parts", 5),)),
    "pinball_loss": Declared("value", "value", only_order=False, options=(("quantile", 0.9),)),
    "interval_coverage_score": Declared("value", "low", only_order=False, besides=("high",)),
    "interval_width_loss": Declared("low", "high", only_order=False),
    "winkler_loss": Declared("value", "low", only_order=False, options=(("confidence", 0.8),), besides=("high",)),
}
NO_NUMBER = ("_curve", "_table", "_line", "_gain", "_contacts")


def public_metrics() -> dict[str, Metric]:
    """Every public function of the package that gives a number or an interval, whether re-exported or not."""
    found: dict[str, Metric] = {}
    for module in pkgutil.iter_modules(churnml.metrics.__path__):
        source = importlib.import_module(f"churnml.metrics.{module.name}")
        # Plans and stability are computed from counts: there are no rows to reorder.
        if module.name in {"arrays", "planning", "stability"}:
            continue
        found |= {name: getattr(source, name) for name in source.__all__ if inspect.isfunction(getattr(source, name))}
    return {name: metric for name, metric in found.items() if not name.endswith(NO_NUMBER)}


METRICS = public_metrics()


def sample(declared: Declared, *, seed: int = 0, n: int = 200) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Arguments with many ties."""
    rng = np.random.default_rng(seed)
    risk = rng.integers(1, 20, n) / 20
    amount = np.where(rng.random(n) < 0.5, 0.0, rng.gamma(1.0, 50.0, n))
    label = (rng.random(n) < risk).astype(np.float64)
    arrays = {
        "label": label,
        "value": amount if "high" not in declared.besides else rng.random(n),
        "duration": rng.integers(1, 15, n) * 1.0,
        "low": risk - 0.2,
        "decision": (risk > 0.5) * 1.0,
        "p_stay": risk[:, None] ** [1, 2],
        "flag": rng.permutation(np.arange(n) % 2),
        "high": risk + 0.1,
    }
    other = {"value": amount, "score": rng.integers(0, 9, n)}
    truth, prediction = arrays[declared.truth], arrays.get(declared.prediction, risk)
    if declared.prediction == "value":
        prediction = risk
    return [truth, prediction, *((arrays | other)[name] for name in declared.besides)], dict(declared.options)


def test_every_metric_is_declared() -> None:
    assert sorted(METRICS) == sorted(TABLE)


@pytest.mark.parametrize("name", [n for n, d in TABLE.items() if d.row_order])
def test_row_order_does_not_matter(name: str) -> None:
    arrays, options = sample(TABLE[name])
    order = np.random.default_rng(1).permutation(arrays[0].size)
    assert METRICS[name](*(a[order] for a in arrays), **options) == METRICS[name](*arrays, **options)


@pytest.mark.parametrize("name", [n for n, d in TABLE.items() if d.only_order])
def test_only_the_order_of_the_score_matters(name: str) -> None:
    arrays, options = sample(TABLE[name])
    risen = [arrays[0], np.exp(3 * arrays[1]) - 7, *arrays[2:]]
    assert METRICS[name](*risen, **options) == pytest.approx(METRICS[name](*arrays, **options), rel=1e-12)


@pytest.mark.parametrize("name", [n for n, d in TABLE.items() if d.only_order is False])
def test_more_than_the_order_matters_where_declared(name: str) -> None:
    arrays, options = sample(TABLE[name])
    changed = arrays[1] ** 2 if TABLE[name].prediction not in ("low", "high") else arrays[1] + 0.05
    assert METRICS[name](arrays[0], changed, *arrays[2:], **options) != pytest.approx(METRICS[name](*arrays, **options))


@pytest.mark.parametrize("name", [n for n, d in TABLE.items() if d.ties_shared])
def test_tied_rows_may_swap_their_outcomes(name: str) -> None:
    arrays, options = sample(TABLE[name])
    rng, swapped = np.random.default_rng(2), np.arange(arrays[0].size)
    scores = arrays[1].reshape(arrays[0].size, -1)[:, 0]
    for score in np.unique(scores):
        tied = np.flatnonzero(scores == score)
        swapped[tied] = rng.permutation(tied)
    moved = [arrays[0][swapped], arrays[1], *(a[swapped] for a in arrays[2:])]
    assert METRICS[name](*moved, **options) == pytest.approx(METRICS[name](*arrays, **options), rel=1e-12)


@pytest.mark.parametrize("name", [n for n, d in TABLE.items() if d.truth == "label"])
def test_one_class_is_refused(name: str) -> None:
    arrays, options = sample(TABLE[name])
    with pytest.raises(ValueError, match="one class only"):
        METRICS[name](np.zeros_like(arrays[0]), *arrays[1:], **options)


@pytest.mark.parametrize("name", TABLE)
def test_missing_values_are_refused(name: str) -> None:
    arrays, options = sample(TABLE[name])
    holed = arrays[1].copy()
    holed[3] = np.nan
    with pytest.raises(ValueError, match="missing or infinite"):
        METRICS[name](arrays[0], holed, *arrays[2:], **options)


@pytest.mark.parametrize("name", TABLE)
def test_unequal_lengths_are_refused(name: str) -> None:
    arrays, options = sample(TABLE[name])
    with pytest.raises(ValueError, match="length"):
        METRICS[name](arrays[0], arrays[1][:-1], *arrays[2:], **options)


@pytest.mark.parametrize("name", TABLE)
def test_five_rows_suffice(name: str) -> None:
    arrays, options = sample(TABLE[name], n=5)
    if "fraction" in inspect.signature(METRICS[name]).parameters:
        options["fraction"] = 0.2
    result = METRICS[name](*arrays, **options)
    assert np.isfinite(result).all()
