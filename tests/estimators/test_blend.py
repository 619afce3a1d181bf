import numpy as np
import pytest

from churnml.estimators.blend import _EVIDENCE, blend_weights
from churnml.estimators.calibrator import fit_platt

PRIOR = np.array([0.6, 0.2, 0.2])


def _rows(n, *, seed=0, noise=(0.0, 2.0, 2.0)):
    """Return log odds by three parts, each the truth with noise of its own, and outcomes."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(-0.5, 1.2, n)
    scores = np.column_stack([truth + sd * draw.normal(size=n) for sd in noise])
    return scores, (draw.random(n) < 1 / (1 + np.exp(-truth))).astype(float)


def _loss(scores, y, weights, row_weight=None):
    """Return the log loss of the best line through the joined scores."""
    joined, w = scores @ weights, np.ones(y.size) if row_weight is None else row_weight / row_weight.mean()
    line = fit_platt(joined, y.astype(np.int8), sample_weight=w)
    z = line.slope * joined + line.intercept
    return float(np.sum(w * (np.logaddexp(0.0, z) - y * z)))


@pytest.mark.parametrize("n", [60, 500, 5_000])
@pytest.mark.parametrize("noise", [(0.0, 2.0, 2.0), (2.0, 0.0, 2.0), (1.0, 1.0, 1.0)])
def test_weights_lie_on_the_simplex(n, noise):
    found = blend_weights(*_rows(n, noise=noise), prior=PRIOR)
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert (found >= 0).all()
    assert not ((found > 0) & (found < 0.02)).any()


def test_a_part_alone_has_all_the_weight():
    scores, y = _rows(50)
    np.testing.assert_array_equal(blend_weights(scores[:, :1], y, prior=np.ones(1)), [1.0])


def test_few_outcomes_stay_near_what_was_believed():
    for seed in range(5):
        scores, y = _rows(40, seed=seed, noise=(1.0, 0.5, 1.0))
        assert np.abs(blend_weights(scores, y, prior=PRIOR) - PRIOR).max() < 0.25


@pytest.mark.parametrize("best", [0, 1, 2])
def test_many_outcomes_find_the_part_that_knows(best):
    noise = tuple(0.0 if part == best else 3.0 for part in range(3))
    found = blend_weights(*_rows(20_000, noise=noise), prior=PRIOR)
    assert found[best] > 0.9


def test_parts_that_say_the_same_share_as_believed():
    scores, y = _rows(2_000)
    same = np.repeat(scores[:, :1], 3, axis=1)
    assert blend_weights(same, y, prior=PRIOR) == pytest.approx(PRIOR, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [80, 1_000, 6_000])
def test_never_worse_than_the_best_part_by_more_than_its_penalty(n, seed):
    noise = np.random.default_rng(seed).uniform(0.0, 3.0, 3)
    scores, y = _rows(n, seed=seed, noise=tuple(noise))
    found = blend_weights(scores, y, prior=PRIOR)
    alone = [_loss(scores, y, part) + _EVIDENCE * np.sum((part - PRIOR) ** 2) for part in np.eye(3)]
    assert _loss(scores, y, found) <= min(alone) + 0.5


@pytest.mark.parametrize("seed", range(4))
def test_no_other_weights_are_better(seed):
    noise = tuple(np.random.default_rng(seed).uniform(0.2, 2.0, 3))
    scores, y = _rows(1_500, seed=seed, noise=noise)

    def penalised(weights):
        return _loss(scores, y, weights) + _EVIDENCE * np.sum((weights - PRIOR) ** 2)

    steps = np.linspace(0.0, 1.0, 21)
    grid = [np.array([a, b, 1 - a - b]) for a in steps for b in steps if a + b <= 1 + 1e-9]
    assert penalised(blend_weights(scores, y, prior=PRIOR)) <= min(penalised(w) for w in grid) + 0.3


def test_the_order_of_rows_changes_nothing_that_matters():
    scores, y = _rows(700, noise=(1.0, 1.0, 2.0))
    order = np.random.default_rng(1).permutation(y.size)
    weight = np.random.default_rng(2).uniform(0.2, 1.0, y.size)
    one = blend_weights(scores, y, prior=PRIOR, sample_weight=weight)
    two = blend_weights(scores[order], y[order], prior=PRIOR, sample_weight=weight[order])
    assert one == pytest.approx(two, abs=1e-6)


def test_rows_without_weight_say_nothing():
    scores, y = _rows(3_000, noise=(0.3, 3.0, 1.0))
    upset = y.copy()
    upset[2_000:] = 1 - y[2_000:]
    weight = (np.arange(3_000) < 2_000).astype(float)
    found = [blend_weights(scores, t, prior=PRIOR, sample_weight=weight) for t in (y, upset)]
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_a_part_that_says_nothing_at_all_is_borne():
    scores, y = _rows(2_000, noise=(0.0, 1.0, 1.0))
    scores[:, 2] = 0.0
    found = blend_weights(scores, y, prior=PRIOR)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1.0)
