"""YAML without surprises: every scalar stays the text that was written, and every key knows its line.

YAML's own guesses turn ``NO`` into false, ``0123`` into 83 and ``12:30:45`` into 45045, and let a repeated key win
silently. Here nothing is guessed: the typed schema converts the text, and what YAML can do beyond plain
keys, lists and scalars (anchors, aliases, tags, directives, several documents) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from churnml.config.problems import KeyPath, key_text
from churnml.config.small_files import MAX_BYTES
from churnml.errors import ConfigError

__all__ = ["MAX_DEPTH", "Node", "ParsedYaml", "parse_yaml"]

MAX_DEPTH = 16
"""Deepest nesting of blocks and lists."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

Node = str | None | dict[str, "Node"] | list["Node"]
"""A plain value: text, nothing, a block or a list."""


@dataclass(frozen=True, slots=True)
class ParsedYaml:
    """A parsed file.

    Parameters
    ----------
    value : dict
        The top-level block; scalars are text or None.
    lines : dict
        1-based line of each key and each list item, by key path.
    """

    value: dict[str, Node]
    lines: dict[KeyPath, int]


def parse_yaml(data: bytes, *, file: str) -> ParsedYaml:
    """Parse the bytes of one YAML file strictly.

    Parameters
    ----------
    data : bytes
        UTF-8 text, at most ``MAX_BYTES``.
    file : str
        Name used in messages.

    Returns
    -------
    ParsedYaml
        The top-level block and the line of each of its keys.

    Raises
    ------
    ConfigError
        If the bytes are too many, not UTF-8, not YAML, nested too deeply, hold a duplicate key, an anchor, an
        alias, a tag, a directive or a second document, or are no block of keys.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"larger than {MAX_BYTES} bytes", rule="config.size", file=file)
    text = _decode(data, file=file)
    try:
        return _Builder(yaml.parse(text, Loader=yaml.SafeLoader), file=file).document()
    except yaml.MarkedYAMLError as error:
        # The parser's own sentence may quote the file, so only its place is passed on.
        mark = error.problem_mark or error.context_mark
        _refuse_syntax(file=file, line=None if mark is None else mark.line + 1)
    except yaml.reader.ReaderError as error:
        _refuse_syntax(file=file, line=text.count("\n", 0, error.position) + 1)


def _decode(data: bytes, *, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            "not UTF-8 text",
            rule="config.encoding",
            file=file,
            line=data.count(b"\n", 0, error.start) + 1,
            next_step="Save the file as UTF-8.",
        ) from None


def _refuse_syntax(*, file: str, line: int | None) -> NoReturn:
    raise ConfigError(
        "not valid YAML",
        rule="config.yaml",
        file=file,
        line=line,
        next_step="Check the indentation (blanks, no tabs), the colons, brackets and quotes on and above this line.",
    ) from None


def _line(event: Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1


class _Builder:
    """Build plain values from the parser's events; recursion is bounded by ``MAX_DEPTH``."""

    def __init__(self, events: Iterator[Event], *, file: str) -> None:
        self._events = events
        self._file = file
        self._lines: dict[KeyPath, int] = {}

    def document(self) -> ParsedYaml:
        next(self._events)  # start of the stream
        start = next(self._events)
        if isinstance(start, StreamEndEvent):
            raise ConfigError("empty file", rule="config.empty", file=self._file)
        if isinstance(start, DocumentStartEvent) and (start.version or start.tags):
            self._refuse("directives are not allowed", start, ())
        first = next(self._events)
        value = self._node(first, ())
        if not isinstance(value, dict):
            self._refuse("not a block of keys", first, ())
        for event in self._events:
            if not isinstance(event, DocumentEndEvent | StreamEndEvent):
                self._refuse("a second document is not allowed", event, ())
        return ParsedYaml(value=value, lines=self._lines)

    def _refuse(self, problem: str, event: Event, path: KeyPath, *, rule: str = "config.yaml") -> NoReturn:
        raise ConfigError(problem, rule=rule, file=self._file, line=_line(event), column=key_text(path) or None)

    def _node(self, event: Event, path: KeyPath) -> Node:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse("anchors and aliases are not allowed", event, path)
        if getattr(event, "tag", None) is not None:
            self._refuse("tags are not allowed", event, path)
        if len(path) > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH} levels", event, ())
        if isinstance(event, MappingStartEvent):
            return self._block(path)
        if isinstance(event, SequenceStartEvent):
            return self._list(path)
        return self._scalar(event)

    @staticmethod
    def _scalar(event: Event) -> str | None:
        text: str = event.value  # type: ignore[attr-defined]
        plain: bool = event.implicit[0]  # type: ignore[attr-defined]
        return None if plain and text in _NULLS else text

    def _block(self, path: KeyPath) -> dict[str, Node]:
        block: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent) or event.tag is not None or event.anchor is not None:
                self._refuse("a key must be plain text", event, path)
            key: str = event.value
            here = (*path, key)
            if key in block:
                first = self._lines[here]
                self._refuse(f"key given twice, first on line {first}", event, here, rule="config.key_twice")
            self._lines[here] = _line(event)
            block[key] = self._node(next(self._events), here)
        return block

    def _list(self, path: KeyPath) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            here = (*path, len(items))
            self._lines[here] = _line(event)
            items.append(self._node(event, here))
        return items
