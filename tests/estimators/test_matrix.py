import numpy as np
import pyarrow as pa
import pytest
from feature_tables import feature_table

from churnml.errors import ModelError
from churnml.estimators.matrix import FeatureSpec, spec_of, to_matrix


def _table(**columns):
    n = len(next(iter(columns.values())))
    return pa.table({"customer_id": [f"c{k}" for k in range(n)], **columns})


def test_columns_are_found_by_name_whatever_their_order():
    table = feature_table()[0]
    spec = spec_of(table)
    turned = table.select(table.column_names[::-1])
    np.testing.assert_array_equal(to_matrix(turned, spec), to_matrix(table, spec))


def test_levels_are_ordered_by_frequency_then_name():
    table = _table(plan=["b"] * 12 + ["a"] * 12 + ["c"] * 20)
    assert spec_of(table).levels == {"plan": ("c", "a", "b")}


def test_rare_and_unknown_levels_count_as_missing():
    table = _table(plan=["a"] * 20 + ["b"] * 15 + ["rare"] * 5)
    spec = spec_of(table)
    assert spec.levels["plan"] == ("a", "b")
    values = to_matrix(_table(plan=["b", "rare", "new", None]), spec)[:, 0]
    np.testing.assert_array_equal(values, [1.0, np.nan, np.nan, np.nan])


def test_at_most_fifty_levels():
    table = _table(plan=[f"level{k:02d}" for k in range(60) for _ in range(12)])
    assert len(spec_of(table).levels["plan"]) == 50


def test_constant_and_missing_columns_are_dropped_and_named():
    table = _table(a=[1.0, 2.0, 3.0], b=[5.0] * 3, c=pa.array([None] * 3, pa.float32()), d=["x"] * 3)
    spec = spec_of(table)
    assert (spec.names, dict(spec.dropped)) == (("a",), {"b": "constant", "c": "constant", "d": "constant"})


def test_a_flag_of_presence_is_not_constant():
    assert spec_of(_table(a=pa.array([1.0, None, 1.0], pa.float32()))).names == ("a",)


def test_identifier_like_category_is_dropped_even_when_repeated_at_several_dates():
    ids = [f"c{k}" for k in range(40)] * 3
    table = pa.table({"customer_id": ids, "postcode": [f"p{i}" for i in ids], "a": np.arange(120.0)})
    assert dict(spec_of(table).dropped) == {"postcode": "identifier"}


def test_forbidden_columns_are_left_out():
    table = feature_table()[0]
    spec = spec_of(table, forbidden=["orders_noise"])
    assert "orders_noise" not in spec.names
    assert to_matrix(table, spec, strict=True).shape[1] == len(spec.names)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ModelError, match="no usable feature"):
        spec_of(_table(a=[1.0, 1.0]))


def test_a_missing_feature_is_named_with_the_nearest():
    spec = FeatureSpec(("orders_count_90d",), {})
    with pytest.raises(ModelError, match=r"missing orders_count_90d\. Did you mean orders_counts_90d"):
        to_matrix(_table(orders_counts_90d=[1.0]), spec)


def test_an_extra_feature_is_refused_only_when_strict():
    spec, table = FeatureSpec(("a",), {}), _table(a=[1.0], b=[2.0])
    assert to_matrix(table, spec).shape == (1, 1)
    with pytest.raises(ModelError, match="unknown b"):
        to_matrix(table, spec, strict=True)


@pytest.mark.parametrize("column", [["x"], pa.array(["x"]).dictionary_encode()])
def test_another_type_than_in_training_is_refused(column):
    with pytest.raises(ModelError, match="a: was a number in training"):
        to_matrix(_table(a=column), FeatureSpec(("a",), {}))


def test_a_number_where_text_was_is_refused():
    with pytest.raises(ModelError, match="a: was text in training and is double now"):
        to_matrix(_table(a=[1.0]), FeatureSpec(("a",), {"a": ("x",)}))


def test_a_date_is_no_feature():
    with pytest.raises(ModelError, match="when: a feature is a number or text"):
        spec_of(_table(when=pa.array([0, 1], pa.timestamp("us"))))


def test_infinite_values_are_counted():
    with pytest.raises(ModelError, match="a: infinite values") as caught:
        to_matrix(_table(a=[1.0, np.inf]), FeatureSpec(("a",), {}))
    assert caught.value.count == 1


def test_two_columns_of_one_name_are_refused():
    table = pa.table([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    with pytest.raises(ModelError, match="two columns of one name"):
        to_matrix(table, FeatureSpec(("a",), {}))
