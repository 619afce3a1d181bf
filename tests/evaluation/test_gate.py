import pytest

from churnml.errors import ModelError
from churnml.evaluation.gate import beats_baselines, require_promotable


def _metrics(*, model, rule, noise, **scores):
    gap = {"difference": model - rule, "low": model - rule - noise, "high": model - rule + noise}
    return {
        "ranking": "roc_auc",
        "best_rule": "recency",
        "overall": {"churnml": {"roc_auc": model, **scores}, "recency": {"roc_auc": rule}},
        "against": {"recency": gap},
    }


@pytest.mark.parametrize(
    ("model", "ok", "words"),
    [
        (0.80, True, "better, beyond the noise of 0.020"),
        (0.76, True, "better, within the noise"),
        (0.74, True, "not worse beyond the noise"),
        (0.70, False, "worse beyond the noise"),
    ],
)
def test_the_verdict_weighs_the_difference_against_its_noise(model, ok, words):
    verdict = beats_baselines(_metrics(model=model, rule=0.75, noise=0.02))
    assert verdict.ok is ok
    assert words in verdict.reasons[0]
    assert "0.750 of the best simple rule (recency)" in verdict.reasons[0]


def test_no_better_than_chance_fails_even_without_rules():
    metrics = _metrics(model=0.5, rule=0.4, noise=0.1) | {"best_rule": None}
    assert not beats_baselines(metrics).ok


def test_without_rules_a_model_may_pass():
    assert beats_baselines(_metrics(model=0.6, rule=0.4, noise=0.1) | {"best_rule": None}).ok


def test_without_a_number_it_fails():
    metrics = _metrics(model=0.6, rule=0.5, noise=0.1)
    metrics["overall"]["churnml"]["roc_auc"] = None
    assert "could not be computed" in beats_baselines(metrics).reasons[0]


def test_without_a_known_noise_the_plain_comparison_decides():
    metrics = _metrics(model=0.6, rule=0.7, noise=0.1)
    metrics["against"]["recency"] = {"difference": None, "low": None, "high": None}
    assert not beats_baselines(metrics).ok


def test_bad_calibration_warns_without_stopping():
    verdict = beats_baselines(_metrics(model=0.8, rule=0.7, noise=0.01, calibration_slope=2.0, ece=0.2))
    assert verdict.ok
    assert [warning.split()[0] for warning in verdict.warnings] == ["calibration_slope", "ece"]


def test_a_failed_verdict_refuses_promotion():
    verdict = beats_baselines(_metrics(model=0.6, rule=0.75, noise=0.01))
    with pytest.raises(ModelError, match="worse beyond the noise") as caught:
        require_promotable(verdict)
    assert (caught.value.rule, caught.value.exit_code) == ("model.gate", 5)
