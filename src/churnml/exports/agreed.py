"""What the crisis playbook says to do, as a section of a page and as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from churnml.exports.page import Paragraph, Section, Table
from churnml.timeline import iso_to_local
from churnml.wording import words

__all__ = ["agreed_lines", "agreed_sections"]

Found = Mapping[str, Any]


def agreed_sections(found: Found, language: str) -> Iterator[Section]:
    """Yield the section on what was agreed; nothing where the verdict says nothing of a playbook.

    Parameters
    ----------
    found : mapping
        As :func:`churnml.flow.response.with_response` returns it.
    language : str
    """
    response = found.get("response")
    if response is None:
        return
    heading = words("agreed.title", language)
    if response["playbook"] is None:
        tone = "note" if found["verdict"] == "quiet" else "warning"
        yield Section(heading, [Paragraph(words("agreed.none", language), tone)])
    elif not response["actions"]:
        yield Section(heading, [Paragraph(words("agreed.nothing_due", language, file=response["playbook"]), "note")])
    else:
        lead = words("agreed.lead", language, file=response["playbook"], timezone=response["timezone"])
        yield Section(heading, [Paragraph(lead), _table(response, language)])


def agreed_lines(found: Found, language: str) -> list[str]:
    """Return a line for each action that is due."""
    response = found.get("response") or {"actions": [], "timezone": "UTC"}
    return [
        words(
            "agreed.line_past" if each["is_past"] else "agreed.line",
            language,
            due=iso_to_local(each["due_at"], timezone=response["timezone"]),
            owner=each["owner"],
            action=each["action"][language],
        )
        for each in response["actions"]
    ]


def _table(response: Found, language: str) -> Table:
    names = ("due", "owner", "action", "message", "alert", "raised")
    rows = [_cells(each, response["timezone"], language) for each in response["actions"]]
    return Table([words(f"agreed.head_{name}", language) for name in names], rows, wide=frozenset({2}))


def _cells(each: Found, timezone: str, language: str) -> list[str]:
    due, raised = (iso_to_local(each[key], timezone=timezone) for key in ("due_at", "raised_at"))
    if each["is_past"]:
        due = words("agreed.past", language, due=due)
    message, alert = (words(f"{name}.{each[name]}", language) for name in ("message", "alert"))
    return [due, each["owner"], each["action"][language], message, alert, raised]
