"""What can be told of a customer where no figure bears a cause out: a plain fact to open the talk with.

Such a fact does not show that something is wrong, so its sentence only says what the pattern points to. The form is
that of :mod:`churnml.reasons.facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from churnml.reasons.facts import CHANGE_DAYS, Evidence, figures_where, scale_of

__all__ = ["background_of"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]


def background_of(evidence: Evidence) -> Texts:
    """Return a plain fact about each row for a cause; an empty text where there is none to tell."""
    texts = np.full(evidence.n_rows, "", dtype=object)
    if evidence.cause in _BACKGROUND and evidence.n_rows:
        with np.errstate(invalid="ignore"):
            for found in _BACKGROUND[evidence.cause](evidence):
                texts = np.where(texts == "", found, texts)
    return texts


def _latest(e: Evidence) -> Iterator[Texts]:
    days = np.floor(e.feature("recency_days"))
    yield figures_where(days >= 0, last=days)


def _latest_service(e: Evidence) -> Iterator[Texts]:
    days = np.floor(e.feature("recency_days"))
    yield figures_where((days >= 0) & (days <= CHANGE_DAYS), last=days)


def _over_time(e: Evidence, measure: str) -> Iterator[Texts]:
    name, days = e.longest_window()
    n = np.round(e.feature(measure, name))
    yield figures_where((n >= 0) & (days > 0), n=n, window=np.full(len(n), days))


def _count(e: Evidence) -> Iterator[Texts]:
    return _over_time(e, "count")


def _value(e: Evidence) -> Iterator[Texts]:
    return _over_time(e, "amount_sum")


def _answers(e: Evidence) -> Iterator[Texts]:
    for place, score in e.scores():
        scale = scale_of(place.measure, len(score))
        yield figures_where(np.isfinite(score), answer=np.round(score, 1), **scale)
    yield _never(e)


def _campaigns(e: Evidence) -> Iterator[Texts]:
    yield from _latest(e)
    yield _never(e)


def _never(e: Evidence) -> Texts:
    """Say that nothing was recorded so far, where the count of the whole history is zero."""
    n = e.feature("count", "all")
    return figures_where(n == 0, none=n)


def _fee(e: Evidence) -> Iterator[Texts]:
    fee = np.round(e.feature("amount_now"), 2)
    yield figures_where(fee > 0, fee=fee)
    yield figures_where(fee == 0, none=fee)


def _contract(e: Evidence) -> Iterator[Texts]:
    n, since, age = (np.floor(e.feature(name)) for name in ("active_count", "since_end_days", "age_days"))
    yield figures_where((n == 0) & (since >= 0), without=since)
    yield figures_where((n == 0) & np.isnan(e.feature("tenure_days")), none=n)
    yield figures_where((n > 0) & (age >= 1), age=age)


def _tenure(e: Evidence) -> Iterator[Texts]:
    days = np.floor(e.longest_tenure())
    yield figures_where(days >= 0, tenure=days)


_BACKGROUND: dict[str, Callable[[Evidence], Iterator[Texts]]] = {
    "silence": _latest,
    "falling_activity": _count,
    "low_engagement": _count,
    "falling_value": _value,
    "service_trouble": _latest_service,
    "dissatisfaction": _answers,
    "price": _fee,
    "contract_end": _contract,
    "new_customer": _tenure,
    "campaign_response": _campaigns,
}
