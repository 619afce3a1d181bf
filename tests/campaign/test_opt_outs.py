"""Opt-outs in two hundred spellings: none opens a channel, and none of their owners is in any file of a list."""

from __future__ import annotations

import zipfile
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest

from churnml.campaign.consent import permit
from churnml.campaign.lists import decide, write_lists
from churnml.campaign.plan import CampaignPlan
from churnml.errors import PrivacyError

PLAN = CampaignPlan(
    "spring", effect=0.5, capacity=None, holdout_share=0.0, channels=("email",), consent_values=("yes", "Einwilligung")
)
BASE = (
    "no", "nope", "opted out", "opt-out", "unsubscribed", "withdrawn", "revoked", "refused", "do not contact", "STOP",
    "nein", "abgemeldet", "widerrufen", "keine Einwilligung", "Widerspruch", "non", "refus\u00e9", "d\u00e9sinscrit",
    "no acepto", "baja", "nao", "n\u00e3o", "cancelado", "rifiutato", "nee", "afgemeld", "nej", "nie", "ne",
    "\u043d\u0435\u0442", "\u043e\u0442\u043a\u0430\u0437", "\u5426", "\u4e0d\u540c\u610f", "\u62d2\u7edd",
    "\u9000\u8ba2", "\u5df2\u64a4\u56de", "\u3044\u3044\u3048", "\u914d\u4fe1\u505c\u6b62",
    "\uc544\ub2c8\uc624", "\u0644\u0627",
)  # fmt: skip
ODD = ("", " ", None, "n/a", "null", "?", "-", "Y ", "y", "ye s", "yes?", "yes!", "no yes", "yes/no",
       "\uff59\uff45\uff53",
       "y\u0435s", "yes\x00", "\ufeffyes", "'yes'", "=yes", "1", "true", "on",
       "ok", "oui", "ja", "si", "\u662f")  # fmt: skip
SPELLINGS = [*(f"{b}{word}{a}" for word, (b, a) in product(BASE, [("", ""), (" ", " "), ("", "."), ("\t", "")])),
             *(word.upper() for word in BASE), *ODD]  # fmt: skip
N = len(SPELLINGS)


def people(consents: list[str | None]) -> pa.Table:
    n = len(consents)
    return pa.table(
        {
            "customer_id": [f"canary-{i:03}" for i in range(n)],
            "email": [f"canary-{i:03}@example.org" for i in range(n)],
            "name": [f"Canary-{i:03}" for i in range(n)],
            "consent_email": pa.array(consents, pa.string()),
        }
    )


def scores(n: int) -> pa.Table:
    return pa.table(
        {
            "customer_id": [f"canary-{i:03}" for i in range(n)],
            "as_of": pa.array([1_719_705_600_000_000] * n, pa.timestamp("us", "UTC")),
            "p_churn": [0.9] * n,
            "clv": [1000.0] * n,
            "model_version": ["m"] * n,
        }
    )


def test_ep_08_only_declared_values_pass_in_two_hundred_spellings() -> None:
    assert len(set(SPELLINGS)) >= 200
    table = people([*SPELLINGS, "yes", " EINWILLIGUNG "])
    found = permit(table["customer_id"].combine_chunks(), table, plan=PLAN)
    assert list(found.reason) == ["no_consent"] * N + ["", ""]


def test_ep_08_above_the_limit_of_unknown_values_there_is_no_list() -> None:
    strict = CampaignPlan("spring", channels=("email",), unknown_consent_limit=0.05)
    with pytest.raises(PrivacyError, match=r"consent_email: .* above the limit of 5\.0%") as caught:
        decide(scores(N), people(SPELLINGS), plan=strict)
    assert caught.value.exit_code == 6
    assert not any(word and word.strip() and len(word) > 3 and word in str(caught.value) for word in SPELLINGS)


def test_ep_07_nobody_who_opted_out_is_in_any_file_with_anything_to_be_reached_by(tmp_path: Path) -> None:
    table = people([*SPELLINGS, "yes"])
    write_lists(decide(scores(N + 1), table, plan=PLAN), tmp_path / "list")
    data = b""
    for path in sorted((tmp_path / "list").iterdir()):
        whole = path.read_bytes()
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                whole = b"".join(book.read(name) for name in book.namelist())
        data += whole
        if path.name.startswith(("contact", "index", "holdout")):
            assert [i for i in range(N) if f"canary-{i:03}".encode() in whole.lower()] == []
    assert [i for i in range(N) if f"canary-{i:03}@".encode() in data.lower()] == []
    assert f"canary-{N:03}@".encode() in data
