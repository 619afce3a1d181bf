"""What was found in the data: rule, place, count; gathered in one pass and reported together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from churnml.errors import DataError
from churnml.wording import LANGUAGES, words

__all__ = ["Finding", "Findings", "Severity"]

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of breach in one column of one file.

    Parameters
    ----------
    rule : str
        For example ``data.id_blank``; the catalogue of words has ``finding.<rule>.meaning`` and ``.next``.
    severity : {"error", "warning", "info"}
        An error stops the run after everything has been checked.
    table, file, column : str
        Where.
    count, n_rows : int
        Rows concerned, of how many.
    first_row : int or None
        1-based number of the first row concerned (data rows, header not counted).
    """

    rule: str
    severity: Severity
    table: str
    file: str
    column: str
    count: int
    n_rows: int
    first_row: int | None = None

    @property
    def next_step(self) -> str:
        """Return what the user can do, in English."""
        return words(f"finding.{self.rule}.next", "en")

    @property
    def problem(self) -> str:
        """Return the finding as an English clause for an error message, without any cell value."""
        what = self.rule.partition(".")[2].replace("_", " ")
        if self.rule == "data.no_rows":
            return "no usable rows"
        first = f", first in row {self.first_row:,}" if self.first_row else ""
        return f"{what} in {self.count:,} of {self.n_rows:,} rows{first}"

    def as_dict(self) -> dict[str, object]:
        """Return the finding as plain values for ``reports/data_check.json``; texts by language."""
        return {
            **asdict(self),
            "share": self.count / self.n_rows if self.n_rows else None,
            "meaning": {each: words(f"finding.{self.rule}.meaning", each, n=self.count) for each in LANGUAGES},
            "next_step": {each: words(f"finding.{self.rule}.next", each) for each in LANGUAGES},
        }


@dataclass(slots=True)
class Findings:
    """Findings gathered over files and batches; those of one rule and place add up."""

    _by_place: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Add a finding; nothing is kept where its count is zero."""
        if not finding.count:
            return
        key = (finding.rule, finding.table, finding.column)
        old = self._by_place.get(key)
        if old is not None:
            finding = Finding(
                finding.rule,
                finding.severity,
                finding.table,
                finding.file,
                finding.column,
                old.count + finding.count,
                max(old.n_rows, finding.n_rows),
                old.first_row if old.first_row is not None else finding.first_row,
            )
        self._by_place[key] = finding

    @property
    def all(self) -> list[Finding]:
        """Return the findings, worst first, then by place."""
        order = {"error": 0, "warning": 1, "info": 2}
        return sorted(self._by_place.values(), key=lambda f: (order[f.severity], f.table, f.column, f.rule))

    def raise_errors(self) -> None:
        """Stop with every breach of severity "error" in one message.

        Raises
        ------
        DataError
            If there is any.
        """
        errors = [f for f in self.all if f.severity == "error"]
        if not errors:
            return
        first, *rest = errors
        others = "".join(f"\n{f.file}: {f.column}: {f.problem}. {f.next_step}" for f in rest)
        raise DataError(
            first.problem,
            rule=first.rule,
            file=first.file,
            line=first.first_row,
            column=first.column,
            count=first.count,
            next_step=first.next_step + others,
        )
