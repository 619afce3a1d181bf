"""Pages of documentation: their code blocks, the commands in them, and their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from small_company import PROJECT

from churnml.reference import command_tree

PAGES = [
    *(PROJECT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
    *sorted((PROJECT / "examples").glob("*/README.md")),
]
_CONTROL = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "(", "exec", "time", "nice", "env"}
_HERE_DOCUMENT = re.compile(r"<<-?\s*'?(\w+)'?(.*?)\n.*?\n\s*\1(?=\n|$)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$\{\{.*?\}\}|\$\{[^}]*\}|\$\w+|<[a-z ]+>")


class CodeBlock(NamedTuple):
    page: str
    line: int
    language: str
    text: str


def page_name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


@cache
def blocks() -> tuple[CodeBlock, ...]:
    """Return every fenced block of every page."""
    return tuple(
        CodeBlock(page_name(page), token.map[0] + 1, token.info.strip(), token.content)
        for page in PAGES
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))
        if token.type == "fence"
    )


def blocks_in(*languages: str) -> list[CodeBlock]:
    return [block for block in blocks() if block.language in languages]


def commands_in(script: str) -> Iterator[list[str]]:
    """Yield the words of every simple command of a shell script, without comments, redirections and assignments."""
    for line in _HERE_DOCUMENT.sub(r"\2", _PLACEHOLDER.sub("1", script)).replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in (*lexer, ";"):
            if set(word) <= set(";&|()"):
                yield from _bare(command)
                command = []
            else:
                command.append(word)


def _bare(command: list[str]) -> Iterator[list[str]]:
    words = list(command)
    while words and (words[0] in _CONTROL or re.fullmatch(r"\w+=.*", words[0])):
        words.pop(0)
    for place, word in enumerate(words):
        if set(word) <= set("<>"):  # a redirection takes the file after it, and the number before it
            words = words[: place - (words[place - 1].isdigit())]
            break
    if words:
        yield words


def parse_churnml(words: list[str]) -> None:
    """Parse the words after ``churnml`` as the command line does, without running anything; it fails as typer does."""
    tree = command_tree()
    assert words, "churnml without a command"
    assert words[0] in tree or words[0] == "--help", f"there is no command {words[0]!r}"
    if "--help" not in words:
        tree[words[0]].make_context(words[0], list(words[1:]))
