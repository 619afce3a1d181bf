from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.relationship.causes.cost import CostRule
from churnml.relationship.causes.goals import apportion, split_goal
from churnml.relationship.causes.ledger import LEDGER, Loss, entries_of, figures_of
from churnml.relationship.causes.taxonomy import CAUSES, CONTROLS, Taxonomy
from churnml.wording import LANGUAGES, words

SURE = {"survey_confidence": 0.9, "crm_confidence": 0.8}


def a_loss(
    customer: str = "1",
    text: str | None = None,
    source: str | None = None,
    reason: str | None = None,
    margin: float = 0,
) -> Loss:
    cost = CostRule(replacement=30, word_of_mouth=0.1).of(margin)
    return Loss(customer, "2024-06-01", "2024-03-01", False, text, source, reason, cost)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("too expensive", "price"),
        ("Preis zu hoch", "price"),
        ("价格太贵", "price"),
        ("Kunde verstorben", "death"),
        ("service ended, customer deceased", "death"),
        ("competitor", "competitor"),
        ("need_ended", "need_ended"),
        ("payment", "payment_failure"),
        ("moved", "relocation"),
        ("plan_change", "unknown"),
        ("  ", "unknown"),
        (None, "unknown"),
    ],
)
def test_texts_become_causes(text: str | None, cause: str) -> None:
    assert Taxonomy().of_text(text) == cause


def test_the_project_s_own_texts_go_first() -> None:
    known = Taxonomy({"price": "weak_trust"}, {"weak_trust": "not_controllable"})
    assert known.of_text("Price!") == "weak_trust"
    assert known.control_of("weak_trust") == "not_controllable"
    assert known.control_of("price") == "controllable"


def test_every_cause_has_words_group_and_control() -> None:
    for code in CAUSES:
        assert Taxonomy().control_of(code) in CONTROLS
        assert all(words(f"causes.cause_{code}", language) for language in LANGUAGES)
        assert all(words(f"causes.group_{Taxonomy().group_of(code)}", language) for language in LANGUAGES)


def test_what_was_stated_goes_before_what_a_model_points_to() -> None:
    losses = [
        a_loss("a", "too expensive", "survey", "service_trouble"),
        a_loss("b", "???", "crm", "service_trouble"),
        a_loss("c", None, None, "silence"),
        a_loss("d", "???", "crm", "silence"),
    ]
    entries, _ = entries_of(losses, Taxonomy(), **SURE)
    told = [(e.cause, e.source, e.confidence) for e in entries]
    assert told == [
        ("price", "survey", 0.9),
        ("poor_service", "model", None),
        ("unknown", None, None),
        ("unknown", "crm", None),
    ]
    assert tuple(entries[0].row()) == LEDGER


def test_the_model_s_confidence_is_measured_where_both_are_known() -> None:
    both = [a_loss(str(k), "price", "crm", "price" if k < 15 else "service_trouble") for k in range(20)]
    entries, confidence = entries_of([*both, a_loss("x", None, None, "price")], Taxonomy(), **SURE)
    assert confidence.n_compared == 20
    assert confidence.model == pytest.approx(16 / 22)
    assert next(e for e in entries if e.source == "model").confidence == confidence.model


texts = st.sampled_from(["price", "moved", "card declined", "???", None])
reasons = st.sampled_from(["price", "silence", "payment_failure", None])


@given(st.lists(st.tuples(texts, reasons, st.floats(-50, 5000)), max_size=30))
def test_every_breakdown_adds_up_to_the_whole(made: list[tuple[str | None, str | None, float]]) -> None:
    losses = [a_loss(str(k), t, t and "crm", r, m) for k, (t, r, m) in enumerate(made)]
    entries, _ = entries_of(losses, Taxonomy(), **SURE)
    found = figures_of(entries)
    for name in ("by_control", "by_group", "by_cause", "by_source"):
        assert sum(each["losses"] for each in found[name].values()) == found["losses"] == len(made)
        assert sum(Decimal(each["cost"]) for each in found[name].values()) == Decimal(found["cost"]["total"])
    parts = sum(Decimal(found["cost"][part]) for part in ("margin", "replacement", "word_of_mouth"))
    assert parts == Decimal(found["cost"]["total"])


def test_the_full_cost_is_margin_replacement_and_word_of_mouth() -> None:
    cost = CostRule(replacement=40, word_of_mouth=0.25, horizon_days=730).of(120)
    assert (cost.margin, cost.replacement, cost.word_of_mouth) == (
        Decimal("240.00"),
        Decimal("40.00"),
        Decimal("60.00"),
    )
    assert cost.total == Decimal("340.00")


def test_the_missed_margin_is_discounted_by_the_month() -> None:
    expected = sum(10 / 1.1 ** ((month + 0.5) / 12) for month in range(12))
    assert float(CostRule(discount_rate_yearly=0.1).of(120).margin) == pytest.approx(expected, abs=0.005)


def test_who_came_back_is_missed_for_as_long_and_not_replaced() -> None:
    cost = CostRule(replacement=40).of(365, away_days=73)
    assert [str(part) for part in (cost.margin, cost.replacement)] == ["73.00", "0.00"]
    assert CostRule(horizon_days=30).of(365, away_days=73).margin == Decimal("30.00")


def test_who_brought_nothing_costs_no_margin() -> None:
    assert CostRule(word_of_mouth=0.5).of(-20).total == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(0, 10_000))
def test_parts_of_a_goal_add_up(weights: list[float], total: int) -> None:
    parts = apportion(weights, total)
    assert sum(parts) == total
    assert min(parts) >= 0


def test_small_owners_are_pooled_and_teams_named() -> None:
    rows = [
        {"owner": "B", "customers": 50, "expected": 10.0},
        {"owner": "A", "customers": 60, "expected": 5.0},
        {"owner": "C", "customers": 3, "expected": 2.0},
        {"owner": "", "customers": 10, "expected": 3.0},
    ]
    goals = split_goal(rows, total=10, least=30, teams={"A": "inside"})
    assert [(g.owner, g.team, g.customers, g.expected, g.allowed) for g in goals] == [
        ("A", "inside", 60, 5.0, 3),
        ("B", "", 50, 10.0, 5),
        ("", "", 13, 5.0, 2),
    ]


def test_nobody_at_risk_leaves_no_goal() -> None:
    assert split_goal([], total=0, least=30) == []
