"""Persons who asked to be forgotten, kept out of everything that is read or invented."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params
from churnml.histories.suppressed import RowFilter
from churnml.privacy.suppression import list_digest, load_suppression

__all__ = ["forgotten_rows", "with_forgotten_digest"]


def forgotten_rows(root: Path) -> RowFilter | None:
    """Return what finds the rows of forgotten persons, or None where nobody asked to be forgotten.

    Raises
    ------
    PrivacyError
        If the list is damaged or its key is not there.
    """
    known = load_suppression(root)
    return RowFilter(known) if known is not None else None


def with_forgotten_digest(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of the list, so that another list makes the stages that read run again.

    Raises
    ------
    PrivacyError
        If the list is damaged or its key is not there; then no stage should begin.
    """
    load_suppression(root)
    privacy = params.privacy.model_copy(update={"digest": list_digest(root)})
    return params.model_copy(update={"privacy": privacy})
