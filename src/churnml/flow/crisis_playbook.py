"""The crisis playbook as a file: read from inside the project and checked before anything is learned."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params
from churnml.flow.playbook import Form, playbook_bytes, playbook_rows
from churnml.histories.crises import TYPES
from churnml.relationship.response.playbook import (
    ALARMS,
    COLUMNS,
    REQUIRED,
    CrisisPlaybook,
    make_crisis_playbook,
)
from churnml.storage import digest_bytes

__all__ = ["crisis_playbook", "playbook_digest", "sure_alarms", "with_response_digest"]

_KEY = "response.playbook"
_FORM = Form(COLUMNS, REQUIRED, "docs/response.md", "config.crisis_playbook")


def crisis_playbook(params: Params, *, root: Path) -> CrisisPlaybook | None:
    """Return the crisis playbook, or None where none is agreed.

    Raises
    ------
    ConfigError
        If the file is not there, cannot be read, breaks a rule of
        :func:`churnml.relationship.response.playbook.make_crisis_playbook`, or says nothing about a type of crisis, or
        about an alarm that these parameters are enough to raise.
    """
    name = params.response.playbook
    if name is None:
        return None
    rows = playbook_rows(playbook_bytes(name, root=root, key=_KEY), name, _FORM)
    found = make_crisis_playbook([(row.line, row.cells) for row in rows], file=name)
    found.check_covers([*sure_alarms(params), *TYPES])
    return found


def with_response_digest(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of the crisis playbook, so that a changed file changes them."""
    block = params.response
    if block.playbook is None or crisis_playbook(params, root=root) is None:
        return params
    digest = playbook_digest(block.playbook, root=root)
    return params.model_copy(update={"response": block.model_copy(update={"playbook_digest": digest})})


def playbook_digest(name: str, *, root: Path) -> str:
    """Return the SHA-256 of the playbook's file."""
    return digest_bytes(playbook_bytes(name, root=root, key=_KEY))


def sure_alarms(params: Params) -> list[str]:
    """Return the kinds of alarm that the parameters alone say can be raised."""
    if params.churn.definition == "label":
        return []
    block = params.relationship
    kinds = {"losses"} | ({"complaints", "arrivals"} if block.tickets is not None else set())
    kinds |= {name for survey in block.surveys or () for name in (f"{survey.kind}_low", "arrivals")}
    return [kind for kind in ALARMS if kind in kinds]
