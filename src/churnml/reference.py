"""The reference of commands, exit codes and outputs, made from the code: ``python -m churnml.reference``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
import yaml

from churnml.campaign.columns import CONTACT, EXCLUDED, HOLDOUT
from churnml.cli import app
from churnml.errors import ChurnmlError
from churnml.flow.score import SCORES
from churnml.wording import catalogue, has_words

__all__ = ["command_reference", "command_tree", "exit_codes", "output_reference"]

_KINDS = {"int": "whole number", "float": "number", "Path": "path"}
_SIGNALS = {
    1: ("A bug in churnml, with an error id", "no: report it"),
    130: ("Interrupted from the keyboard", "yes"),
    143: ("Terminated by a signal", "yes"),
}


def command_tree() -> Mapping[str, Any]:
    """Return command -> how its command line is parsed (a click command), in the order of the help."""
    group: Any = typer.main.get_command(app)
    commands: Mapping[str, Any] = group.commands
    return commands


def exit_codes() -> dict[int, tuple[str, str]]:
    """Return exit code -> what it means and whether a later try helps."""
    found = {0: ("Done; outputs are complete", "–"), 1: _SIGNALS[1]}
    for error in ChurnmlError.__subclasses__():
        first = (inspect.getdoc(error) or "").splitlines()[0]
        meaning = re.sub(r"\s*\(exit code \d+\)\.?$", "", first)
        found[error.exit_code] = (meaning, "yes" if "later try" in meaning else "no")
    found = dict(sorted(found.items()))
    return found | {code: _SIGNALS[code] for code in (130, 143)}


def command_reference() -> str:
    """Return every command with its arguments and options, and the exit codes, as Markdown."""
    parts = [
        "# Commands and exit codes",
        "",
        "Made by `python -m churnml.reference commands > docs/commands.md`. Dates are ISO (`2024-06-30`); files and",
        "folders are relative to the folder the command is called in.",
    ]
    for name, command in command_tree().items():
        parts += ["", f"## churnml {name}", "", command.help or "", "", *_usage(name, command)]
    head = ["| exit code | meaning | does a later try help? |", "|---|---|---|"]
    rows = [f"| {code} | {meaning} | {later} |" for code, (meaning, later) in exit_codes().items()]
    tail = [
        "",
        "The facts of the last failure stand in `reports/last_error.json`. What to do: [operations](operations.md).",
    ]
    return "\n".join([*parts, "", "## Exit codes", "", *head, *rows, *tail]) + "\n"


def _usage(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    shown = [f"{p.name.upper()}{'…' if p.nargs == -1 else ''}" for p in arguments]
    named = [text if p.required else f"[{text}]" for text, p in zip(shown, arguments, strict=True)]
    options = [p for p in command.params if p.param_type_name == "option" and "--help" not in p.opts]
    yield from ("```text", " ".join(["churnml", name, *named, *(["[OPTIONS]"] if options else [])]), "```")
    if not command.params:
        return
    rows = [
        *(
            (f"`{text}`", "" if p.required else "optional", p.help or "")
            for text, p in zip(shown, arguments, strict=True)
        ),
        *((f"`{p.opts[0]}`", _kind(p), p.help or "") for p in options),
    ]
    if rows:
        yield from ("", "| | value, default | |", "|---|---|---|")
        yield from (f"| {' | '.join(_cell(part) for part in row)} |" for row in rows)


def _kind(option: Any) -> str:
    """Return what an option takes, and what it is where it is left out."""
    if option.is_flag:
        return "switch"
    named = _KINDS.get(option.bare_type(), "text")
    kind = named + (", repeatable" if option.multiple else "")
    if option.required:
        return f"{kind}, required"
    is_plain = option.default not in (None, "", ()) and not callable(option.default)
    return f"{kind}, `{option.default}`" if is_plain else str(kind)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def output_reference(stages: Mapping[str, Any]) -> str:
    """Return what each stage writes, and the columns of scores and lists, as Markdown.

    Parameters
    ----------
    stages : mapping
        The block ``stages`` of ``dvc.yaml``.
    """
    parts = ["# Outputs", "", "Made by `python -m churnml.reference outputs > docs/outputs.md`.", "", "## Stages", ""]
    parts += ["| stage | what it does | writes |", "|---|---|---|"]
    parts += [f"| `{name}` | {_cell(stage['desc'])} | {_written(stage)} |" for name, stage in stages.items()]
    parts += ["", "## data/scored/scores.parquet", "", "One row per known customer, sorted by `customer_id`.", ""]
    parts += _columns(dict.fromkeys(SCORES, ""))
    for title, columns in (("contact", CONTACT), ("holdout", HOLDOUT), ("excluded", EXCLUDED)):
        parts += ["", f"## data/lists/retention/{title}.csv", "", *_columns(columns)]
    parts += ["", "## Why somebody is left out", "", "`reason_code` of `excluded.csv` and of the win-back list's.", ""]
    codes = [key.removeprefix("exclusion.") for key in catalogue() if key.startswith("exclusion.")]
    parts += ["| code | English | 中文 |", "|---|---|---|"]
    parts += [
        f"| `{code}` | {_text(f'exclusion.{code}', 'en')} | {_text(f'exclusion.{code}', 'zh')} |" for code in codes
    ]
    return "\n".join(parts) + "\n"


def _written(stage: Mapping[str, Any]) -> str:
    entries = [entry for part in ("outs", "metrics", "plots") for entry in stage.get(part, [])]
    return ", ".join(f"`{entry if isinstance(entry, str) else next(iter(entry))}`" for entry in entries)


def _columns(columns: Mapping[str, str]) -> Iterator[str]:
    yield from ("| column | English | 中文 | meaning |", "|---|---|---|---|")
    for name in columns:
        texts = [_text(key, language) for key, language in ((f"column.{name}", "en"), (f"column.{name}", "zh"))]
        yield f"| `{name}` | {' | '.join(texts)} | {_text(f'column_meaning.{name}', 'en')} |"


def _text(key: str, language: str) -> str:
    """Return the words of a key without its figures, and without the bracket that the currency stands in."""
    if not has_words(key):
        return ""
    text = re.sub(r"\s*[(（]\{currency\}[)）]", "", catalogue()[key][language])
    return _cell(re.sub(r"\{(\w+)(?::\w+)?(?::[^}]*)?\}", "…", text))


def main(argv: Sequence[str] | None = None) -> int:
    """Write one of the two pages to standard output."""
    wanted = (sys.argv[1:] if argv is None else list(argv)) or ["commands"]
    if wanted == ["commands"]:
        sys.stdout.write(command_reference())
        return 0
    if wanted == ["outputs"]:
        stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
        sys.stdout.write(output_reference(stages))
        return 0
    sys.stderr.write("commands or outputs\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
