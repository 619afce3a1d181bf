import numpy as np
import pytest
from feature_tables import ROLES, feature_table, rows_of_date

from churnml.errors import DataError
from churnml.estimators.artifact import save
from churnml.evaluation.backtest import backtest_churn, backtest_value, fit_final_churn, fit_final_value
from churnml.evaluation.folds import Fold

TABLE, _, CHURNED, VALUE = feature_table(n_customers=250, n_dates=5)
QUICK = {"overrides": {"learning_rate": 0.2}, "seed": 1}


def _folds(table=TABLE):
    return [
        Fold("2024-09-27", rows_of_date(table, 0), rows_of_date(table, 2), rows_of_date(table, 3)),
        Fold("2024-12-26", *(rows_of_date(table, k) for k in (0, 2, 4)), between=rows_of_date(table, 1)),
    ]


def _churn(table=TABLE, y=CHURNED, folds=None, *, threads=1, roles=ROLES):
    folds = folds or _folds(table)
    return backtest_churn(table, y, folds, roles=roles, horizon_days=90.0, threads=threads, **QUICK)


def _same(one, two):
    """Compare bit for bit; an absent rule's NaN equals itself."""
    return one.to_pandas().equals(two.to_pandas())


def test_every_test_row_is_scored_by_model_and_rules():
    found = _churn()
    assert found.table.num_rows == 500
    assert found.models() == ["churnml", "recency", "frequency", "bgnbd", "logistic", "rfm_lightgbm"]
    assert dict(found.absent) == {"tenure": "2024-09-27: no column for tenure"}
    np.testing.assert_array_equal(found.values("y"), CHURNED[750:])
    assert found.table.column("fold").to_pylist() == ["2024-09-27"] * 250 + ["2024-12-26"] * 250


def test_rows_keep_what_describes_them():
    found = _churn()
    assert {"past_value", "of_customers_plan"} <= set(found.table.column_names)
    assert "tenure_days" not in found.table.column_names
    assert found.fits[0]["horizon_days"] == 90.0
    assert sum(found.fits[0]["weights"].values()) == pytest.approx(1.0, abs=0.5)


def test_value_comes_with_its_interval():
    found = backtest_value(TABLE, VALUE, _folds(), roles=ROLES, horizon_days=90.0, threads=1, **QUICK)
    rules = ["last_spend", "frequency", "formula", "bgnbd_gamma_gamma", "rfm_lightgbm"]
    assert found.models() == ["churnml", *rules]
    assert (found.values("v_low") <= found.values("v_churnml")).all()


def test_threads_and_row_order_change_nothing():
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    shuffled = TABLE.take(order)
    assert _same(_churn(shuffled, CHURNED[order], threads=2).table, _churn().table)


def test_outcomes_of_test_rows_are_not_looked_at():
    upset = np.where(np.arange(CHURNED.size) >= 1000, 1 - CHURNED, CHURNED)
    plain, changed = (_churn(y=y, folds=_folds()[1:]) for y in (CHURNED, upset))
    assert _same(plain.table.drop_columns(["y"]), changed.table.drop_columns(["y"]))


def test_the_final_models_are_the_same_files_whatever_order_and_threads(tmp_path):
    fold = Fold("final", rows_of_date(TABLE, 0, 1), rows_of_date(TABLE, 3), between=rows_of_date(TABLE, 2))
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    moved = {part: np.flatnonzero(np.isin(order, getattr(fold, part))) for part in ("train", "valid", "between")}
    digests = [
        (
            save(*fit_final_churn(table, CHURNED[rows], part, threads=threads, **QUICK), tmp_path / "churn"),
            save(*fit_final_value(table, VALUE[rows], part, threads=threads, **QUICK), tmp_path / "clv"),
        )
        for table, rows, part, threads in (
            (TABLE, slice(None), fold, 1),
            (TABLE.take(order), order, Fold("final", **moved), 2),
        )
    ]
    assert digests[0] == digests[1]


def test_a_table_without_dates_is_split_by_customer():
    table = TABLE.slice(0, 250).drop_columns(["observation_date"])
    folds = [Fold(f"fold-{k + 1}", np.flatnonzero(np.arange(250) % 2 != k), test=np.arange(k, 250, 2)) for k in (0, 1)]
    found = _churn(table, CHURNED[:250], folds, roles={})
    assert found.models() == ["churnml", "logistic"]
    assert "observation_date" not in found.table.column_names


def test_a_fold_with_too_few_churners_is_skipped_and_named():
    few = CHURNED.copy()
    few[:250] = np.arange(250) < 3
    folds = [Fold("early", rows_of_date(TABLE, 0), test=rows_of_date(TABLE, 1)), _folds()[1]]
    found = _churn(y=few, folds=folds)
    assert list(found.skipped) == ["early"]
    assert "at least 20" in found.skipped["early"]


def test_no_usable_fold_is_an_error():
    with pytest.raises(DataError, match="only one class"):
        _churn(y=np.zeros_like(CHURNED))


def test_a_rule_that_cannot_be_fitted_is_named_and_the_others_stand():
    never = TABLE.set_column(TABLE.column_names.index("orders_btyd_x"), "orders_btyd_x", [np.zeros(1250, np.float32)])
    found = _churn(never, folds=_folds()[:1])
    assert "no customer has a repeat transaction" in found.absent["bgnbd"]
    assert "bgnbd" not in found.models()
    assert "recency" in found.models()
