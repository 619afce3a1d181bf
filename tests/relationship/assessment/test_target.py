from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.assessment.grade import grade
from churnml.relationship.assessment.target import churn_band


def test_a_target_of_zero_is_told_and_always_missed() -> None:
    found = churn_band(3, 1000, (None, 0.0), [])
    assert found is not None
    assert found["is_zero"]
    assert (found["place"], found["p_noise"]) == ("above", 0.0)


def test_inside_the_band_there_is_no_excess() -> None:
    found = churn_band(10, 100, (0.05, 0.15), [])
    assert found is not None
    assert (found["place"], found["p_noise"], found["source"]) == ("inside", None, "target")


def test_without_target_and_past_there_is_no_band() -> None:
    assert churn_band(10, 100, None, [(9, 100)]) is None


def test_the_limits_of_the_past_hold_a_quiet_company() -> None:
    rng = np.random.default_rng(1)
    draws = rng.binomial(2000, 0.1, (300, 7))
    places = [churn_band(int(d[0]), 2000, None, [(int(k), 2000) for k in d[1:]])["place"] for d in draws]
    assert places.count("inside") >= 294


@pytest.mark.parametrize(
    ("change", "beyond", "band", "expected"),
    [
        (0.02, True, None, "A"),
        (0.02, False, None, "B"),
        (-0.02, True, None, "C"),
        (-0.02, True, (0.5, None), "C"),
        (0.0, False, (0.5, None), "A"),
        (0.0, False, (0.72, None), "B"),
        (0.0, False, (0.8, None), "C"),
    ],
)
def test_grades_by_the_rule(change: float, beyond: bool, band: tuple[float, None] | None, expected: str) -> None:
    cell = {"value": 0.7, "low": 0.65, "high": 0.75, "change": change, "beyond_noise": beyond}
    assert grade(cell, better=1, band=band) == expected
