"""The promotion gate: who does not beat the simple rules out of time, or does not keep its word, is not promoted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp
from typing import Any

from churnml.evaluation.backtest import MODEL
from churnml.wording import LANGUAGES, has_words, words

__all__ = ["Limits", "Remark", "Verdict", "judge"]

CHANCE = {"roc_auc": 0.5, "normalised_gini": 0.0}


@dataclass(frozen=True, slots=True)
class Limits:
    """What calibration on the newest known window may be.

    Parameters
    ----------
    slope_low, slope_high : float
        Of the calibration line.
    max_log_ratio : float
        Distance from 0 of the natural logarithm of predicted over actual total.
    max_ece : float
        Expected calibration error.
    min_coverage : float
        Share of actual values within the 80 % intervals.
    """

    slope_low: float = 0.5
    slope_high: float = 2.0
    max_log_ratio: float = 0.5
    max_ece: float = 0.1
    min_coverage: float = 0.7


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence of a verdict, to be told in any language.

    Parameters
    ----------
    key : str
        In the catalogue, below ``gate.``.
    figures : mapping of str to float or str
        What stands in the sentence; names of measures and models are looked up.
    """

    key: str
    figures: Mapping[str, float | str] = field(default_factory=dict)

    def told(self, language: str) -> str:
        """Return the sentence."""
        named = {
            name: words(key, language)
            for name, family in (("measure", "metric"), ("rule", "model"))
            if has_words(key := f"{family}.{self.figures.get(name)}")
        }
        return words(f"gate.{self.key}", language, **{**self.figures, **named})

    def __str__(self) -> str:
        return self.told("en")

    def record(self) -> dict[str, str]:
        """Return key and sentences, JSON-ready."""
        return {"rule": f"gate.{self.key}", **{language: self.told(language) for language in LANGUAGES}}


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Parameters
    ----------
    ok : bool
        May be promoted.
    reasons : tuple of Remark
        The comparison, then each limit that is exceeded beyond noise.
    warnings : tuple of Remark
        Limits that are exceeded by no more than chance explains, or that do not stop a promotion: to be read.
    """

    ok: bool
    reasons: tuple[Remark, ...]
    warnings: tuple[Remark, ...] = ()

    def why(self, language: str = "en") -> str:
        """Return all reasons as one text."""
        return " ".join(reason.told(language) for reason in self.reasons)


def judge(metrics: Mapping[str, Any], limits: Limits | None = None) -> Verdict:
    """Judge a model by its ranking out of time and its calibration on the newest known window.

    It passes if its ranking measure is above that of the best simple rule; whether beyond noise (95 % interval of the
    difference on the same customers) is said. It fails if it is not, if it ranks no better than chance, or if slope,
    total or calibration error of the newest window lie outside their limits with the whole range that chance explains.

    Parameters
    ----------
    metrics : mapping
        From :func:`churnml.evaluation.report.metrics_of`.
    limits : Limits, optional
    """
    ok, reason = _ranking(metrics)
    found = list(_calibration(metrics.get("calibration", {}), limits or Limits()))
    broken = [remark for remark, is_certain in found if is_certain]
    doubts = [remark for remark, is_certain in found if not is_certain]
    doubts += [Remark("doubt")] if doubts else []
    doubts += _coverage(metrics["overall"][MODEL], limits or Limits())
    return Verdict(ok and not broken, (reason, *broken), tuple(doubts))


def _ranking(metrics: Mapping[str, Any]) -> tuple[bool, Remark]:
    key, rule = metrics["ranking"], metrics["best_rule"]
    own = metrics["overall"][MODEL][key]
    if own is None:
        return False, Remark("no_figure", {"measure": key})
    if own <= CHANCE[key]:
        return False, Remark("chance", {"measure": key, "own": own, "chance": CHANCE[key]})
    if rule is None:
        return True, Remark("no_rule", {"measure": key, "own": own})
    gap = metrics["against"][rule]
    compared = {"measure": key, "own": own, "rule": rule, "best": metrics["overall"][rule][key]}
    if gap["difference"] is None:
        return own > compared["best"], Remark("noise_unknown", compared)
    compared |= {"low": gap["low"], "high": gap["high"]}
    if gap["difference"] > 0:
        return True, Remark("better" if gap["low"] > 0 else "better_within", compared)
    return False, Remark("not_better" if gap["high"] >= 0 else "worse", compared)


def _calibration(found: Mapping[str, Any], limits: Limits) -> Iterator[tuple[Remark, bool]]:
    """Yield each limit that is exceeded, and whether beyond noise."""
    bounds = {
        "slope": (limits.slope_low, limits.slope_high),
        "total_ratio": (exp(-limits.max_log_ratio), exp(limits.max_log_ratio)),
    }
    for key, (least, most) in bounds.items():
        value, low, high = (found.get(f"{key}{end}") for end in ("", "_low", "_high"))
        if value is not None and not least <= value <= most:
            figures = {"value": value, "least": least, "most": most}
            is_certain = low is not None and high is not None and (high < least or low > most)
            yield _limit(key, figures, low, high), is_certain
    ece, noise = found.get("ece"), found.get("ece_noise")
    if ece is not None and ece > limits.max_ece:
        figures = {"value": ece, "most": limits.max_ece, "noise": noise or 0.0}
        yield Remark("ece", figures), noise is not None and ece - noise > limits.max_ece


def _limit(key: str, figures: dict[str, float], low: float | None, high: float | None) -> Remark:
    if low is None or high is None:
        return Remark(key, figures)
    return Remark(f"{key}_range", {**figures, "low": low, "high": high})


def _coverage(own: Mapping[str, float | None], limits: Limits) -> list[Remark]:
    value = own.get("interval_coverage")
    if value is None or value >= limits.min_coverage:
        return []
    return [Remark("coverage", {"value": value, "least": limits.min_coverage})]
