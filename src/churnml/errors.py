"""Errors a user can act on: exit code, rule, place, count, next step; never a cell value."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

__all__ = [
    "ChurnmlError",
    "ConfigError",
    "DataError",
    "EnvironmentFault",
    "ModelError",
    "PrivacyError",
    "TimeContractError",
    "did_you_mean",
]


class ChurnmlError(Exception):
    """Base of all expected failures.

    Parameters
    ----------
    problem : str
        What is wrong, in one sentence without a full stop and without any cell value.
    rule : str
        Stable identifier of the broken rule, for example ``data.id_blank``.
    file : str, optional
        File name as the user wrote it.
    line : int, optional
        1-based line or row number in that file.
    column : str, optional
        Column or key path.
    count : int, optional
        Number of rows or items concerned.
    next_step : str, optional
        What the user can do about it.
    """

    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        rule: str,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        count: int | None = None,
        next_step: str | None = None,
    ) -> None:
        self.problem = problem
        self.rule = rule
        self.file = file
        self.line = line
        self.column = column
        self.count = count
        self.next_step = next_step
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        head = ": ".join(part for part in (place, self.column) if part)
        text = f"{head}: {self.problem}" if head else self.problem
        text = f"{text}."
        return f"{text} {self.next_step}" if self.next_step else text

    def facts(self) -> dict[str, object]:
        """Return the parts of the error as plain values, for the JSON error file."""
        return {
            "exit_code": self.exit_code,
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "count": self.count,
            "problem": self.problem,
            "next_step": self.next_step,
        }


class ConfigError(ChurnmlError, ValueError):
    """The configuration or the command line cannot be used (exit code 2)."""

    exit_code = 2


class DataError(ChurnmlError, ValueError):
    """The input data break their contract (exit code 3)."""

    exit_code = 3


class TimeContractError(ChurnmlError, ValueError):
    """Dates, windows or horizons contradict each other, or something leaks (exit code 4)."""

    exit_code = 4


class ModelError(ChurnmlError, ValueError):
    """A model, the registry or the promotion gate refuses (exit code 5)."""

    exit_code = 5


class PrivacyError(ChurnmlError, ValueError):
    """An export or a privacy rule refuses (exit code 6)."""

    exit_code = 6


class EnvironmentFault(ChurnmlError, OSError):
    """Disk, memory, permission, lock or network; a later try may succeed (exit code 7)."""

    exit_code = 7


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """Return ``Did you mean X?`` for the nearest known word, or None where nothing is near.

    Examples
    --------
    >>> did_you_mean("horizon_day", ["horizon_days", "lead_days"])
    'Did you mean horizon_days?'
    >>> did_you_mean("zzz", ["horizon_days"]) is None
    True
    """
    near = get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if not near:
        return None
    original = next(k for k in known if k.lower() == near[0])
    return f"Did you mean {original}?"
