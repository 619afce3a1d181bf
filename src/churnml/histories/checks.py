"""What was found in the data: rule, place, count; gathered in one pass and reported together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date

from churnml.errors import DataError
from churnml.histories.rules import Rules, Severity
from churnml.wording import LANGUAGES, words

__all__ = ["Finding", "Findings", "Severity"]

_TOLD = 30
"""How many breaches one error message tells; the report has all."""


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
    figures : mapping, optional
        What the words name besides the count, for example the first and last day of a gap; never a cell value.
    """

    rule: str
    severity: Severity
    table: str
    file: str
    column: str
    count: int
    n_rows: int
    first_row: int | None = None
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def next_step(self) -> str:
        """Return what the user can do, in English."""
        return words(f"finding.{self.rule}.next", "en")

    @property
    def line(self) -> int | None:
        """Return the line of the first row concerned: in a CSV file the header stands before the rows."""
        is_text = self.file.lower().endswith((".csv", ".csv.gz"))
        return None if self.first_row is None else self.first_row + is_text

    @property
    def problem(self) -> str:
        """Return the finding as an English clause for an error message, without any cell value."""
        if self.figures:
            return self._meaning("en")
        what = self.rule.partition(".")[2].replace("_", " ")
        if self.rule == "data.no_rows":
            return "no usable rows"
        first = f", first in row {self.first_row:,}" if self.first_row else ""
        return f"{what} in {self.count:,} of {self.n_rows:,} rows{first}"

    def as_dict(self) -> dict[str, object]:
        """Return the finding as plain values for ``reports/data_check.json``; texts by language."""
        return {
            **asdict(self),
            "figures": {k: v.isoformat() if isinstance(v, date) else v for k, v in self.figures.items()},
            "share": self.count / self.n_rows if self.n_rows else None,
            "meaning": {each: self._meaning(each) for each in LANGUAGES},
            "next_step": {each: words(f"finding.{self.rule}.next", each) for each in LANGUAGES},
        }

    def _meaning(self, language: str) -> str:
        return words(f"finding.{self.rule}.meaning", language, n=self.count, **self.figures)


@dataclass(slots=True)
class Findings:
    """Findings gathered over files and batches; those of one rule and place add up.

    Parameters
    ----------
    rules : Rules, optional
        How grave a breach is, by its count and share.
    """

    rules: Rules = field(default_factory=Rules)
    _by_place: dict[tuple[object, ...], Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Add a finding; nothing is kept where its count is zero."""
        if not finding.count:
            return
        key = (finding.rule, finding.table, finding.file, finding.column, *sorted(map(str, finding.figures.items())))
        old = self._by_place.get(key)
        if old is not None:
            first_row = old.first_row if old.first_row is not None else finding.first_row
            n_rows = max(old.n_rows, finding.n_rows)
            finding = replace(finding, count=old.count + finding.count, n_rows=n_rows, first_row=first_row)
        self._by_place[key] = finding

    def of_table(self, table: str) -> list[Finding]:
        """Return what was found in a table so far, at the severity it was found with."""
        return [finding for finding in self._by_place.values() if finding.table == table]

    def count(self, rule: str, table: str) -> int:
        """Return how many rows of a table break a rule."""
        return sum(f.count for f in self._by_place.values() if (f.rule, f.table) == (rule, table))

    @property
    def all(self) -> list[Finding]:
        """Return the findings at the severity their count and share give, worst first, then by place."""
        order = {"error": 0, "warning": 1, "info": 2}
        weighed = [
            replace(f, severity=self.rules.severity(f.rule, f.severity, count=f.count, n_rows=f.n_rows))
            for f in self._by_place.values()
        ]
        return sorted(
            weighed,
            key=lambda f: (order[f.severity], f.table, f.column, f.rule, f.file, sorted(map(str, f.figures.items()))),
        )

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
        others = "".join(f"\n{f.file}: {f.column}: {f.problem}. {f.next_step}" for f in rest[:_TOLD])
        if len(rest) > _TOLD:
            others += f"\nand {len(rest) - _TOLD} more, see the data check."
        raise DataError(
            first.problem,
            rule=first.rule,
            file=first.file,
            line=first.line,
            column=first.column,
            count=first.count,
            next_step=first.next_step + others,
        )
