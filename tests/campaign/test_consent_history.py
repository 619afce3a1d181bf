from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churnml.campaign.consent import permit
from churnml.campaign.consent_history import with_history
from churnml.campaign.plan import CampaignPlan

PLAN = CampaignPlan(name="spring", channels=("phone", "email"), consent_values=("yes", "ja"), refusal_values=("no",))


def entries(*rows: tuple[str, int, str | None, str | None]) -> pa.Table:
    names = ("customer_id", "at", "channel", "value")
    types = (pa.string(), pa.int64(), pa.string(), pa.string())
    return pa.table({n: pa.array([r[i] for r in rows], t) for i, (n, t) in enumerate(zip(names, types, strict=True))})


def open_channels(contacts: pa.Table | None, consents: pa.Table, *ids: str) -> list[set[str]]:
    found = permit(pa.array(ids), with_history(contacts, consents, plan=PLAN), plan=PLAN)
    return [{name for name, is_open in found.is_open.items() if is_open[row]} for row in range(len(ids))]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], set()),
        ([(1, "phone", "yes")], {"phone"}),
        ([(1, "Phone ", " JA")], {"phone"}),
        ([(1, "phone", "yes"), (2, "phone", "no")], set()),
        ([(2, "phone", "no"), (3, "phone", "yes")], {"phone"}),
        ([(1, "phone", "yes"), (2, "phone", "opted out")], set()),
        ([(1, "phone", "yes"), (2, "phone", "widerrufen")], set()),
        ([(1, "phone", "yes"), (2, "phone", "\u62d2\u7edd")], set()),
        ([(1, "phone", "yes"), (2, "phone", None)], set()),
        ([(1, "phone", "yes"), (1, "phone", "no")], set()),
        ([(1, "phone", "no"), (1, "phone", "yes")], set()),
        ([(1, "all", "yes")], {"phone", "email"}),
        ([(1, "all", "yes"), (2, "email", "no")], {"phone"}),
        ([(1, "phone", "yes"), (2, "ALL", "no")], set()),
        ([(1, "phone", "yes"), (2, "telefone", "no")], set()),
        ([(1, "phone", "yes"), (2, None, "stop")], set()),
        ([(1, "telefone", "yes")], set()),
        ([(1, "phone", "yes"), (2, "sms", "no")], {"phone"}),
    ],
)
def test_the_last_word_about_a_channel_counts_and_no_withdrawal_is_lost(rows, expected) -> None:
    assert open_channels(None, entries(*(("a", *row) for row in rows)), "a", "b") == [expected, set()]


@pytest.mark.parametrize(
    ("cell", "said", "is_open"),
    [
        ("yes", "yes", True),
        ("yes", "no", False),
        ("no", "yes", False),
        ("opted out", "yes", False),
        (None, "yes", True),
        (" ", "yes", True),
        ("yes", None, False),
    ],
)
def test_column_and_history_must_both_allow(cell, said, is_open) -> None:
    contacts = pa.table({"customer_id": ["a"], "consent_phone": pa.array([cell], pa.string())})
    assert open_channels(contacts, entries(("a", 1, "phone", said)), "a") == [{"phone"} if is_open else set()]


def test_a_column_alone_still_decides_where_the_history_is_silent() -> None:
    contacts = pa.table({"customer_id": ["a", "b"], "consent_phone": ["yes", "no"]})
    assert open_channels(contacts, entries(("c", 1, "email", "yes")), "a", "b", "c") == [{"phone"}, set(), {"email"}]


TEXT = st.sampled_from(["yes", "no", "opted out", "", "YES", None])
ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(["phone", "email", "all", "fon", None]), TEXT),
    max_size=12,
)


def slow(rows: list[tuple[str, int, str | None, str | None]], who: str, channel: str) -> bool:
    """Walk through the entries one by one: the channel is open where all of the last instant allow it."""
    heard = [r for r in rows if r[0] == who and (r[2] in {channel, "all"} or _is_foreign_no(r))]
    last = [r for r in heard if r[1] == max(h[1] for h in heard)]
    return bool(last) and all((r[3] or "").lower() == "yes" for r in last)


def _is_foreign_no(row: tuple[str, int, str | None, str | None]) -> bool:
    return row[2] not in {"phone", "email", "all"} and (row[3] or "").lower() != "yes"


@given(ROWS, st.randoms(use_true_random=False))
def test_the_history_equals_a_slow_walk_in_any_order(rows, random) -> None:
    random.shuffle(rows)
    found = open_channels(None, entries(*rows), "a", "b")
    assert found == [{channel for channel in ("phone", "email") if slow(rows, who, channel)} for who in "ab"]
