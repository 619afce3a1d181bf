"""What may come of a contact, and what is kept of one."""

from __future__ import annotations

from typing import Literal, get_args

import pyarrow as pa

__all__ = ["OUTCOMES", "REACHED", "TOLD_SCHEMA", "ContactOutcome"]

ContactOutcome = Literal["done", "not_reached", "refused", "accepted"]
OUTCOMES: tuple[ContactOutcome, ...] = get_args(ContactOutcome)
"""What may come of a contact; ``done`` = spoken with or delivered, without an answer to the offer."""

REACHED: tuple[ContactOutcome, ...] = ("done", "refused", "accepted")
"""Outcomes of a contact that was made."""

TOLD_SCHEMA = pa.schema(
    [
        ("list", pa.string()),
        ("as_of", pa.date32()),
        ("customer_id", pa.string()),
        ("arm", pa.string()),
        ("outcome", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("owner", pa.string()),
        ("channel", pa.string()),
    ]
)
"""What is kept of a contact: who, on which list, what came of it, when, by whom, how. No note."""
