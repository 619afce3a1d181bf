from __future__ import annotations

import pytest

from churnml.campaign.told_words import ToldWords

TOLD = ToldWords({"at": "Rückruf am"}, {"Zusage": "accepted", "done": "refused"})


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("No answer", "not_reached"),
        ("NOT_REACHED", "not_reached"),
        ("not accepted", None),
        ("无人接听", "not_reached"),
        ("已接受", "accepted"),
        ("不接受", "refused"),
        ("zusage", "accepted"),
        ("Done", "refused"),
        ("", None),
    ],
)
def test_whole_texts_are_outcomes_and_own_ones_go_before(text: str, outcome: str | None) -> None:
    assert TOLD.outcome_of(text) == outcome


def test_the_headers_of_our_own_lists_and_of_crms_are_known() -> None:
    own = ["Customer", "Account owner", "Channel", "Campaign", "Outcome", "Contact by", "Rückruf am"]
    assert TOLD.roles(own) == {
        "customer_id": "Customer",
        "outcome": "Outcome",
        "at": "Rückruf am",
        "owner": "Account owner",
        "channel": "Channel",
        "list": "Campaign",
    }
    chinese = ["客户编号", "活动", "联系结果", "联系时间", "坐席", "备注"]
    roles = ToldWords().roles(chinese)
    assert [roles[role] for role in ("customer_id", "list", "outcome", "at", "owner")] == chinese[:5]
    assert "备注" not in roles.values()


def test_a_named_header_that_is_not_there_is_not_replaced_by_a_guess() -> None:
    assert "at" not in TOLD.roles(["customer_id", "outcome", "date"])


def test_channels_are_codes_or_their_words_and_never_free_text() -> None:
    found = [TOLD.channel_of(text) for text in ("Phone", "电话", "call", "by pigeon", None)]
    assert found == ["phone", "phone", "phone", None, None]
