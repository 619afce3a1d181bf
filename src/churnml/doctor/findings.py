"""One finding a line: how grave, what, where, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

__all__ = ["NOTE", "Ailment", "exit_code_of", "lines_of", "plain"]

NOTE, DATA, MODEL, PRIVACY, ENVIRONMENT = 0, 3, 5, 6, 7
"""Exit codes of findings: a note ends well, the others end as the error would that they lead to."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """A finding.

    Parameters
    ----------
    rule : str
        Stable, for example ``doctor.lock``.
    what : str
        One sentence without a full stop; never a cell value.
    command : str
        What mends it, to be typed in the project's folder.
    exit_code : int
    """

    rule: str
    what: str
    command: str
    exit_code: int = ENVIRONMENT


def exit_code_of(found: Iterable[Ailment]) -> int:
    """Return the highest exit code, 0 where nothing is wrong.

    Examples
    --------
    >>> exit_code_of([Ailment("a", "b", "c", 3), Ailment("a", "b", "c", 0)])
    3
    """
    return max((each.exit_code for each in found), default=0)


def lines_of(found: Iterable[Ailment]) -> list[str]:
    """Return one line a finding, the gravest first."""
    ranked = sorted(found, key=lambda each: (-each.exit_code, each.rule, each.what))
    return [f"{'note ' if each.exit_code == NOTE else 'error'}  {each.what}: {each.command}" for each in ranked]


def plain(found: Iterable[Ailment]) -> list[dict[str, object]]:
    """Return the findings as plain values for JSON, the gravest first."""
    return [asdict(each) for each in sorted(found, key=lambda each: (-each.exit_code, each.rule, each.what))]
