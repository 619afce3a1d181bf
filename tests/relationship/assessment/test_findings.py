from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from churnml.relationship.assessment.findings import compare
from churnml.relationship.assessment.groups import Way
from churnml.relationship.assessment.lines import line_findings
from churnml.relationship.assessment.touch_points import TouchPoint
from churnml.relationship.assessment.weak_points import weak_points

N = 6000


def bought_lines(
    rng: np.random.Generator, often: npt.NDArray[np.int64], n_lines: int
) -> dict[tuple[str, str, str], npt.NDArray[np.bool_]]:
    """Return who bought what when each purchase is of a line at random: who buys more often has more lines."""
    members = {("orders", "line", f"{k:03}"): np.zeros(len(often), dtype=bool) for k in range(n_lines)}
    for k, chosen in enumerate(members.values()):
        chosen |= rng.random(len(often)) < 1 - (1 - 1 / n_lines) ** often
        assert k < n_lines
    return members


def findings(seed: int, *, planted: bool, n_lines: int = 200) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    often = rng.integers(1, 30, N)
    lines = bought_lines(rng, often, n_lines)
    p = 0.35 / np.sqrt(often)
    if planted:
        p = np.where(lines["orders", "line", "007"], 2 * p, p)
    churned = rng.random(N) < p
    return line_findings(lines, np.ones(N, dtype=bool), churned, often, minimum=10, fdr=0.05)


@pytest.mark.parametrize(("n_seeds", "at_most"), [(4, 1), pytest.param(60, 7, marks=pytest.mark.slow)])
def test_on_200_null_lines_hardly_ever_anything_is_found(n_seeds: int, at_most: int) -> None:
    found = [findings(seed, planted=False)["n_found"] for seed in range(n_seeds)]
    # At 5 % three of sixty are expected to name a line; eight or more have a probability of 1.2 %.
    assert sum(n > 0 for n in found) <= at_most


def test_a_line_with_doubled_churn_is_found_and_stands_first() -> None:
    for seed in range(5):
        found = findings(seed, planted=True)
        assert found["rows"][0]["line"] == ["orders", "line", "007"]
        assert found["rows"][0]["ratio"] == pytest.approx(2.0, abs=0.45)
        assert found["n_found"] <= 2


def test_lines_that_are_too_small_or_nearly_everybody_are_not_shown() -> None:
    lines = {("t", "c", name): np.arange(100) < n for name, n in (("a", 50), ("b", 4), ("c", 97))}
    lines["t", "c", "d"] = np.arange(100) >= 50
    found = line_findings(
        lines, np.ones(100, bool), np.arange(100) % 7 == 0, np.ones(100, np.int64), minimum=10, fdr=0.05
    )
    assert {row["line"][2] for row in found["rows"]} == {"a", "d"}
    assert found["n_hidden"] == 2


def test_the_weak_point_that_was_planted_stands_first() -> None:
    rng = np.random.default_rng(5)
    way = Way("segment:x", ("a", "b", "c"), rng.integers(0, 3, N))
    met = {TouchPoint("csat", "surveys", "channel", level): rng.random(N) < 0.4 for level in ("web", "phone")}
    points = {point: (seen, rng.random(N) < 0.2) for point, seen in met.items()}
    phone = TouchPoint("csat", "surveys", "channel", "phone")
    points[phone] = (met[phone], rng.random(N) < np.where(way.codes == 2, 0.35, 0.2))
    found = weak_points(points, [way], np.ones(N, dtype=bool), minimum=10, fdr=0.05)
    assert (found["rows"][0]["level"], found["rows"][0]["point"], found["n_found"]) == ("c", list(phone), 1)


def test_nobody_beside_the_group_is_no_finding() -> None:
    everybody = np.ones(10, dtype=bool)
    assert compare(everybody, everybody, everybody, alternative="greater").p_value == 1.0
