"""What can truthfully be said about a customer for a cause: figures from their own features, or none.

Each fact returns one text a row, ``key=value`` pairs joined by ``;``, or an empty text where the customer's figures
do not bear the cause out: then only background is possible (:mod:`churnml.reasons.background`), or a neutral sentence,
never one that contradicts shown data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from churnml.reasons.causes import FeaturePlace, highest_score, is_trouble, low_score

__all__ = ["Evidence", "facts_of", "figures_where", "scale_of"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Bools = npt.NDArray[np.bool_]

RECENT_WINDOWS = ("90d", "30d", "180d", "365d", "7d")
"""Windows in which something recent is looked for, the preferred one first."""

FALL = 0.8
"""Up to this share of the usual amount, a customer's recent amount counts as fallen."""

LONG_SILENCE_DAYS = 30
"""From so many days on, silence is worth a word where a customer has no rhythm to compare with."""

NEW_DAYS = 180
"""Up to so many days a customer counts as new."""

CHANGE_DAYS = 180
"""Up to so many days a change at the company counts as recent."""

CONTRACT_DAYS = 120
"""Up to so many days a coming end of contract, or one gone by, is worth a word."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The rows to speak of and the features of one source.

    Parameters
    ----------
    X : ndarray, shape (n_rows, n_features)
    places : sequence of FeaturePlace
        All features, in the order of the columns of X.
    source : str
        Table the cause is seen in.
    cause : str
    rows : ndarray of int, optional
        Rows of X that are spoken of; None = all.
    """

    X: npt.NDArray[np.floating]
    places: Sequence[FeaturePlace]
    source: str
    cause: str
    rows: npt.NDArray[np.intp] | None = None

    @property
    def n_rows(self) -> int:
        """Return how many rows are spoken of."""
        return len(self.X if self.rows is None else self.rows)

    def feature(self, measure: str, window: str = "") -> Floats:
        """Return one feature of the source; not-a-number where there is none of that name."""
        return self._column(lambda p: p.source == self.source and p.measure == measure and p.window == window)

    def since_days(self) -> Floats:
        """Return the days since the newest thing that this cause and source record."""
        return self._columns([i for i, p in self._own() if p.measure.endswith("since_days") and not p.window], np.fmin)

    def troubles(self, window: str) -> Floats:
        """Return the number of payments that went wrong in a window."""
        counted = [(i, p) for i, p in self._own() if p.measure.endswith("_count") and "_per_" not in p.measure]
        return self._columns([i for i, p in counted if p.window == window and is_trouble(p)], np.add)

    def longest_tenure(self) -> Floats:
        """Return the days since the customer joined or was first seen in any source."""
        found = [i for i, p in enumerate(self.places) if p.measure in {"tenure_days", "joined_days"}]
        return self._columns(found, np.fmax)

    def windows(self) -> Iterator[tuple[str, float]]:
        """Yield the names and days of the windows there are, the preferred one first."""
        there = {p.window for p in self.places if p.source == self.source}
        return ((name, float(name[:-1])) for name in RECENT_WINDOWS if name in there)

    def longest_window(self) -> tuple[str, float]:
        """Return the name and days of the longest window that ends; ("", 0) where there is none."""
        days = [int(p.window[:-1]) for p in self.places if p.source == self.source and p.window[:-1].isdigit()]
        return (f"{max(days)}d", float(max(days))) if days else ("", 0.0)

    def scores(self) -> Iterator[tuple[FeaturePlace, Floats]]:
        """Yield the latest answers of the source: features that end with ``_last``."""
        own = [(i, p) for i, p in self._own() if p.measure.endswith("_last") and not p.window]
        return ((place, self._values(at)) for at, place in own)

    def _column(self, fits: Callable[[FeaturePlace], bool]) -> Floats:
        at = next((i for i, place in enumerate(self.places) if fits(place)), None)
        return np.full(self.n_rows, np.nan) if at is None else self._values(at)

    def _values(self, at: int) -> Floats:
        return (self.X[:, at] if self.rows is None else self.X[self.rows, at]).astype(np.float64)

    def _own(self) -> list[tuple[int, FeaturePlace]]:
        return [(i, p) for i, p in enumerate(self.places) if (p.source, p.cause) == (self.source, self.cause)]

    def _columns(self, found: Sequence[int], fold: np.ufunc) -> Floats:
        result = np.full(self.n_rows, np.nan)
        for number, at in enumerate(found):
            values = self._values(at)
            result = values if number == 0 else fold(result, values)
        return result


def facts_of(evidence: Evidence) -> Texts:
    """Return what can be said of a cause, one text a row; an empty text where no figure bears it out."""
    texts = np.full(evidence.n_rows, "", dtype=object)
    if evidence.cause in _FACTS and evidence.n_rows:
        with np.errstate(invalid="ignore", divide="ignore"):
            for found in _FACTS[evidence.cause](evidence):
                texts = np.where(texts == "", found, texts)
    return texts


def _silence(e: Evidence) -> Iterator[Texts]:
    days, gap = np.floor(e.feature("recency_days")), e.feature("gap_mean_days")
    usual = np.maximum(np.round(gap), 1.0)
    yield figures_where(days > usual, days=days, usual=usual)
    yield figures_where(np.isnan(gap) & (days >= LONG_SILENCE_DAYS), days=days)


def _fall(e: Evidence, measure: str, *, least: float, decimals: int) -> Iterator[Texts]:
    """Compare a recent window with what was usual before it, over as long as the customer has been seen."""
    longest, longest_days = e.longest_window()
    tenure = e.feature("tenure_days")
    seen = np.where(np.isnan(tenure), longest_days, np.minimum(tenure, longest_days))
    for name, days in e.windows():
        recent = e.feature(measure, name)
        before = e.feature(measure, longest) - recent
        usual = np.round(before * days / (seen - days), decimals)
        fell = (seen >= 2 * days) & (usual >= least) & (recent >= 0) & (np.round(recent) <= FALL * usual)
        if measure != "count":
            fell &= _buys_in(e, name, days)
        yield figures_where(fell, n=np.round(recent), usual=usual, window=np.full(len(recent), days))


def _count_fall(e: Evidence) -> Iterator[Texts]:
    return _fall(e, "count", least=1.0, decimals=1)


def _buys_in(e: Evidence, window: str, days: float) -> Bools:
    """Return who usually buys at least once in a window: nothing in seven days says nothing of a monthly buyer."""
    longest, longest_days = e.longest_window()
    tenure = e.feature("tenure_days")
    seen = np.where(np.isnan(tenure), longest_days, np.minimum(tenure, longest_days))
    usual = (e.feature("count", longest) - e.feature("count", window)) * days / (seen - days)
    return np.isnan(usual) | (usual >= 1.0)


def _value_fall(e: Evidence) -> Iterator[Texts]:
    return _fall(e, "amount_sum", least=5.0, decimals=0)


def _recent(e: Evidence, values: Callable[[str], Floats], key: str) -> Iterator[Texts]:
    for name, days in e.windows():
        found = np.round(values(name))
        yield figures_where(found >= 1, **{key: found, "window": np.full(len(found), days)})


def _refunds(e: Evidence) -> Iterator[Texts]:
    yield from _recent(e, lambda name: e.feature("refunds_count", name), "n")
    yield from _recent(e, lambda name: e.feature("refunded_sum", name), "amount")


def _service(e: Evidence) -> Iterator[Texts]:
    return _recent(e, lambda name: e.feature("count", name), "n")


def _payment(e: Evidence) -> Iterator[Texts]:
    # Only what its name calls trouble is counted: "failed_count", never all payments.
    return _recent(e, e.troubles, "n")


def _dissatisfaction(e: Evidence) -> Iterator[Texts]:
    for place, score in e.scores():
        scale = scale_of(place.measure, len(score))
        yield figures_where(score <= low_score(place.measure), score=np.round(score, 1), **scale)


def scale_of(measure: str, n_rows: int) -> dict[str, Floats]:
    """Return the highest score of a measure as a figure ``of``, where it is known."""
    highest = highest_score(measure)
    return {} if highest is None else {"of": np.full(n_rows, highest)}


def _change(e: Evidence) -> Iterator[Texts]:
    days = np.floor(e.since_days())
    yield figures_where((days >= 0) & (days <= CHANGE_DAYS), days=days)


def _contract(e: Evidence) -> Iterator[Texts]:
    days = np.floor(e.feature("to_planned_end_days"))
    yield figures_where((days >= 0) & (days <= CONTRACT_DAYS), days=days)
    since = np.floor(e.feature("since_end_days"))
    yield figures_where((e.feature("active_count") == 0) & (since >= 0) & (since <= CONTRACT_DAYS), ended=since)


def _new(e: Evidence) -> Iterator[Texts]:
    days = np.floor(e.longest_tenure())
    yield figures_where((days >= 0) & (days < NEW_DAYS), days=days)


_FACTS: dict[str, Callable[[Evidence], Iterator[Texts]]] = {
    "silence": _silence,
    "falling_activity": _count_fall,
    "low_engagement": _count_fall,
    "falling_value": _value_fall,
    "refunds": _refunds,
    "service_trouble": _service,
    "dissatisfaction": _dissatisfaction,
    "price": _change,
    "payment_failure": _payment,
    "company_change": _change,
    "market": _change,
    "contract_end": _contract,
    "new_customer": _new,
}


def figures_where(holds: Bools, **figures: Floats) -> Texts:
    """Return ``key=value`` pairs, one text a row, where something holds and every figure is there, else an empty text.

    Parameters
    ----------
    holds : ndarray of bool, shape (n_rows,)
    **figures : ndarray of float, shape (n_rows,)
    """
    for values in figures.values():
        holds = holds & np.isfinite(values)
    texts = np.full(len(holds), "", dtype=object)
    rows = np.flatnonzero(holds)
    columns = [[f"{key}={value:.12g}" for value in values[rows].tolist()] for key, values in figures.items()]
    texts[rows] = [";".join(pairs) for pairs in zip(*columns, strict=True)]
    return texts
