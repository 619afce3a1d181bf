import re
from math import log

import pytest

from churnml.evaluation.gate import Limits, judge
from churnml.wording import LANGUAGES


def _metrics(*, model=0.8, rule=0.7, noise=0.01, calibration=None, **scores):
    gap = {"difference": model - rule, "low": model - rule - noise, "high": model - rule + noise}
    return {
        "ranking": "roc_auc",
        "best_rule": "recency",
        "overall": {"churnml": {"roc_auc": model, **scores}, "recency": {"roc_auc": rule}},
        "against": {"recency": gap},
        "calibration": calibration or {},
    }


def _of(key, value, low, high):
    return {key: value, f"{key}_low": low, f"{key}_high": high}


@pytest.mark.parametrize(
    ("model", "ok", "words"),
    [
        (0.80, True, "better, beyond noise"),
        (0.76, True, "better, within noise"),
        (0.75, False, "not better, though within noise"),
        (0.74, False, "not better, though within noise"),
        (0.70, False, "worse beyond noise"),
    ],
)
def test_only_a_model_that_beats_the_best_rule_passes(model, ok, words):
    verdict = judge(_metrics(model=model, rule=0.75, noise=0.02))
    assert verdict.ok is ok
    assert words in str(verdict.reasons[0])
    assert "0.750 of the best simple rule (Recency rule)" in str(verdict.reasons[0])


def test_no_better_than_chance_fails_even_without_rules():
    assert not judge(_metrics(model=0.5, rule=0.4, noise=0.1) | {"best_rule": None}).ok


def test_without_rules_a_model_may_pass():
    assert judge(_metrics(model=0.6, rule=0.4, noise=0.1) | {"best_rule": None}).ok


def test_without_a_number_it_fails():
    metrics = _metrics()
    metrics["overall"]["churnml"]["roc_auc"] = None
    assert "could not be computed" in judge(metrics).why()


def test_without_a_known_noise_the_plain_comparison_decides():
    metrics = _metrics(model=0.6, rule=0.7)
    metrics["against"]["recency"] = {"difference": None, "low": None, "high": None}
    assert not judge(metrics).ok


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (_of("slope", 2.6, 2.2, 3.0), "gate.slope_range"),
        (_of("slope", 0.3, 0.2, 0.4), "gate.slope_range"),
        (_of("total_ratio", 1.9, 1.7, 2.1), "gate.total_ratio_range"),
        (_of("total_ratio", 0.5, 0.45, 0.55), "gate.total_ratio_range"),
        ({"ece": 0.2, "ece_noise": 0.05}, "gate.ece"),
    ],
)
def test_calibration_outside_its_limits_beyond_noise_refuses(found, named):
    verdict = judge(_metrics(calibration=found))
    assert not verdict.ok
    assert [reason.record()["rule"] for reason in verdict.reasons] == ["gate.better", named]


@pytest.mark.parametrize(
    "found",
    [
        _of("slope", 2.6, 1.9, 3.3),
        _of("total_ratio", 1.9, 1.5, 2.4),
        {"ece": 0.12, "ece_noise": 0.05},
        {"slope": 5.0},
    ],
)
def test_calibration_outside_its_limits_within_noise_warns(found):
    verdict = judge(_metrics(calibration=found))
    assert verdict.ok
    assert [warning.key for warning in verdict.warnings][-1] == "doubt"


@pytest.mark.parametrize(
    "found",
    [_of("slope", 0.5, 0.1, 0.6), _of("total_ratio", 1.6, 1.2, 1.7), {"ece": 0.1, "ece_noise": 0.0}, {"slope": None}],
)
def test_calibration_within_its_limits_says_nothing(found):
    verdict = judge(_metrics(calibration=found))
    assert verdict.ok
    assert verdict.warnings == ()


def test_limits_can_be_set():
    found = _metrics(calibration=_of("total_ratio", 1.2, 1.15, 1.25))
    assert judge(found).ok
    assert not judge(found, Limits(max_log_ratio=log(1.1))).ok


def test_narrow_intervals_warn_without_stopping():
    verdict = judge(_metrics(interval_coverage=0.5))
    assert verdict.ok
    assert str(verdict.warnings[0]) == "Only 50.0% of the values lie within their 80% intervals; the limit is 70.0%."


def test_every_remark_has_words_in_both_languages():
    verdict = judge(
        _metrics(model=0.6, rule=0.7, calibration={**_of("slope", 3.0, 2.5, 3.5), "ece": 0.3, "ece_noise": 0.1})
    )
    told = [remark.record() for remark in verdict.reasons]
    assert len(told) == 3
    assert all(set(each) == {"rule", *LANGUAGES} and each["en"] != each["zh"] for each in told)


def test_a_failed_verdict_names_the_limit():
    verdict = judge(_metrics(calibration=_of("slope", 3.0, 2.5, 3.5)))
    assert not verdict.ok
    assert re.search(r"Calibration slope 3\.00 .* is outside the limits 0\.50 to 2\.00", verdict.why())
