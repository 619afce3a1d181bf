"""The churn model as a whole: its parts, their weights, and what holds whichever of them speak."""

import json

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest
from feature_tables import feature_table

from churnml.errors import ModelError
from churnml.estimators import boosting
from churnml.estimators.artifact import load, save
from churnml.estimators.carry import Carry
from churnml.estimators.churn import ChurnClassifier
from churnml.estimators.durations import Durations
from churnml.estimators.held_out import churn_splits
from churnml.estimators.matrix import spec_of, to_matrix
from churnml.estimators.record import ModelRecord, parse_record
from churnml.evaluation.backtest import fit_final_churn
from churnml.evaluation.folds import Fold
from churnml.evaluation.hazard_rows import HazardRows
from churnml.reasons.contributions import contributions

DAY_US = 86_400_000_000
N, N_DATES = 220, 5
TABLE, P, CHURNED, _ = feature_table(n_customers=N, n_dates=N_DATES)
SPEC = spec_of(TABLE)
X = to_matrix(TABLE, SPEC)
DATES = TABLE["observation_date"].cast(pa.int64()).to_numpy()
CUSTOMERS = np.tile(np.arange(N), N_DATES)
DAYS = np.unique(DATES)
NEWEST = DATES.max() == DATES
BETWEEN = DAYS[3] == DATES
AS_OF = int(DATES.max()) + 90 * DAY_US
QUICK = {"overrides": {"learning_rate": 0.2}, "max_rounds": 25}


def _hazard_rows():
    """Return durations that agree with the labels: who churned did so within 90 days."""
    draw = np.random.default_rng(5)
    observed = (AS_OF - DATES) / DAY_US
    event = np.where(CHURNED == 1, draw.uniform(1.0, 90.0, CHURNED.size), draw.uniform(91.0, 2_000.0, CHURNED.size))
    event[event > observed] = np.nan
    order = np.lexsort((CUSTOMERS, DATES))
    return HazardRows(
        TABLE.take(pa.array(order)),
        Durations(event[order], observed[order]),
        dates=DATES[order],
        customers=CUSTOMERS[order],
        horizon_days=90.0,
        lead_days=0.0,
        settle_days=0.0,
        settings={"seed": 1, "max_rounds": 15},
    )


HAZARD = _hazard_rows()
FOLD = Fold(
    "final",
    np.flatnonzero(DAYS[2] >= DATES),
    np.flatnonzero(NEWEST),
    between=np.flatnonzero(BETWEEN),
)


def _final(table=TABLE, y=CHURNED, fold=FOLD, *, threads=1, hazard=HAZARD, **more):
    return fit_final_churn(
        table, y, fold, seed=1, threads=threads, hazard=hazard, as_of=AS_OF, overrides={"learning_rate": 0.2}, **more
    )


@pytest.fixture(scope="module")
def whole():
    """Return a model with every part: trees of three kinds, a logistic regression, and a hazard."""
    model, spec = _final()
    assert {"trees", "small_trees", "random_trees", "logistic", "hazard"} == set(model.weights_)
    return model, spec


# Which rows are held out


def test_held_out_by_time_where_enough_is_settled_before():
    splits = churn_splits(CHURNED, CUSTOMERS, dates=DATES, valid=NEWEST, between=BETWEEN, seed=1)
    assert len(splits) == 1
    learn, check = splits[0]
    np.testing.assert_array_equal(check, np.flatnonzero(NEWEST))
    assert DATES[learn].max() == DAYS[2]


def test_held_out_forward_in_time_where_nothing_is_settled_before():
    y, dates, customers = np.arange(2_000) % 2, np.repeat(DAYS, 400), np.tile(np.arange(400), N_DATES)
    newest = dates.max() == dates
    splits = churn_splits(y, customers, dates=dates, valid=newest, between=~newest, seed=1)
    assert len(splits) == boosting.N_FOLDS
    for learn, check in splits:
        assert set(dates[check]) == {dates.max()}
        assert dates[learn].max() == DAYS[2]
        assert not set(customers[learn]) & set(customers[check])
    np.testing.assert_array_equal(np.sort(np.concatenate([check for _, check in splits])), np.flatnonzero(newest))


@pytest.mark.parametrize("why", ["no valid", "no dates", "one date", "few outcomes"])
def test_held_out_by_customer_else(why):
    y, dates, valid, rows = CHURNED, DATES, NEWEST, np.arange(CHURNED.size)
    between = ~NEWEST
    if why == "no valid":
        valid = None
    elif why == "no dates":
        dates = None
    elif why == "one date":
        rows = np.flatnonzero(NEWEST)
    else:
        y = np.where(NEWEST & (np.cumsum(CHURNED * NEWEST) > 14), 0, CHURNED)
    cut = [None if part is None else part[rows] for part in (dates, valid, between)]
    splits = churn_splits(y[rows], CUSTOMERS[rows], dates=cut[0], valid=cut[1], between=cut[2], seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate([check for _, check in splits])), np.arange(rows.size))
    for learn, check in splits:
        assert not set(CUSTOMERS[rows][learn]) & set(CUSTOMERS[rows][check])


def test_forward_splits_do_not_depend_on_what_customers_are_called():
    one = boosting.splits_forward(CHURNED, CUSTOMERS, NEWEST, DATES, seed=1)
    two = boosting.splits_forward(CHURNED, CUSTOMERS + 1_000, NEWEST, DATES, seed=1)
    for pair, other in zip(one, two, strict=True):
        for rows, others in zip(pair, other, strict=True):
            np.testing.assert_array_equal(rows, others)


# Weights, level, agreement of the parts


def test_weights_sum_to_one_and_none_is_negative(whole):
    weights = whole[0].weights_
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert min(weights.values()) >= 0.0


def test_the_level_lies_between_the_newest_outcomes_and_what_the_hazard_foretells(whole):
    model, spec = whole
    newest = to_matrix(TABLE, spec)[NEWEST]
    rates = [CHURNED[NEWEST].mean(), model.hazard_.risk(newest, [90.0]).mean()]
    assert min(rates) - 0.03 < model.churn_probability(newest).mean() < max(rates) + 0.03


@pytest.mark.parametrize("wanted", [0.1, 0.6])
def test_probabilities_stand_on_the_level_of_the_newest_outcomes(wanted):
    y, draw = CHURNED.astype(float).copy(), np.random.default_rng(0)
    y[NEWEST] = draw.random(N) < wanted
    model = ChurnClassifier(**QUICK).fit(
        X, y, categorical=SPEC.categorical, groups=CUSTOMERS, dates=DATES, valid=NEWEST
    )
    learned, said, before = y[NEWEST].mean(), model.churn_probability(X[NEWEST]).mean(), y[~NEWEST].mean()
    assert abs(said - learned) < 0.4 * abs(before - learned)


def test_trees_keep_a_weight_though_another_part_knows_everything():
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(1_500, 6)).astype(np.float32)
    y = (draw.random(1_500) < 1 / (1 + np.exp(-numbers @ np.ones(6)))).astype(float)
    model = ChurnClassifier(max_rounds=1).fit(numbers, y)
    trees = [model.weights_[name] for name in ("trees", "small_trees", "random_trees")]
    assert sum(trees) >= 0.02
    assert model.booster_.num_trees() > 0
    assert sum(model.weights_.values()) == pytest.approx(1.0)


def test_contributions_add_up_to_the_score_but_for_one_constant():
    model, spec = _final(hazard=None)
    assert model.logistic_ is not None
    rows = to_matrix(TABLE, spec)[:200]
    total = contributions(model.booster_, rows, names=spec.names).sum(axis=1)
    total = total + model.extra_contributions(rows).sum(axis=1)
    assert np.ptp(model.raw_score(rows) - total) < 1e-4


def test_what_each_part_says_is_in_the_score(whole):
    model, spec = whole
    rows = to_matrix(TABLE, spec)[:300]
    trees = model.booster_.predict(rows, raw_score=True)
    beside = model.raw_score(rows) - trees
    wanted = np.zeros(300)
    if model.logistic_ is not None:
        wanted += model.weights_["logistic"] * model.logistic_.raw_score(rows)
    if model.weights_["hazard"]:
        risk = np.clip(model.hazard_.risk(rows, [90.0])[:, 0], 1e-9, 1 - 1e-9)
        wanted += model.weights_["hazard"] * np.log(risk / (1 - risk))
    np.testing.assert_allclose(beside, wanted, atol=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_features_hold_in_all_parts_together(sign):
    name = "orders_recency_days"
    model, spec = _final(monotone={name: sign, "orders_noise": sign})
    for column in (spec.names.index(name), spec.names.index("orders_noise")):
        assert np.all(sign * np.diff(_along(model, to_matrix(TABLE, spec)[:150], column), axis=0) >= 0)


def test_without_being_told_noise_goes_up_and_down(whole):
    """Else the test above would prove nothing."""
    model, spec = whole
    steps = np.diff(_along(model, to_matrix(TABLE, spec)[:150], spec.names.index("orders_noise")), axis=0)
    assert (steps > 0).any()
    assert (steps < 0).any()


def _along(model, rows, column):
    """Return the probabilities while one column grows, shape (n_values, n_rows)."""
    said = []
    for value in [-1e6, *np.linspace(-3.0, 3.0, 25), *np.linspace(4.0, 600.0, 25), 3e38]:
        moved = rows.copy()
        moved[:, column] = value
        said.append(model.churn_probability(moved))
    return np.array(said)


# What is stored


def test_a_model_with_every_part_comes_back_bit_for_bit(whole, tmp_path):
    model, spec = whole
    model.carry_ = Carry(shift=0.25)
    try:
        save(model, spec, tmp_path / "churn")
        loaded = load(tmp_path / "churn")
        rows = np.vstack([to_matrix(TABLE, spec), np.full((1, len(spec.names)), np.nan, np.float32)])
        np.testing.assert_array_equal(loaded.model.churn_probability(rows), model.churn_probability(rows))
        np.testing.assert_array_equal(loaded.model.extra_contributions(rows), model.extra_contributions(rows))
        np.testing.assert_array_equal(
            loaded.model.hazard_.risk(rows, [7.0, 400.0]), model.hazard_.risk(rows, [7.0, 400.0])
        )
        assert list(loaded.model.boosters()) == ["main", "hazard"]
        assert (loaded.model.weights_, loaded.model.carry_) == (model.weights_, model.carry_)
        save(loaded.model, loaded.spec, tmp_path / "again")
        names = ["model.hazard.txt", "model.json", "model.txt"]
        assert sorted(path.name for path in (tmp_path / "churn").iterdir()) == names
        for name in names:
            assert (tmp_path / "churn" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    finally:
        model.carry_ = Carry()


def test_mr_13_the_same_bytes_for_any_threads_and_order_of_rows(tmp_path):
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    moved = {part: np.flatnonzero(np.isin(order, getattr(FOLD, part))) for part in ("train", "valid", "between")}
    one = save(*_final(), tmp_path / "one")
    two = save(*_final(TABLE.take(order), CHURNED[order], Fold("final", **moved), threads=2), tmp_path / "two")
    assert one == two
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    threads = [load(tmp_path / "one", trusted=True, threads=k).model.churn_probability(X).tobytes() for k in (1, 2)]
    assert threads[0] == threads[1]


# Rows to score that are not like those learned from


def test_a_level_nobody_had_is_scored_as_missing(whole):
    model, spec = whole
    place = TABLE.column_names.index("customers_plan")
    new, missing = (
        TABLE.set_column(place, "customers_plan", pa.array([word] * TABLE.num_rows, pa.string()))
        for word in ("gold", None)
    )
    said = [model.churn_probability(to_matrix(table, spec)) for table in (new, missing)]
    np.testing.assert_array_equal(*said)
    assert np.isfinite(said[0]).all()


def test_customers_of_whom_nothing_is_known_get_a_probability_of_their_own(whole):
    model, spec = whole
    rows = to_matrix(TABLE, spec)
    rows[:50] = np.nan
    said = model.churn_probability(rows)
    assert np.unique(said[:50]).size == 1
    assert 0.02 < said[0] < 0.98
    np.testing.assert_array_equal(said[50:], model.churn_probability(to_matrix(TABLE, spec))[50:])


def test_a_feature_missing_for_a_whole_slice_of_training_is_borne():
    table = TABLE
    for name in ("orders_recency_days", "orders_btyd_t_x"):
        values = table[name].to_numpy().copy()
        values[::3] = np.nan
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    model, spec = _final(table)
    assert np.isfinite(model.churn_probability(to_matrix(table, spec))).all()


def test_mr_10_features_are_found_by_name_and_anything_else_is_refused(whole):
    model, spec = whole
    turned = TABLE.select(TABLE.column_names[::-1])
    np.testing.assert_array_equal(
        model.churn_probability(to_matrix(turned, spec)), model.churn_probability(to_matrix(TABLE, spec))
    )
    with pytest.raises(ModelError, match="missing orders_noise"):
        to_matrix(TABLE.drop_columns(["orders_noise"]), spec)
    text = TABLE["orders_noise"].cast(pa.string())
    with pytest.raises(ModelError, match="was a number in training and is string now"):
        to_matrix(TABLE.set_column(TABLE.column_names.index("orders_noise"), "orders_noise", text), spec)
    with pytest.raises(ModelError, match="features"):
        model.churn_probability(X[:, :-1])


# Damaged states


@pytest.fixture(scope="module")
def record(whole, tmp_path_factory):
    """Return the facts of ``model.json``, and its folder."""
    folder = tmp_path_factory.mktemp("record") / "churn"
    save(*whole, folder)
    facts = json.loads((folder / "model.json").read_bytes())
    del facts["seal"]
    return facts, folder


DAMAGES = {
    "a weight that is no number": lambda s: s["weights"].update(trees="much"),
    "a negative weight": lambda s: s["weights"].update(trees=-0.1),
    "a weight of a part that is not there": lambda s: s.update(logistic=None) or s["weights"].update(logistic=0.2),
    "one coefficient too few": lambda s: s["logistic"]["coef"].pop(),
    "knots without scores": lambda s: s["logistic"]["columns"]["knots"]["0"][1].pop(),
    "knots of a column that is not there": lambda s: s["logistic"]["columns"]["knots"].update(
        {"99": s["logistic"]["columns"]["knots"].pop("0")}
    ),
    "knots that fall": lambda s: s["logistic"]["columns"]["knots"]["0"][0].reverse(),
    "a slope that turns the ranking": lambda s: s["calibrator"].update(slope=-1.0),
    "a power of nothing": lambda s: s["carry"].update(power=0.0),
    "periods that do not ascend": lambda s: s["hazard"]["edges_days"].reverse(),
    "one period too few": lambda s: s["hazard"]["offsets"].pop(),
    "a column the hazard cannot see": lambda s: s["hazard"]["columns"].append(99),
    "a hazard of other features": lambda s: s["hazard"].update(n_features=3),
    "a hazard that turns its trees": lambda s: s["hazard"].update(slope=-1.0),
    "a key nobody knows": lambda s: s.update(more=1),
    "no carry": lambda s: s.pop("carry"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_states_are_refused_though_sealed(damage, record):
    facts = json.loads(json.dumps(record[0]))
    parse_record(ModelRecord.sealed(facts))
    damage(facts["state"])
    sealed = ModelRecord.sealed(facts)
    with pytest.raises(ModelError, match="not a model record of a known form"):
        parse_record(sealed)


def test_a_hazard_whose_trees_are_not_there_is_refused(record):
    facts = json.loads(json.dumps(record[0]))
    del facts["texts"]["model.hazard.txt"]
    with pytest.raises(ModelError, match="not a model record of a known form"):
        parse_record(ModelRecord.sealed(facts))


def test_the_main_trees_are_one_booster(whole):
    assert isinstance(whole[0].booster_, lgb.Booster)
    assert whole[0].n_rounds_ == whole[0].booster_.num_trees()
