from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from churnml.campaign.affected import Concern, affected_list
from churnml.campaign.consent import permit
from churnml.campaign.coverage import Coverage, coverage
from churnml.campaign.plan import CampaignPlan
from churnml.exports.page import Table

IDS = pa.array(["a", "b", "c", "d", "e"])
PLAN = CampaignPlan(name="spring", channels=("email", "phone"), unknown_consent_limit=0.5)


@pytest.fixture
def contacts() -> pa.Table:
    """a: both; b: email; c: text message only; d: agreed to the phone, no number; e: objected."""
    return pa.table(
        {
            "customer_id": IDS,
            "email": ["a@x", "b@x", "c@x", "d@x", "e@x"],
            "phone": ["1", "2", "3", None, "5"],
            "consent_email": ["yes", "yes", "no", "no", "yes"],
            "consent_phone": ["yes", "no", "no", "yes", "yes"],
            "consent_sms": ["yes", "no", "yes", "no", "yes"],
            "objected": ["", "", "", "", "yes"],
        }
    )


def covered(contacts: pa.Table | None) -> Coverage:
    return coverage(IDS, contacts, permit(IDS, contacts, plan=PLAN), plan=PLAN)


def test_each_channel_alone_and_all_together(contacts: pa.Table) -> None:
    assert covered(contacts).facts() == {
        "customers": 5,
        "by_channel": {
            "email": {"is_used": True, "reached": 2, "alone": 1},
            "phone": {"is_used": True, "reached": 1, "alone": 0},
            "sms": {"is_used": False, "reached": 2, "alone": None},
        },
        "together": 2,
        "share": 0.4,
        "elsewhere_only": 1,
    }


def test_the_page_shows_every_channel_and_their_union(contacts: pa.Table) -> None:
    (_, table), *_ = covered(contacts).tables("en")
    assert isinstance(table, Table)
    assert table.rows == [
        ["E-mail", "2", "40.0%", "1"],
        ["Phone", "1", "20.0%", "0"],
        ["Text message (not a channel of this list)", "2", "40.0%", ""],
        ["Any channel of this list", "2", "40.0%", ""],
    ]
    assert covered(contacts).paragraphs("en")[0][0].startswith("1 customer who cannot")


def test_consents_nobody_can_read_close_their_channel_and_stop_nothing(contacts: pa.Table) -> None:
    blurred = contacts.set_column(5, "consent_sms", pa.array(["?"] * 5))
    assert set(covered(blurred).facts()["by_channel"]) == {"email", "phone"}


def test_without_contact_data_no_channel_is_told_apart() -> None:
    assert covered(None).facts()["by_channel"] == {"unassigned": {"is_used": True, "reached": 5, "alone": 5}}


def test_who_may_not_and_who_cannot_be_told_stand_apart(contacts: pa.Table) -> None:
    scores = pa.table(
        {
            "customer_id": pa.array([], pa.string()), "risk_band": pa.array([], pa.string()),
            **{name: pa.array([], pa.float64()) for name in ("p_churn", "clv", "value_at_risk")},
            "model_version": pa.array([], pa.string()),
        }
    )  # fmt: skip
    found = affected_list(Concern("n", "Rule.", IDS), scores, contacts, plan=PLAN, as_of=date(2024, 6, 30))
    rows = found.files["unreachable"].select(["customer_id", "barrier", "reason", "other_channels"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("c", "may_not", "no_consent", "Text message"),
        ("d", "cannot", "no_contact_data", None),
        ("e", "may_not", "objected", None),
    ]
    assert found.facts["coverage"]["together"] == found.files["contact"].num_rows == 2
