import numpy as np
import pyarrow as pa
import pytest
from feature_tables import feature_table, rows_of_date

from churnml.errors import DataError
from churnml.evaluation.folds import Fold, OrderedRows

TABLE, _, CHURNED, _ = feature_table(n_customers=20)


def test_rows_are_sorted_by_date_and_customer_with_their_outcomes():
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    data = OrderedRows.of(TABLE.take(order), CHURNED[order])
    assert data.table.select(["customer_id", "observation_date"]).equals(
        TABLE.select(["customer_id", "observation_date"])
    )
    np.testing.assert_array_equal(data.y, CHURNED)


def test_row_numbers_are_those_of_the_delivered_table():
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    shuffled = TABLE.take(order)
    data = OrderedRows.of(shuffled, CHURNED[order])
    assert data.rows(rows_of_date(shuffled, 1)).tolist() == list(range(20, 40))


def test_parts_are_marked_and_newer_rows_weigh_more():
    data = OrderedRows.of(TABLE, CHURNED)
    fold = Fold("t", rows_of_date(TABLE, 0), rows_of_date(TABLE, 2), between=rows_of_date(TABLE, 1))
    learning = data.learning(fold, half_life_days=90.0)
    assert (learning.valid.sum(), learning.between.sum()) == (20, 20)
    np.testing.assert_allclose(np.unique(learning.weight), [0.25, 0.5, 1.0])
    assert np.unique(learning.customers).size == 20


def test_a_table_without_dates_has_no_weights():
    data = OrderedRows.of(TABLE.slice(0, 20).drop_columns(["observation_date"]), CHURNED[:20])
    learning = data.learning(Fold("fold-1", np.arange(10)), half_life_days=365.0)
    assert learning.weight is None
    assert learning.valid is None


def test_a_row_in_two_parts_is_refused():
    with pytest.raises(DataError, match="fold-1: a row plays two parts"):
        OrderedRows.of(TABLE, CHURNED).learning(Fold("fold-1", np.arange(5), np.arange(4, 8)), half_life_days=None)


def test_twin_rows_are_refused():
    with pytest.raises(DataError, match="share customer and observation date") as caught:
        OrderedRows.of(pa.concat_tables([TABLE, TABLE.slice(0, 3)]), np.append(CHURNED, CHURNED[:3]))
    assert caught.value.count == 3


def test_no_rows_and_other_lengths_are_refused():
    with pytest.raises(DataError, match="no rows"):
        OrderedRows.of(TABLE.slice(0, 0), np.empty(0))
    with pytest.raises(DataError, match="differ in length"):
        OrderedRows.of(TABLE, CHURNED[1:])
