import numpy as np
from feature_tables import feature_table

from churnml.estimators.logistic import LogisticBaseline
from churnml.estimators.matrix import spec_of
from churnml.estimators.rank_normal import RankNormal


def test_ranks_ignore_scale_and_tail():
    X = np.random.default_rng(0).gamma(1.0, 1.0, (500, 1)).astype(np.float32)
    one, two = (RankNormal([]).fit(Z).transform(Z) for Z in (X, X**3))
    middle = np.abs(one) < 2.0
    np.testing.assert_allclose(one[middle], two[middle], atol=0.05)
    assert abs(one.mean()) < 0.05
    assert abs(one.std() - 1.0) < 0.05


def test_missing_values_are_flagged_and_levels_spread_out():
    X = np.array([[1.0, 0.0], [np.nan, 1.0], [3.0, np.nan]], dtype=np.float32)
    design = RankNormal([1]).fit(X).transform(X)
    assert design[:, 1].tolist() == [0.0, 1.0, 0.0]
    assert design[:, 2:].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert design[1, 0] == 0.0


def test_a_column_missing_everywhere_later_is_no_error():
    table, _, y, _ = feature_table()
    model = LogisticBaseline(spec_of(table)).fit(table, y.astype(float))
    place = table.column_names.index("orders_noise")
    blank = table.set_column(place, "orders_noise", [np.full(table.num_rows, np.nan, dtype=np.float32)])
    assert np.isfinite(model.predict(blank)).all()
