"""The promotion gate: a model that does not beat the best simple rule out of time is not promoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from churnml.errors import ModelError
from churnml.evaluation.backtest import MODEL

__all__ = ["CALIBRATION_SLOPE", "MAX_ECE", "TOTAL_RATIO", "Verdict", "beats_baselines", "require_promotable"]

CALIBRATION_SLOPE = (0.7, 1.4)
MAX_ECE = 0.1
TOTAL_RATIO = (0.6, 1.67)
MIN_COVERAGE = 0.7


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Parameters
    ----------
    ok : bool
        May be promoted.
    reasons : tuple of str
        The comparison in plain words, one sentence each.
    warnings : tuple of str
        Limits of calibration or level that are passed: they do not stop a promotion, they are to be read.
    """

    ok: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def beats_baselines(metrics: Mapping[str, Any]) -> Verdict:
    """Judge a model by its ranking out of time.

    It passes if its ranking measure is above that of the best simple rule, or below it by no more than the noise
    of the difference (95 % interval on the same customers). It fails if it ranks no better than chance.

    Parameters
    ----------
    metrics : mapping
        From :func:`churnml.evaluation.report.metrics_of`.
    """
    key, rule, scores = metrics["ranking"], metrics["best_rule"], metrics["overall"][MODEL]
    chance = 0.5 if key == "roc_auc" else 0.0
    warnings = _warnings(scores)
    if scores[key] is None:
        return Verdict(False, (f"{key} could not be computed: the outcomes are all alike.",), warnings)
    if scores[key] <= chance:
        return Verdict(False, (f"{key} {scores[key]:.3f}: no better than chance ({chance:g}).",), warnings)
    if rule is None:
        return Verdict(True, (f"{key} {scores[key]:.3f}; no simple rule could be fitted beside it.",), warnings)
    return _against(key, rule, metrics, warnings=warnings)


def require_promotable(verdict: Verdict) -> None:
    """Refuse a model that did not pass.

    Raises
    ------
    ModelError
        With the verdict's reasons.
    """
    if not verdict.ok:
        raise ModelError(
            " ".join(verdict.reasons).rstrip("."),
            rule="model.gate",
            next_step="Look at reports/metrics.json; more history, other features or another horizon may help.",
        )


def _against(key: str, rule: str, metrics: Mapping[str, Any], *, warnings: tuple[str, ...]) -> Verdict:
    model, best = metrics["overall"][MODEL][key], metrics["overall"][rule][key]
    gap = metrics["against"][rule]
    compared = f"{key} {model:.3f} against {best:.3f} of the best simple rule ({rule})"
    if gap["difference"] is None:
        ok = model >= best
        return Verdict(ok, (f"{compared}; too few customers to tell the noise.",), warnings)
    noise = gap["high"] - gap["difference"]
    if gap["difference"] > 0:
        certain = "beyond" if gap["difference"] > noise else "within"
        return Verdict(True, (f"{compared}: better, {certain} the noise of {noise:.3f}.",), warnings)
    if gap["high"] >= 0:
        return Verdict(True, (f"{compared}: not worse beyond the noise of {noise:.3f}.",), warnings)
    return Verdict(False, (f"{compared}: worse beyond the noise of {noise:.3f}.",), warnings)


def _warnings(scores: Mapping[str, float | None]) -> tuple[str, ...]:
    """Name each limit of calibration, level and interval that is passed."""
    limits = {
        "calibration_slope": CALIBRATION_SLOPE,
        "ece": (0.0, MAX_ECE),
        "total_ratio": TOTAL_RATIO,
        "interval_coverage": (MIN_COVERAGE, 1.0),
    }
    found: list[str] = []
    for key, (low, high) in limits.items():
        value = scores.get(key)
        if value is not None and not low <= value <= high:
            found.append(f"{key} {value:.3f} is outside {low:g} to {high:g}.")
    return tuple(found)
