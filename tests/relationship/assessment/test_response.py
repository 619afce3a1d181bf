from __future__ import annotations

import numpy as np
import pytest

from churnml.relationship.assessment.response import non_response, risk_way, weighted_score


def people(n: int, *, related: bool) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Return columns, risk and the true share of satisfied customers, where the unhappy may answer less often."""
    rng = np.random.default_rng(3)
    risk = rng.random(n)
    satisfied = rng.random(n) < 0.9 - 0.6 * risk
    answers = rng.random(n) < (0.6 - 0.5 * risk if related else 0.3)
    counted = answers.astype(np.int64)
    columns = {"base": np.ones(n, np.int64), "responded": counted, "csat_n": counted, "top": counted * satisfied}
    return columns, risk, float(satisfied.mean())


def test_weights_undo_that_the_unhappy_answer_less() -> None:
    columns, risk, truth = people(20_000, related=True)
    inside = np.ones(len(risk), dtype=bool)
    found = weighted_score(columns["top"], columns["csat_n"], risk_way(risk, inside).codes, inside, unit=1.0)
    raw = columns["top"].sum() / columns["csat_n"].sum()
    assert raw > truth + 0.05
    assert found is not None
    assert found["value"] == pytest.approx(truth, abs=0.02)
    assert found["low"] < found["value"] < found["high"]


@pytest.mark.parametrize("related", [True, False])
def test_silence_of_those_at_risk_is_told(related: bool) -> None:
    columns, risk, _ = people(5_000, related=related)
    assert non_response(columns, risk, None)["is_related"] is related


def test_churn_since_of_those_who_answered_and_those_who_did_not() -> None:
    n = 400
    answered, churned = np.arange(n) % 2, (np.arange(n) % 4 == 0).astype(np.int64)
    before = {"base": np.ones(n, np.int64), "responded": answered}
    now = {**before, "at_risk": np.ones(n, np.int64), "churned": churned}
    seen = non_response(now, np.full(n, np.nan), before)["observed"]
    assert (seen["silent"]["count"], seen["silent"]["n"], seen["answered"]["count"]) == (100, 200, 0)


def test_without_answers_there_is_no_score_and_few_classes_are_joined() -> None:
    one = np.ones(6, dtype=np.int64)
    assert weighted_score(one, 0 * one, one, one > 0, unit=1.0) is None
    found = weighted_score(one, one, np.arange(6), one > 0, unit=100.0)
    assert found is not None
    assert (found["value"], found["n_classes"]) == (100.0, 1)
