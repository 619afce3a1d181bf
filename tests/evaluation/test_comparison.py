from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from churnml.errors import ModelError
from churnml.evaluation.backtest import Predictions
from churnml.evaluation.comparison import compare, paired
from churnml.evaluation.promotion import promotion_verdict
from churnml.evaluation.terms import Terms
from churnml.metrics import log_loss, roc_auc_score

N = 1500


def backtest_of(noise: float, *, level: float = 0.0, seed: int = 0, weak: str = "", kind: str = "churn") -> Predictions:
    """One cut-off; the more noise, the less the model sees; in segment ``weak`` it sees nothing."""
    draw = np.random.default_rng(0)
    risk, segment = draw.normal(size=N), np.where(np.arange(N) % 3 == 0, "b", "a")
    y = (draw.random(N) < 1 / (1 + np.exp(1 - 2 * risk))).astype(float)
    seen = np.where(segment == weak, 0.0, 2 * risk) + noise * np.random.default_rng(seed).normal(size=N)
    p = 1 / (1 + np.exp(1 - level - seen / (1 + noise)))
    keys = {"fold": ["2024-01-01"] * N, "customer_id": [f"c{k:05d}" for k in range(N)]}
    described = {"past_value": np.exp(draw.normal(size=N)) * 100, "of_segment": segment}
    if kind == "clv":
        return Predictions("clv", pa.table({**keys, "y": y * np.exp(risk), "v_churnml": p, **described}))
    return Predictions("churn", pa.table({**keys, "y": y, "p_churnml": p, **described}))


def compared(champion: Predictions, challenger: Predictions) -> dict:
    return compare(challenger.kind, paired(champion, challenger), terms=Terms(capacity=150, cost=2.0))


def test_both_sides_are_the_library_s_own_figures() -> None:
    old, new = backtest_of(2.0, seed=1), backtest_of(0.5, seed=2)
    found = compared(old, new)["measures"]
    for name, score in (("roc_auc", roc_auc_score), ("log_loss", log_loss)):
        for side, said in (("champion", old), ("challenger", new)):
            assert found[name][side] == pytest.approx(score(said.values("y"), said.values("p_churnml")))
        assert found[name]["difference"] == pytest.approx(found[name]["challenger"] - found[name]["champion"])


def test_a_better_model_is_better_beyond_noise_and_passes() -> None:
    found = compared(backtest_of(2.0, seed=1), backtest_of(0.2, seed=2))
    assert all(found["measures"][name]["is_better"] for name in ("roc_auc", "log_loss", "profit_per_contact"))
    assert promotion_verdict(found).ok


def test_another_seed_of_the_same_model_is_within_noise_and_does_not_pass() -> None:
    found = compared(backtest_of(0.5, seed=1), backtest_of(0.5, seed=2))
    verdict = promotion_verdict(found)
    assert found["measures"]["roc_auc"]["is_better"] is None
    assert not verdict.ok
    assert "may be chance" in verdict.why()
    assert "偶然" in verdict.why("zh")


def test_a_worse_level_stops_a_model_that_ranks_better() -> None:
    found = compared(backtest_of(1.5, seed=1), backtest_of(0.2, seed=2, level=1.5))
    assert found["measures"]["roc_auc"]["is_better"]
    assert found["measures"]["level_gap"]["is_better"] is False
    assert not promotion_verdict(found).ok


def test_a_part_that_is_ranked_worse_stops_a_model_that_is_better_overall() -> None:
    found = compared(backtest_of(2.5, seed=1), backtest_of(0.0, seed=2, weak="b"))
    worse = [(part["by"], part["group"]) for part in found["slices"] if part["is_worse"]]
    assert ("segment", "b") in worse
    assert ("segment", "a") not in worse
    assert not promotion_verdict(found).ok


def test_the_difference_turns_round_with_the_sides() -> None:
    one, other = (
        compared(*pair)["measures"] for pair in ((backtest_of(2), backtest_of(1)), (backtest_of(1), backtest_of(2)))
    )
    assert one["brier"]["difference"] == pytest.approx(-other["brier"]["difference"])
    assert one["brier"]["low"] == pytest.approx(-other["brier"]["high"])


def test_values_are_compared_by_their_own_figures() -> None:
    found = compared(backtest_of(2.0, kind="clv", seed=1), backtest_of(0.2, kind="clv", seed=2))
    assert set(found["measures"]) == {"normalised_gini", "mean_absolute_error", "top_share", "level_gap"}
    assert found["measures"]["normalised_gini"]["is_better"]


def test_a_loss_too_small_to_matter_stops_nothing() -> None:
    old = backtest_of(0.5)
    p = old.table["p_churnml"].to_numpy()
    worse = old.table.set_column(3, "p_churnml", pa.array(p * 0.999))
    found = compared(old, Predictions("churn", worse))["measures"]["log_loss"]
    assert found["low"] > 0
    assert found["is_better"] is None


def test_only_common_rows_count_and_their_order_changes_nothing() -> None:
    old, new = backtest_of(1.0, seed=1), backtest_of(0.5, seed=2)
    half = Predictions("churn", old.table.slice(0, N // 2))
    shuffled = Predictions("churn", half.table.take(np.random.default_rng(3).permutation(N // 2)))
    assert compared(half, new)["n_rows"] == N // 2
    assert compared(shuffled, new) == compared(half, new)


def test_a_comparison_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(compared(backtest_of(1), backtest_of(2)), allow_nan=False))["n_customers"] == N


def test_models_of_other_kinds_or_customers_cannot_be_compared() -> None:
    with pytest.raises(ModelError, match="different kinds"):
        paired(backtest_of(1, kind="clv"), backtest_of(1))
    stranger = backtest_of(1)
    renamed = stranger.table.set_column(1, "customer_id", pa.array([f"x{k}" for k in range(N)]))
    with pytest.raises(ModelError, match="not tested on common rows"):
        paired(Predictions("churn", renamed), stranger)
