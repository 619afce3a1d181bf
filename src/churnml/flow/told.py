"""What was told of contacts, as a part of the parameters: lists are made anew after more was told."""

from __future__ import annotations

from pathlib import Path

from churnml.campaign.told_store import told_digest
from churnml.config import Params

__all__ = ["with_outcomes_digest"]


def with_outcomes_digest(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of the contacts told so far.

    Raises
    ------
    DataError
        If a file of them is damaged.
    """
    outcomes = params.outcomes.model_copy(update={"digest": told_digest(root) or None})
    return params.model_copy(update={"outcomes": outcomes})
