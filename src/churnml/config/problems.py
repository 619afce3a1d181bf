"""What is wrong in a configuration, and how several such findings become one error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from churnml.errors import ConfigError

__all__ = ["ConfigErrors", "Contradictions", "KeyPath", "Problem", "as_config_error", "key_text"]

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of the file down to the place meant."""

_SHOWN = 50
_KEY_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where, which rule, what, and what to do; never a value from the file."""

    path: KeyPath
    problem: str
    rule: str
    next_step: str | None = None


class Contradictions(ValueError):
    """Keys that are right one by one and wrong together; raised by the cross-field validator."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{key_text(p.path)}: {p.problem}" for p in self.problems))


class ConfigErrors(ConfigError):
    """Several problems in one file: the facts of the first, the sentences of all, one per line.

    Parameters
    ----------
    errors : sequence of ConfigError
        At least two, in the order of their lines. ``count`` is their number.
    """

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(
            first.problem,
            rule=first.rule,
            file=first.file,
            line=first.line,
            column=first.column,
            count=len(self.errors),
            next_step=first.next_step,
        )

    def _sentence(self) -> str:
        lines = [str(error) for error in self.errors[:_SHOWN]]
        hidden = len(self.errors) - len(lines)
        return "\n".join([*lines, f"and {hidden} more problems."] if hidden else lines)

    def facts(self) -> dict[str, object]:
        """Return the facts of the first problem, and those of all under ``problems``."""
        return {**super().facts(), "problems": [error.facts() for error in self.errors]}


def key_text(path: KeyPath) -> str:
    """Return a key path as it is written in messages.

    Examples
    --------
    >>> key_text(("features", "windows_days", 2))
    'features.windows_days[2]'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + _shown(part)
    return text


def _shown(key: str) -> str:
    """Keep a hostile key from steering a terminal or flooding a log."""
    clean = "".join(character if character.isprintable() else "?" for character in key)
    return clean if len(clean) <= _KEY_LENGTH else clean[:_KEY_LENGTH] + "..."


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """Return the line of the nearest enclosing key that stands in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def as_config_error(problems: Sequence[Problem], *, file: str, lines: Mapping[KeyPath, int]) -> ConfigError:
    """Join findings, sorted by line, into the one error that is raised."""
    errors = [
        ConfigError(
            problem.problem,
            rule=problem.rule,
            file=file,
            line=_line_of(problem.path, lines),
            column=key_text(problem.path) or None,
            next_step=problem.next_step,
        )
        for problem in problems
    ]
    errors.sort(key=lambda error: error.line or 0)
    return errors[0] if len(errors) == 1 else ConfigErrors(errors)
