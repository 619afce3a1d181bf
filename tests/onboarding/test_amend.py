"""What the sample did not show and the data check finds is answered in the proposal, and listed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from churnml.config import Params, load_params
from churnml.flow.start import start
from churnml.onboarding import sample
from churnml.onboarding.draft import Wishes
from churnml.onboarding.proposal import Proposal

DAYS = [(date(2022, 1, 1) + timedelta(days=at)).isoformat() for at in range(600)]


def orders(*, amount: str = "7.5", note: str = "1") -> list[str]:
    rows = [[f"C{at * 7 % 60}", day, "7.5", "1"] for at, day in enumerate(DAYS) for _ in range(2)]
    rows[-5][2:] = [amount, note]
    for at, row in enumerate(rows):
        row[2] = row[2] if at == len(rows) - 5 else f"{at % 9}.25"
        row[3] = row[3] if at == len(rows) - 5 else str(at % 5)
    return ["customer_id,order_date,amount,rating", *(",".join(row) for row in rows)]


def started(folder: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Proposal, Params]:
    """Propose from the first hundred rows alone."""
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 100)
    (folder / "in").mkdir()
    (folder / "in" / "orders.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    proposal, problem = start([folder / "in"], root=folder, wishes=Wishes(), ask=lambda question: question.options[0])
    assert problem is None
    return proposal, load_params(folder / "params.yaml")


def test_a_number_that_is_none_further_down_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal, params = started(tmp_path, orders(note="good"), monkeypatch)
    assert params.histories.tables["orders"].numbers == ()
    assert any("rating was left out" in question.text for question in proposal.questions)


def test_money_that_cannot_be_read_leaves_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, params = started(tmp_path, orders(amount="free"), monkeypatch)
    assert params.histories.tables["orders"].amount is None
    assert params.clv is not None
    assert params.clv.measure == "count"


def test_a_month_that_is_missing_is_borne_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in orders() if not DAYS[400] < line.split(",")[1] < DAYS[440]]
    proposal, params = started(tmp_path, lines, monkeypatch)
    assert params.checks["data.gap"].severity == "warning"
    assert "checks.data.gap" in {question.key for question in proposal.questions}
    assert any("Hardly any rows" in note for note in proposal.notes)
