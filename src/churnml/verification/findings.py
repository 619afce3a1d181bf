"""What a probe tried and what it found: places, counts, dates and figures, never a cell value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Finding", "Probe", "leaks", "warnings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that leaks or may leak.

    Parameters
    ----------
    rule : str
        Stable identifier, for example ``time.not_dated``; its words are ``verify.rule.<rule>`` in the catalogue.
    severity : {"error", "warning"}
        An error ends the command with exit code 4.
    column : str
        Column of a delivered file, or the feature made of it.
    file : str
        File the column comes from, or the folder that was checked.
    n, of : int or None
        How many rows or customers, and out of how many.
    value : float or None
        A figure such as the area under the ROC curve.
    date, other_date : str
        ISO dates concerned.
    detail : str
        A further name: another column, what was done to the future.
    """

    rule: str
    severity: Literal["error", "warning"]
    column: str = ""
    file: str = ""
    n: int | None = None
    of: int | None = None
    value: float | None = None
    date: str = ""
    other_date: str = ""
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the parts as plain values."""
        return asdict(self)


@dataclass(slots=True)
class Probe:
    """One way to look for leaks.

    Parameters
    ----------
    name : str
        Its words are ``verify.probe.<name>``.
    tried : dict of str to int
        What was tried and how often; words ``verify.tried.<key>``.
    findings : list of Finding
    skipped : str
        Why it could not be tried: words ``verify.skipped.<key>``; empty = it was.
    """

    name: str
    tried: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    skipped: str = ""

    def add(self, *findings: Finding) -> None:
        """Keep findings."""
        self.findings.extend(findings)


def leaks(probes: Iterable[Probe]) -> list[Finding]:
    """Return the findings that are errors, in the order of the probes."""
    return [finding for probe in probes for finding in probe.findings if finding.severity == "error"]


def warnings(probes: Sequence[Probe]) -> list[Finding]:
    """Return the findings that are warnings, in the order of the probes."""
    return [finding for probe in probes for finding in probe.findings if finding.severity == "warning"]
