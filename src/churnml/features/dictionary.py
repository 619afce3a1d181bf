"""The feature dictionary: what each column means, in which unit, from where, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from churnml.features.plan import Feature
from churnml.features.statistics import Figures
from churnml.wording import LANGUAGES, has_words, words

__all__ = ["describe", "feature_words"]

# What stands at the end of a name: the days looked at, and the longer window they are compared with. A number behind
# them only tells columns of one name apart.
_SPANS = re.compile(r"_(?P<first>\d+(?:\.\d+)?)d(?:_(?P<second>\d+)d)?(?:_\d+)?$")


def feature_words(feature: Feature, language: str) -> str:
    """Return what a feature means, as one phrase in a language; names of tables and columns stand as they are.

    The catalogue has a phrase for each family and measure, ``feature.<family>.<measure>``, and where the plain one
    does not fit, another for a detail (``.any``, ``.end_reason``), for categories (``.category``), or for whatever has
    a detail (``.detail``).

    Raises
    ------
    KeyError
        If the catalogue has no phrase for the family and measure.
    """
    if feature.meaning:
        return dict(feature.meaning)[language]
    spans = _SPANS.search(feature.name)
    first, second = (float(days) if days else None for days in (spans.groups() if spans else (None, None)))
    length = "all" if feature.window_days is None else "days"
    return words(
        _key(feature),
        language,
        source=feature.source,
        detail=feature.detail,
        window=words(f"feature.window.{length}", language, days=feature.window_days),
        days=feature.window_days,
        longer_days=second,
        horizon_days=first,
    )


def _key(feature: Feature) -> str:
    plain = f"feature.{feature.family}.{feature.measure}"
    variants = [feature.detail, feature.unit, "detail"] if feature.detail else [feature.unit]
    return next((key for part in variants if has_words(key := f"{plain}.{part}")), plain)


def describe(features: Sequence[Feature], figures: Figures | None = None) -> list[dict[str, Any]]:
    """Return one entry per feature, in the order of the columns, for ``reports/features.json``.

    Parameters
    ----------
    features : sequence of Feature
    figures : Figures, optional
        What the columns look like.

    Returns
    -------
    list of dict
        The parts of the feature, ``words``: language -> phrase, and its figures.
    """
    seen = figures.features if figures is not None else {}
    return [{**_entry(feature), **seen.get(feature.name, {})} for feature in features]


def _entry(feature: Feature) -> dict[str, Any]:
    entry = asdict(feature) | {"words": {language: feature_words(feature, language) for language in LANGUAGES}}
    del entry["meaning"]
    return entry
