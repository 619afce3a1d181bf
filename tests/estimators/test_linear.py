import json

import numpy as np
import pytest

from churnml.estimators import linear
from churnml.estimators.linear import STRENGTHS, LogisticPart, fit_logistic


def _data(n=1_200, *, seed=0, strength=1.0, n_noise=9):
    """Return columns: one that raises the risk, one that lowers it, one in part missing, noise, last a category."""
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=(n, 3 + n_noise))
    level = draw.integers(0, 3, n)
    logit = strength * (numbers[:, 0] - 0.7 * numbers[:, 1] + 0.8 * (level == 2)) - 0.5
    numbers[:, 2][draw.random(n) < 0.3] = np.nan
    X = np.column_stack([numbers, level]).astype(np.float32)
    return X, (draw.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


def _fit(X, y, *, weight=None, barred=None, splits=None):
    half = y.size // 2
    return fit_logistic(
        X,
        y,
        splits or [(np.arange(half), np.arange(half, y.size))],
        categorical=[X.shape[1] - 1],
        weight=np.ones(y.size) if weight is None else weight,
        barred=barred or {},
    )


X, Y = _data()
PART, UNSEEN = _fit(X, Y)


def test_says_what_there_is_to_say():
    new, y = _data(4_000, seed=1)
    z = PART.raw_score(new)
    loss = np.mean(np.logaddexp(0, z) - y * z)
    rate = Y.mean()
    assert loss < 0.92 * -np.mean(y * np.log(rate) + (1 - y) * np.log(1 - rate))
    assert UNSEEN.shape == (600,)


def test_a_score_does_not_depend_on_the_rows_beside_it():
    whole = PART.raw_score(X)
    np.testing.assert_array_equal(np.concatenate([PART.raw_score(X[k : k + 7]) for k in range(0, 1_200, 7)]), whole)


def test_contributions_sum_to_the_difference_from_the_mean_customer():
    found = PART.contributions(X)
    assert found.shape == X.shape
    mean = PART.intercept + PART.coef @ PART.centre
    np.testing.assert_allclose(found.sum(axis=1), PART.raw_score(X) - mean, atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-5)


def test_extremes_and_missing_values_are_scored():
    odd = np.full((4, X.shape[1]), np.nan, dtype=np.float32)
    odd[1], odd[2], odd[3, 0] = 3e38, -3e38, 1.0
    z = PART.raw_score(odd)
    assert np.isfinite(z).all()
    assert np.isfinite(PART.contributions(odd)).all()
    highest, lowest = X[:1].copy(), X[:1].copy()
    highest[:, 0], lowest[:, 0] = 3e38, X[:, 0].max()
    np.testing.assert_array_equal(PART.raw_score(highest), PART.raw_score(lowest))


def test_the_state_comes_back_bit_for_bit_though_json_sorts_its_keys():
    again = LogisticPart.from_state(json.loads(json.dumps(PART.state(), sort_keys=True)))
    np.testing.assert_array_equal(again.raw_score(X), PART.raw_score(X))
    np.testing.assert_array_equal(again.contributions(X), PART.contributions(X))
    assert json.dumps(again.state(), sort_keys=True) == json.dumps(PART.state(), sort_keys=True)


@pytest.mark.parametrize(("strength", "wanted"), [(0.0, "weak"), (2.5, "strong")])
def test_the_penalty_is_chosen_by_rows_held_out(strength, wanted, monkeypatch):
    used = []
    fitted = linear._fitted

    def watched(design, y, share, strength):
        used.append((y.size, strength))
        return fitted(design, y, share, strength)

    monkeypatch.setattr(linear, "_fitted", watched)
    noisy, y = _data(400, strength=strength, n_noise=60)
    _fit(noisy, y)
    n_rows, C = used[-1]
    assert n_rows == 400
    assert (C <= 0.01) if wanted == "weak" else (C >= 0.03)
    assert {C for _, C in used[:-1]} == set(STRENGTHS)


def test_the_best_strength_is_the_one_that_is_kept():
    half = np.arange(600)
    columns = PART.columns
    design = columns.transform(X)
    losses = []
    for C in STRENGTHS:
        z = linear._fitted(design[half], Y[half], np.ones(600), C).decision_function(design[600:])
        losses.append(np.mean(np.logaddexp(0, z) - Y[600:] * z))
    assert np.mean(np.logaddexp(0, UNSEEN) - Y[600:] * UNSEEN) == pytest.approx(min(losses), abs=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_barred_columns_never_go_the_other_way(sign):
    barred = dict.fromkeys(range(X.shape[1] - 1), sign)
    part, _ = _fit(X, Y, barred=barred)
    base = X[:50].copy()
    score = part.raw_score(base)
    for column in barred:
        for value in (-3.0, -0.5, 0.0, 0.5, 3.0, 3e38):
            moved = base.copy()
            moved[:, column] = np.maximum(base[:, column], value)
            assert np.all(sign * (part.raw_score(moved) - score) >= 0)
    flags = np.array(part.columns.is_flag)
    assert not part.coef[flags].any()
    assert part.coef[0 if sign == 1 else 1] != 0


def test_what_is_barred_in_its_own_direction_stays_as_it_is():
    part, _ = _fit(X, Y, barred={0: 1, 1: -1})
    np.testing.assert_array_equal(part.coef, PART.coef)


def test_weights_of_rows_count():
    upset = Y.copy()
    upset[1::2] = 1 - Y[1::2]
    only_even = (np.arange(Y.size) % 2 == 0) + 1e-9
    part, _ = _fit(X, upset, weight=only_even)
    plain, _ = _fit(X, upset)
    assert part.coef[0] > 2 * abs(plain.coef[0])


@pytest.mark.parametrize("n_churned", [40, 400])
def test_rare_outcomes_outlive_the_thinning(n_churned, monkeypatch):
    monkeypatch.setattr(linear, "MAX_ROWS", 300)
    monkeypatch.setattr(linear, "MAX_ROWS_TO_CHOOSE", 150)
    n = 9_000
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(n, 3)).astype(np.float32)
    y = np.zeros(n)
    # None of them stands where an even step would look.
    y[np.arange(n_churned) * (n // n_churned) + 1] = 1.0
    numbers[y == 1, 0] += 1.5
    part, unseen = fit_logistic(
        numbers,
        y,
        [(np.arange(n // 2), np.arange(n // 2, n))],
        categorical=[],
        weight=np.ones(n),
        barred={},
    )
    assert part.coef[0] > 0.2
    assert np.isfinite(unseen).all()
    z = part.raw_score(numbers)
    assert np.mean(1 / (1 + np.exp(-z))) == pytest.approx(n_churned / n, rel=0.5)
