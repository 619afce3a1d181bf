"""Whether a challenger earns the champion's place: better beyond noise somewhere, worse beyond noise nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from churnml.evaluation.comparison import HEADLINES, LEVEL
from churnml.evaluation.gate import Remark, Verdict

__all__ = ["promotion_verdict"]


def promotion_verdict(compared: Mapping[str, Any]) -> Verdict:
    """Judge a comparison.

    It passes if a headline figure (:data:`churnml.evaluation.comparison.HEADLINES`) is better with its whole 95 %
    interval, and no headline figure, nor the level of the predictions, nor the ranking in a part of the customers, is
    worse beyond noise. A gain within noise does not pass: a change of models costs trust, so it has to buy something.

    Parameters
    ----------
    compared : mapping
        From :func:`churnml.evaluation.comparison.compare`.
    """
    headlines = {
        name: compared["measures"][name] for name in HEADLINES[compared["kind"]] if name in compared["measures"]
    }
    gains = [_told("compare_better", name, found) for name, found in headlines.items() if found["is_better"] is True]
    losses = list(_losses(headlines, compared))
    if losses:
        return Verdict(False, (*losses, *gains))
    if gains:
        return Verdict(True, tuple(gains))
    doubts = [_told("compare_noise", name, found) for name, found in headlines.items()]
    return Verdict(False, tuple(doubts) or (Remark("compare_nothing"),))


def _losses(headlines: Mapping[str, Mapping[str, Any]], compared: Mapping[str, Any]) -> Iterator[Remark]:
    for name, found in headlines.items():
        if found["is_better"] is False:
            yield _told("compare_worse", name, found)
    level = compared["measures"].get(LEVEL)
    if level is not None and level["is_better"] is False:
        yield _told("compare_worse", LEVEL, level)
    for part in compared["slices"]:
        if part["is_worse"]:
            figures = {"own": part["challenger"], "best": part["champion"]}
            yield Remark("compare_slice", {"by": part["by"], "group": part["group"], **figures})


def _told(key: str, name: str, found: Mapping[str, Any]) -> Remark:
    figures = {"own": found["challenger"], "best": found["champion"], "low": found["low"], "high": found["high"]}
    return Remark(key, {"measure": name, **figures})
