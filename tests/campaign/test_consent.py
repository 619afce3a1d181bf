from __future__ import annotations

import pyarrow as pa
import pytest

from churnml.campaign.consent import UNASSIGNED, Permissions, permit
from churnml.campaign.plan import CampaignPlan
from churnml.errors import DataError, PrivacyError

PLAN = CampaignPlan(name="spring", channels=("phone", "email"), consent_values=("yes", "Ja"))
NOT_DECLARED = [
    None, "", " ", "no", "No", "n", "N", "false", "0", "1", "true", "TRUE", "y", "Y ", "ye", "yes!", "yes.", "yess",
    "yes no", "yes/no", "opted out", "opted in", "opt-out", "optout", "unsubscribed", "subscribed", "withdrawn",
    "revoked", "refused", "denied", "blocked", "do not contact", "DNC", "STOP", "pending", "unknown", "n/a", "NA",
    "null", "none", "nan", "-", "?", "maybe", "later", "nein", "non", "nee", "nej", "nie", "ne", "nao", "n\u00e3o",
    "oui", "si", "s\u00ed", "sim", "tak", "da",
    "\u0434\u0430", "\u043d\u0435\u0442", "\u662f", "\u5426", "\u540c\u610f", "\u4e0d\u540c\u610f",
    "\u62d2\u7edd",
    "\u306f\u3044", "\u3044\u3044\u3048", "\uff39\uff25\uff33",
    "y\u0435s", "y\u200bes", "yes\x00",
    "\ufeffyes", "'yes'", '"yes"', "=yes", "consent: yes", "yes;no", "double opt-in", "2", "-1", "on", "off", "ok", "x",
]  # fmt: skip


def contacts(**columns: list[str | None]) -> pa.Table:
    n = len(next(iter(columns.values())))
    return pa.table(
        {"customer_id": [str(i) for i in range(n)], **{k: pa.array(v, pa.string()) for k, v in columns.items()}}
    )


def allowed(table: pa.Table | None, n: int, plan: CampaignPlan = PLAN) -> Permissions:
    return permit(pa.array([str(i) for i in range(n)]), table, plan=plan)


@pytest.mark.parametrize("value", NOT_DECLARED)
def test_everything_but_a_declared_consent_counts_as_no(value: str | None) -> None:
    found = allowed(contacts(phone=["1"], consent_phone=[value]), 1)
    assert (found.channel[0], found.reach_at[0], found.reason[0]) == ("", "", "no_consent")


@pytest.mark.parametrize("value", ["yes", "YES", " Yes\t", "ja", "JA "])
def test_declared_consents_pass_whatever_their_case(value: str) -> None:
    found = allowed(contacts(phone=["1"], consent_phone=[value]), 1)
    assert (found.channel[0], found.reach_at[0], found.reason[0]) == ("phone", "1", "")


def test_booleans_pass_only_where_declared() -> None:
    table = pa.table({"customer_id": ["0", "1"], "phone": ["1", "2"], "consent_phone": [True, None]})
    assert list(allowed(table, 2).channel) == ["", ""]
    plan = CampaignPlan(name="spring", consent_values=("true",))
    assert list(allowed(table, 2, plan).channel) == ["phone", ""]


def test_first_open_channel_with_contact_data_is_taken() -> None:
    table = contacts(
        phone=["1", "1", " ", None, "1"],
        email=["a", "a", "a", " ", "a"],
        consent_phone=["yes", "no", "yes", "yes", "no"],
        consent_email=["yes", "yes", "yes", "yes", "no"],
    )
    found = allowed(table, 5)
    assert list(found.channel) == ["phone", "email", "email", "", ""]
    assert list(found.reach_at) == ["1", "a", "a", "", ""]
    assert list(found.reason) == ["", "", "", "no_contact_data", "no_consent"]


def test_objection_stands_above_consent() -> None:
    table = contacts(phone=["1"] * 4, consent_phone=["yes"] * 4, objected=["yes", None, "no", "2024-01-01"])
    found = allowed(table, 4)
    assert list(found.reason) == ["objected", "", "", "objected"]
    assert list(found.channel) == ["", "phone", "phone", ""]


def test_customer_without_contact_row_has_agreed_to_nothing() -> None:
    assert list(allowed(contacts(phone=["1"], consent_phone=["yes"]), 2).reason) == ["", "no_consent"]


def test_no_consent_columns_means_nobody_where_contact_details_are_here() -> None:
    found = allowed(contacts(email=["a", "b"]), 2)
    assert (found.mode, list(found.reason)) == ("missing", ["no_consent_recorded"] * 2)


@pytest.mark.parametrize("table", [None, pa.table({"customer_id": ["0", "1"]})])
def test_ids_alone_are_listed_without_channel(table: pa.Table | None) -> None:
    found = allowed(table, 2)
    assert (found.mode, list(found.channel), list(found.reason)) == ("elsewhere", [UNASSIGNED] * 2, ["", ""])


def test_consent_without_addresses_still_decides() -> None:
    found = allowed(contacts(consent_email=["yes", "no"]), 2)
    assert (list(found.channel), list(found.reach_at)) == (["email", ""], ["", ""])


def test_channel_whose_address_column_is_missing_cannot_be_used() -> None:
    assert list(allowed(contacts(phone=["1"], consent_email=["yes"]), 1).reason) == ["no_contact_data"]


def test_consent_to_channels_the_campaign_does_not_use_opens_nothing() -> None:
    assert list(allowed(contacts(phone=["1"], consent_sms=["yes"]), 1).reason) == ["no_consent"]


def test_unknown_values_are_counted_and_limited() -> None:
    table = contacts(phone=["1"] * 4, consent_phone=["yes", "no", "Y", None])
    expected = {"allowed": 1, "refused": 1, "unknown": 2, "unknown_share": 0.5}
    assert allowed(table, 4).tallies == {"phone": expected}
    plan = CampaignPlan(name="spring", unknown_consent_limit=0.4)
    with pytest.raises(PrivacyError, match=r"consent_phone: 50.0% of the consent values"):
        allowed(table, 4, plan)


def test_two_rows_of_a_customer_are_refused() -> None:
    table = pa.table({"customer_id": ["0", "0"], "phone": ["1", "2"], "consent_phone": ["yes", "no"]})
    with pytest.raises(DataError, match="more than one row of contact data"):
        allowed(table, 1)
