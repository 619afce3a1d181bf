"""A proposal as the text of ``params.yaml``: every key with its reason beside it, what is open at the end."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from churnml.histories.contract import CsvDialect
from churnml.onboarding.draft import Choice, Draft, Question

__all__ = ["render", "scalar"]

_PLAIN = re.compile(r"[A-Za-z_\u00c0-\u024f\u4e00-\u9fff][\w./-]*")
_WORDS = {"yes", "no", "true", "false", "on", "off", "null", "y", "n", "none"}
_WIDTH, _AT = 118, 40


def scalar(value: object) -> str:
    """Return a value as YAML on one line; text that could be taken for anything else stands in quotes.

    Examples
    --------
    >>> scalar(["a", "No", "Kd.-Nr", 7]), scalar({"multiply": ["Menge", "Preis"]})
    ('[a, "No", Kd.-Nr, 7]', '{multiply: [Menge, Preis]}')
    >>> scalar([True, 1])
    '[true, 1]'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(k)}: {scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(v) for v in value) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    is_plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS and not text.endswith(".")
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: int) -> Iterator[str]:
    head = " " * indent + "# "
    yield from textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=head, break_long_words=False)


def _line(key: str, choice: Choice, indent: int) -> Iterator[str]:
    line = " " * indent + f"{scalar(key)}: {scalar(choice.value)}"
    if not choice.why:
        yield from _folded(line, indent)
    elif len(line) < _AT and len(choice.why) + _AT < _WIDTH:
        yield f"{line.ljust(_AT)} # {choice.why}"
    else:
        yield from _comment(choice.why, indent)
        yield from _folded(line, indent)


def _folded(line: str, indent: int) -> Iterator[str]:
    """Break a long list after its commas."""
    if len(line) <= _WIDTH:
        yield line
        return
    head, _, rest = line.partition(": ")
    yield f"{head}:"
    step = " " * (indent + 2)
    # Only blanks after a comma may be broken: a name in quotes may hold blanks itself.
    yield from textwrap.wrap(
        rest.replace(" ", "\u2007").replace(",\u2007", ", "),
        _WIDTH,
        initial_indent=step,
        subsequent_indent=step + " ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _csv(dialect: CsvDialect) -> dict[str, object]:
    """Return what differs from the reader's own defaults."""
    plain, found = CsvDialect(), {}
    for key in ("delimiter", "encoding", "decimal", "number_marks", "null_values", "time_format", "time_formats"):
        value = getattr(dialect, key)
        if value and value != getattr(plain, key):
            found[key] = dict(value) if key == "time_formats" else list(value) if isinstance(value, tuple) else value
    return found


def _table(draft: Draft) -> Iterator[str]:
    yield f"    {draft.name}:"
    yield from _comment(f"{draft.kind}: {draft.why}", 6)
    yield f"      kind: {draft.kind}"
    files = draft.source.files
    yield from _line("file", Choice(files[0] if len(files) == 1 else list(files)), 6)
    csv = _csv(draft.source.dialect)
    if csv:
        yield from _line("csv", Choice(csv, draft.source.why), 6)
    for key, choice in draft.roles.items():
        yield from _line(key, choice, 6)
    reasons: dict[str, list[str]] = {}
    for column, why in draft.left_out.items():
        if column not in draft.used:
            reasons.setdefault(why, []).append(scalar(column))
    for why, columns in reasons.items():
        yield from _comment(f"left out: {', '.join(columns)} ({why})", 6)


def _block(name: str, block: Mapping[str, Choice]) -> Iterator[str]:
    if block:
        yield ""
        yield f"{name}:"
        for key, choice in block.items():
            yield from _line(key, choice, 2)


def render(
    histories: Mapping[str, Choice],
    drafts: Sequence[Draft],
    blocks: Mapping[str, Mapping[str, Choice]],
    *,
    left_out: Mapping[str, str],
    questions: Sequence[Question],
    notes: Sequence[str] = (),
) -> str:
    """Return the whole file.

    Parameters
    ----------
    histories : mapping
        Its keys but ``tables``.
    drafts : sequence of Draft
    blocks : mapping
        Name of a block -> its keys.
    left_out : mapping
        File -> why it became no table.
    questions : sequence of Question
        What the data leave open.
    notes : sequence of str
        What the data check found and what was done about it.
    """
    lines = [
        "# Proposed by `churnml init` from headers and rows: read it and correct it. Every key: docs/params.md.",
        "histories:",
    ]
    for key, choice in histories.items():
        lines += _line(key, choice, 2)
    lines.append("  tables:")
    for draft in drafts:
        lines += _table(draft)
    for file, why in left_out.items():
        lines += _comment(f"no table: {file} ({why})", 4)
    for name, block in blocks.items():
        lines += _block(name, block)
    lines += _closing(questions, notes)
    return "\n".join(lines) + "\n"


def _closing(questions: Sequence[Question], notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield ""
        yield "# What the data check said of these files:"
        for note in notes:
            yield from _comment(f"- {note}", 0)
    if questions:
        yield ""
        yield "# To be confirmed or filled in; until then the first one holds:"
        for question in questions:
            options = f" ({' | '.join(question.options)})" if question.options else ""
            yield from _comment(f"- {question.key}: {question.text}{options}", 0)
