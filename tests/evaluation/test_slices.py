import numpy as np
import pyarrow as pa
import pytest

from churnml.evaluation.slices import describing_columns, is_enough, slices_of


def _groups(table, *, cuts=None, prefer=()):
    n = table.num_rows
    found, hidden = slices_of(table, np.arange(n), cuts or {"a": np.arange(n)}, prefer=prefer)
    return {(part.by, part.group): part.n_customers for part in found}, hidden


@pytest.mark.parametrize(
    ("days", "band"),
    [
        (89.9, "under_90_days"),
        (90.0, "90_to_365_days"),
        (365.0, "1_to_2_years"),
        (730.0, "over_2_years"),
        (None, "unknown"),
    ],
)
def test_bands_of_tenure_begin_at_their_edge(days, band):
    table = pa.table({"tenure_days": pa.array([days] * 10, pa.float64()).fill_null(float("nan"))})
    assert _groups(table)[0] == {("tenure", band): 10}


def test_tiers_hold_half_and_four_fifths_of_past_value_within_each_cut_off():
    value = np.concatenate([[50.0] * 10, [30.0] * 10, [20.0] * 10, [0.0] * 10])
    table = pa.table({"past_value": np.concatenate([value, 1000.0 * value])})
    cuts = {"a": np.arange(40), "b": np.arange(40, 80)}
    assert _groups(table, cuts=cuts)[0] == {("value", "A"): 20, ("value", "B"): 20, ("value", "C"): 40}


def test_rare_levels_are_joined_and_small_groups_counted_not_shown():
    levels = [f"level {k}" for k in range(20) for _ in range(20 - k)] + ["tiny"] * 3
    found, hidden = _groups(pa.table({"of_customers_plan": levels}))
    assert len(found) == 9
    assert list(found)[-1] == ("customers_plan", "others")
    assert hidden == {}
    assert _groups(pa.table({"of_customers_plan": ["a"] * 10 + ["b"] * 9}))[1] == {"customers_plan": 1}


def test_declared_categories_come_before_all_there_are():
    table = pa.table({"of_b": ["x"] * 10, "of_a": ["y"] * 10})
    assert list(_groups(table, prefer=["a"])[0]) == [("a", "y")]
    assert list(_groups(table)[0]) == [("b", "x"), ("a", "y")]


def test_rows_are_described_by_roles_and_categories():
    table = pa.table({"t": [1.0], "s": [2.0], "c": pa.array(["x"]).dictionary_encode(), "n": [3.0]})
    found = describing_columns(table, {"tenure": "t", "spend": "s", "recency": "n"})
    assert list(found) == ["tenure_days", "past_value", "of_c"]


@pytest.mark.parametrize(
    ("n_churned", "n_customers", "enough"), [(20, 100, True), (19, 100, False), (20, 99, False), (85, 100, False)]
)
def test_enough_is_a_hundred_customers_and_twenty_of_each_outcome(n_churned, n_customers, enough):
    assert is_enough("churn", (np.arange(100) < n_churned).astype(float), n_customers) is enough
