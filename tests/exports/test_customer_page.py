from __future__ import annotations

from typing import Any

import pytest
from page_reader import PageReader

from churnml.exports.customer_page import customer_page, customer_view
from churnml.exports.markdown import render_markdown
from churnml.exports.page import Paragraph, Section, Table, View

SCORED = {"p_churn": 0.31, "p_leave": 0.2, "risk_band": "high", "expected_days": 40.0, "contact_by": "2024-07-06"}


def a_file(**changes: Any) -> dict[str, Any]:
    quarters = [
        {"quarter": "2024-Q1", "rows": 2, "amount": "5.00"},
        {"quarter": "2024-Q2", "rows": 1, "amount": "0.00"},
    ]
    found: dict[str, Any] = {
        "customer_id": "<b>7</b>",
        "as_of": "2024-06-30",
        "currency": "EUR",
        "attributes": {"joined": "2020-01-01", "age": 41.0},
        "loyalty": {"tenure_days": 900, "contracts_in_force": 1, "answers": [], "events": 3, "is_repeat": True},
        "value": {"clv": 100.0, "clv_low": 50.0, "clv_high": 160.0, "value_at_risk": 31.0, "value_tier": "A"},
        "risk": SCORED | {"over_time": [{"date": "2024-05-31", "p_churn": 0.1, "basis": "learned"}]},
        "reasons": [],
        "open_issues": [{"kind": "service", "table": "tickets", "day": "2024-06-01", "n": 1}],
        "history": [{"table": "orders", "kind": "events", "rows": 3, "rows_365d": 3, "first": "2024-01-01"}],
        "quarters": {"orders": quarters},
        "contracts": [],
        "latest": [{"day": "2024-06-02", "table": "orders", "amount": "5.00", "values": {"channel": "a|b"}}],
        "lists": [],
        "contacts": [
            {"day": "2024-06-12", "campaign": "june", "outcome": "refused", "channel": "phone", "owner": "a|c"}
        ],
        "company_changes": [],
        "missing": ["answers"],
    }
    return found | changes


def test_the_page_runs_nothing_and_speaks_both_languages() -> None:
    page = PageReader(customer_page(a_file()))
    assert not {"script", "b7", "iframe"} & set(page.tags)
    assert "<b>7</b>" in page.text
    assert "nothing is known of satisfaction" in page.text
    assert "未知不等于满意" in page.text


def test_what_came_of_a_contact_is_told_in_words() -> None:
    text = PageReader(customer_page(a_file())).text
    assert "Refused" in text
    assert "a|c" in text
    assert "Contacts and what came" not in PageReader(customer_page(a_file(contacts=[]))).text


def test_the_language_asked_for_is_shown_first() -> None:
    assert customer_page(a_file(), language="zh").decode().index("概览") < customer_page(a_file()).decode().index(
        "概览"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_markdown_and_page_say_the_same(language: str) -> None:
    view = customer_view(a_file(), language)
    text = render_markdown(view).decode()
    for section in view.sections:
        assert f"## {section.heading}" in text
    assert "31.0%" in text
    assert "EUR 100.00" in text


def test_markdown_escapes_what_could_be_markup() -> None:
    view = View("A *b*", "en", [Section("", [Paragraph("<x>\n# y"), Table(["h|1"], [["c|d"]])])])
    assert render_markdown(view).decode() == "# A \\*b\\*\n\n\\<x\\> \\# y\n\n| h\\|1 |\n| --- |\n| c\\|d |\n"


def test_a_customer_without_score_shows_no_figures_of_risk() -> None:
    nothing = {"p_churn": None, "p_leave": None, "risk_band": None, "expected_days": None, "contact_by": None}
    value = dict.fromkeys(("clv", "clv_low", "clv_high", "value_at_risk", "value_tier"))
    text = render_markdown(customer_view(a_file(risk=nothing | {"over_time": []}, value=value), "en")).decode()
    assert "Probability of churn" not in text
    assert "Value to come" not in text
    assert "Customer for: **900 days**" in text
