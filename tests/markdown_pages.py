"""Pages of documentation: their code blocks, the commands in them, and their links."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from small_company import PROJECT

from churnml.reference import command_tree

PAGES = [
    *(PROJECT / name for name in ("README.md", "README.zh-CN.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
    *sorted((PROJECT / "examples").glob("*/README.md")),
]
ORDINARY = set(
    """
    . [ break case cat cd chmod cp crontab curl date docker done echo esac exit export fi find flock for gh
    git grep htpasswd install journalctl jupyter ls mkdir mv openssl pip printf psql read return rm set
    sha256sum shift sleep source sudo systemctl tail tar test timeout gpg trap true umask unset uv xargs
    """.split()  # noqa: SIM905
)
"""What a Unix shell and the named services offer; everything else has to be a command of this project."""
MLFLOW = {"server", "ui", "db"}
WRAPPERS = {".ci/retry", "sudo"}

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
        depth = 0
        for word in (*lexer, ";"):
            if set(word) <= set(";&|()"):
                depth += word.count("(") - word.count(")")
                if depth >= 0:  # else what stands before it is a pattern of a case
                    yield from _bare(command)
                depth = max(depth, 0)
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


def check_shell(script: str) -> None:
    """Require that a script is a shell's, and that what it calls exists, with these options."""
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    for words in commands_in(script):
        if words[0] in WRAPPERS:
            words = words[1:]
        tool = Path(words[0]).name
        if tool == "churnml":
            parse_churnml(words[1:])
        elif tool == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets()
        elif tool.startswith("python"):
            assert words[1] != "-c" or compile(words[2], "-c", "exec")
            assert words[1] != "-m" or importlib.util.find_spec(words[2])
        elif tool in {"dvc", "mlflow"}:
            assert words[1] in (MLFLOW if tool == "mlflow" else dvc_commands())
        else:
            assert tool in ORDINARY or (PROJECT / words[0]).is_file(), words


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def dvc_commands() -> set[str]:
    from dvc.cli.parser import COMMANDS

    return {command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS} | {
        *("exp", "metrics", "pull", "push", "checkout", "gc", "remote", "add")
    }
