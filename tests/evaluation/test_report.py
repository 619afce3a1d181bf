import json

import numpy as np
import pyarrow as pa
import pytest

from churnml.evaluation.backtest import Predictions
from churnml.evaluation.card import card_figures
from churnml.evaluation.plots import plots_of
from churnml.evaluation.report import metrics_of
from churnml.evaluation.terms import Terms
from churnml.metrics import log_loss, roc_auc_score

N = 400


def predictions(*, kind="churn", shift=0.0, one_class=False, describing=None):
    """Two cut-offs; the model sees more of the truth than the recency rule (or last spend) does."""
    draw = np.random.default_rng(0)
    risk = draw.normal(size=2 * N)
    p = 1.0 / (1.0 + np.exp(-risk))
    y = (draw.random(2 * N) < p).astype(float)
    y = np.zeros(2 * N) if one_class else y
    keys = {"fold": ["a"] * N + ["b"] * N, "customer_id": [f"c{k:04d}" for k in range(N)] * 2}
    keys |= describing or {}
    nothing = np.full(2 * N, np.nan)
    rule = 1.0 / (1.0 + np.exp(-(0.5 * risk + draw.normal(size=2 * N) + shift)))
    if kind == "churn":
        rest = {"p_frequency": nothing, "p_tenure": nothing, "p_bgnbd": nothing, "p_logistic": nothing}
        return Predictions("churn", pa.table({**keys, "y": y, "p_churnml": p, "p_recency": rule, **rest}))
    rest = {"v_frequency": nothing, "v_bgnbd_gamma_gamma": nothing}
    value = np.where(y == 1, np.exp(risk), 0.0)
    ends = {"v_low": np.zeros(2 * N), "v_high": np.full(2 * N, np.quantile(value, 0.8))}
    return Predictions("clv", pa.table({**keys, "y": value, "v_churnml": p, "v_last_spend": rule, **ends, **rest}))


def test_overall_ranking_is_the_mean_over_cut_offs():
    found, data = metrics_of(predictions()), predictions()
    y, p = data.values("y"), data.values("p_churnml")
    halves = [roc_auc_score(y[part], p[part]) for part in (slice(0, N), slice(N, None))]
    assert found["overall"]["churnml"]["roc_auc"] == pytest.approx(np.mean(halves))
    assert [found["by_cut_off"][k]["models"]["churnml"]["roc_auc"] for k in "ab"] == pytest.approx(halves)
    assert found["overall"]["churnml"]["log_loss"] == pytest.approx(log_loss(y, p))


def test_the_interval_holds_the_number_and_is_of_the_right_size():
    scores = metrics_of(predictions())["overall"]["churnml"]
    assert scores["roc_auc_low"] < scores["roc_auc"] < scores["roc_auc_high"]
    assert 0.02 < scores["roc_auc_high"] - scores["roc_auc_low"] < 0.12


def test_the_difference_to_each_rule_has_an_interval_of_its_own():
    gap = metrics_of(predictions())["against"]["recency"]
    assert 0.0 < gap["low"] < gap["difference"] < gap["high"]


def test_bold_figures_come_with_intervals():
    scores = metrics_of(predictions())["overall"]["churnml"]
    for key in ("average_precision", "lift", "capture", "log_loss", "brier", "mean_predicted_over_actual"):
        assert scores[f"{key}_low"] < scores[key] < scores[f"{key}_high"]


def test_lists_are_as_long_as_the_team_can_contact():
    found = metrics_of(predictions(), terms=Terms(capacity=100))
    assert found["fraction"] == 100 / N
    assert found["overall"]["churnml"]["capture"] > found["overall"]["churnml"]["capture_10"]
    by_customer = metrics_of(predictions(), terms=Terms(capacity=100, is_out_of_time=False))
    assert by_customer["fraction"] == 100 / (2 * N)


def test_money_is_told_where_past_value_is_known():
    spent = {"past_value": np.linspace(0.0, 1000.0, 2 * N)}
    terms = Terms(capacity=50, effect=0.5, cost=1.0, margin=0.4)
    scores = metrics_of(predictions(describing=spent), terms=terms)["overall"]
    assert scores["churnml"]["profit_per_contact"] > scores["recency"]["profit_per_contact"] > 0
    assert scores["churnml"]["empc"] > scores["churnml"]["empb"] > 0
    assert 0 < scores["churnml"]["savings"] < 0.5
    assert "empc" not in metrics_of(predictions())["overall"]["churnml"]


def test_share_to_contact_is_the_mean_over_cut_offs_and_only_where_value_is_known():
    found = metrics_of(predictions(describing={"past_value": np.linspace(0.0, 1000.0, 2 * N)}), terms=Terms(cost=20.0))
    by_cut_off = [cut["models"]["churnml"]["empc_share"] for cut in found["by_cut_off"].values()]
    assert 0 < min(by_cut_off) < max(by_cut_off) < 1
    assert found["overall"]["churnml"]["empc_share"] == pytest.approx(np.mean(by_cut_off))
    assert "empc_share" not in metrics_of(predictions())["overall"]["churnml"]


def test_parts_of_the_customers_are_judged_by_the_same_measure():
    group = np.where(np.arange(2 * N) % N < 250, "big", "small")
    group[[0, 1, 2, N, N + 1]] = "hidden"
    found = metrics_of(predictions(describing={"of_customers_plan": group}))
    slices = {each["group"]: each for each in found["slices"]}
    assert set(slices) == {"big", "small"}
    assert found["hidden_groups"] == {"customers_plan": 1}
    data, rows = predictions(), np.flatnonzero(group == "big")
    y, p = data.values("y"), data.values("p_churnml")
    halves = (rows[rows < N], rows[rows >= N])
    mean = np.average([roc_auc_score(y[part], p[part]) for part in halves], weights=[part.size for part in halves])
    assert slices["big"]["roc_auc"] == pytest.approx(mean)
    assert slices["big"]["total_ratio_low"] < slices["big"]["total_ratio"] < slices["big"]["total_ratio_high"]


def test_small_groups_are_named_but_not_judged():
    group = np.where(np.arange(2 * N) % N < 360, "big", "small")
    small = metrics_of(predictions(describing={"of_customers_plan": group}))["slices"][1]
    assert (small["n_customers"], small["is_enough"]) == (40, False)
    assert "roc_auc" not in small


def test_the_card_shows_figures_with_their_range_and_the_rules():
    found = card_figures(predictions(), terms=Terms())["figures"]
    assert found["own"]["roc_auc_low"] <= found["own"]["roc_auc"] <= found["own"]["roc_auc_high"]
    assert list(found["rules"]) == ["recency"]
    assert len(found["curves"]["reliability"]["p_mean"]) > 3


def test_absent_rules_are_left_out_and_the_best_is_named():
    found = metrics_of(predictions())
    assert list(found["overall"]) == ["churnml", "recency"]
    assert found["best_rule"] == "recency"


@pytest.mark.parametrize("kind", ["churn", "clv"])
@pytest.mark.parametrize("one_class", [False, True])
def test_everything_can_be_written_as_json(kind, one_class):
    found = metrics_of(predictions(kind=kind, one_class=one_class))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_one_class_gives_no_number_instead_of_a_wrong_one():
    found = metrics_of(predictions(one_class=True))
    assert found["overall"]["churnml"]["roc_auc"] is None
    assert found["against"]["recency"] == {"difference": None, "low": None, "high": None}


def test_value_has_coverage_and_total():
    found = metrics_of(predictions(kind="clv"))
    assert found["overall"]["churnml"]["interval_coverage"] == pytest.approx(0.8, abs=0.01)
    assert found["overall"]["churnml"]["normalised_gini"] > found["overall"]["last_spend"]["normalised_gini"]


def test_pictures_of_churn_start_and_end_at_the_corners():
    plots = plots_of(predictions())
    assert set(plots) == {"gains", "roc", "reliability"}
    for name, columns in (
        ("gains", ["fraction_contacted", "fraction_captured"]),
        ("roc", ["false_positive_rate", "true_positive_rate"]),
    ):
        rows = plots[name].select(columns).to_pylist()
        assert list(rows[0].values()) == [0.0, 0.0]
        assert list(rows[-1].values()) == pytest.approx([1.0, 1.0])


def test_printed_calibration_is_that_of_the_plotted_rows():
    found, rows = metrics_of(predictions())["overall"]["churnml"], plots_of(predictions())["reliability"].slice(0, 10)
    p, rate, n = (rows[name].to_numpy() for name in ("p_mean", "churn_rate", "n_customers"))
    assert found["ece"] == pytest.approx(np.average(np.abs(p - rate), weights=n))
    assert found["mean_predicted_over_actual"] == pytest.approx(np.dot(p, n) / np.dot(rate, n))


def test_printed_decile_calibration_is_that_of_the_plotted_rows():
    data = predictions(kind="clv")
    found, rows = metrics_of(data)["overall"]["churnml"], plots_of(data)["value_deciles"].slice(0, 10)
    promised, came, n = (rows[name].to_numpy() for name in ("predicted_mean", "actual_mean", "n_customers"))
    assert found["decile_calibration"] == pytest.approx(np.dot(n, np.abs(promised - came)) / np.dot(n, came))


def test_printed_capture_is_a_point_of_the_plotted_curve():
    found, rows = metrics_of(predictions())["overall"], plots_of(predictions())["gains"].to_pylist()
    tenth = next(row for row in rows if row["model"] == "churnml" and row["fraction_contacted"] == 0.1)
    assert found["churnml"]["capture_10"] == pytest.approx(tenth["fraction_captured"])


def test_the_newest_window_has_a_picture_of_its_own():
    figures = metrics_of(predictions())
    plots = plots_of(predictions(), figures)
    assert figures["calibration"]["cut_off"] == "b"
    assert sum(plots["reliability_latest"]["n_customers"].to_pylist()) == N


def test_value_deciles_add_up():
    rows = plots_of(predictions(kind="clv"))["value_deciles"].slice(0, 10)
    assert sum(rows.column("actual_share").to_pylist()) == pytest.approx(1.0)


def test_one_class_has_no_pictures_of_ranking():
    assert plots_of(predictions(one_class=True)) == {}
