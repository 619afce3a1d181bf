from __future__ import annotations

import pytest

from churnml.campaign.recoverable import LISTABLE, NEVER_LISTED, ReasonRule

RULE = ReasonRule()


@pytest.mark.parametrize(
    "text",
    [
        *NEVER_LISTED,
        "Deceased", "CUSTOMER_DECEASED", "customerDied", "  death ", "Insolvency proceedings", "bankruptcy",
        "客户已去世", "公司破产", "price / deceased", "ＤＥＣＥＡＳＥＤ",
    ],
)  # fmt: skip
def test_nobody_is_asked_after_a_reason_for_ever(text: str) -> None:
    assert RULE.verdict(text) == "never"


@pytest.mark.parametrize("text", [*LISTABLE, "Too expensive", "Service-Qualität / quality", "客户投诉处理慢"])
def test_known_reasons_may_be_asked(text: str) -> None:
    assert RULE.verdict(text) == "listable"


@pytest.mark.parametrize("text", ["studied abroad", "moved", "X17", "?", "搬家"])
def test_what_is_not_known_keeps_the_door_closed(text: str) -> None:
    assert RULE.verdict(text) in {"other", "none"}
    assert not RULE.is_open("other")
    assert ReasonRule(lists_others=True).is_open("other")


def test_no_reason_is_no_obstacle() -> None:
    assert [RULE.verdict(text) for text in (None, "", "  ")] == ["none"] * 3
    assert RULE.is_open("none")


def test_own_words_come_beside_the_given_ones() -> None:
    rule = ReasonRule(never=("moved",), listable=("deceased", "X17"))
    assert [rule.verdict(text) for text in ("moved", "deceased", "x17", "x18")] == [
        "never",
        "never",
        "listable",
        "other",
    ]


def test_never_cannot_be_opened() -> None:
    assert not ReasonRule(lists_others=True).is_open("never")
