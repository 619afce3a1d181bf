"""Read ``params.yaml`` into :class:`Params`, say every problem with its line, and write what was resolved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from churnml.config.params import Params
from churnml.config.problems import Contradictions, KeyPath, Problem, as_config_error
from churnml.config.small_files import read_small
from churnml.config.strict_yaml import parse_yaml
from churnml.errors import ConfigError, did_you_mean
from churnml.storage import write_bytes

__all__ = ["load_params", "parse_params", "resolved", "write_resolved"]

_SURE = 0.8
"""How like a key of another block a word must be before that block is mentioned."""

_TYPE_WORDS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "model_type": "must be a block of keys",
    "model_attributes_type": "must be a block of keys",
    "dict_type": "must be a block of keys",
}
"""What pydantic calls a wrong type, in the words of the file's author."""


def load_params(path: Path) -> Params:
    """Read and validate a parameter file.

    Parameters
    ----------
    path : Path
        A YAML file, UTF-8, at most 1 MB.

    Returns
    -------
    Params
        Every block with its defaults filled in.

    Raises
    ------
    ConfigError
        If the file is missing, is not plain YAML or breaks the schema. All schema problems are reported
        together, one line each, with file name, line and key path and without any value.
    EnvironmentFault
        If the file exists and cannot be read.
    """
    return parse_params(read_small(path, name=path.name), file=path.name)


def parse_params(data: bytes, *, file: str) -> Params:
    """Validate the bytes of a parameter file; see :func:`load_params`."""
    parsed = parse_yaml(data, file=file)
    try:
        return Params.model_validate(parsed.value)
    except ValidationError as error:
        problems = list(_problems(error))
    raise as_config_error(problems, file=file, lines=parsed.lines)


def resolved(params: Params) -> dict[str, Any]:
    """Return all keys, defaults filled in, as plain values in the order of the schema."""
    return params.model_dump(mode="json")


def write_resolved(params: Params, path: Path) -> None:
    """Write all keys as JSON that ``load_params`` reads back to equal parameters, whole or not at all.

    JSON is YAML too, and DVC, which reads this file before and after every stage, parses it many times faster.
    """
    text = json.dumps(resolved(params), indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(text.encode() + b"\n", path)


def _problems(error: ValidationError) -> Iterator[Problem]:
    """Yield the findings of pydantic in our words; its own texts may quote values."""
    for finding in error.errors(include_url=False):
        path, fields = _place(finding["loc"])
        cause = finding.get("ctx", {}).get("error")
        if isinstance(cause, Contradictions):
            yield from cause.problems
        elif isinstance(cause, ConfigError):
            yield Problem(path, cause.problem, cause.rule, cause.next_step)
        elif finding["type"] == "extra_forbidden":
            yield Problem(path, "unknown key", "config.unknown_key", _known_key(str(path[-1]), fields))
        elif finding["type"] == "missing":
            yield Problem(path, "required key is missing", "config.missing_key")
        elif finding["type"] in {"union_tag_invalid", "union_tag_not_found"}:
            yield _kind_problem(path, finding["input"])
        else:
            yield _value_problem(path, finding["type"], finding["msg"], finding["input"], finding.get("ctx", {}))


def _value_problem(path: KeyPath, kind: str, message: str, value: object, context: Mapping[str, Any]) -> Problem:
    if value is None:
        return Problem(path, "is empty", "config.type", "Write a value, put the word in quotes, or leave the key out.")
    if kind == "literal_error":
        expected = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        near = did_you_mean(str(value), expected.split(", "))
        return Problem(path, f"must be one of {expected}", "config.choice", near)
    if kind in _TYPE_WORDS:
        return Problem(path, _TYPE_WORDS[kind], "config.type")
    words = message.replace(" after validation", "")
    for subject in ("Input", "String", "Tuple", "Dictionary"):
        words = words.replace(f"{subject} should", "must")
    return Problem(path, words, "config.range")


def _kind_problem(path: KeyPath, table: object) -> Problem:
    kinds = ["customers", "events", "spells", "calendar"]
    given = table.get("kind") if isinstance(table, dict) else None
    near = did_you_mean(given, kinds) if isinstance(given, str) else None
    return Problem((*path, "kind"), f"must be one of {', '.join(kinds)}", "config.choice", near)


def _known_key(word: str, fields: Sequence[str]) -> str:
    """Suggest the nearest key of this block, else a key of another block, else list this block's keys."""
    near = did_you_mean(word, fields)
    if near is not None:
        return near
    blocks = {
        name: [*model.model_fields]
        for name, field in Params.model_fields.items()
        if (model := _model(field.annotation)) is not None
    }
    misplaced = get_close_matches(word, [key for keys in blocks.values() for key in keys], n=1, cutoff=_SURE)
    if misplaced:
        owners = " and ".join(name for name, keys in blocks.items() if misplaced[0] in keys)
        return f"Did you mean {misplaced[0]}? It belongs to {owners}."
    return f"Known keys here: {', '.join(fields)}."


def _arms(annotation: Any) -> list[Any]:
    """Return what an annotation can be, without Annotated and None."""
    if get_origin(annotation) is Annotated:
        return _arms(get_args(annotation)[0])
    args = get_args(annotation)
    if NoneType in args:
        return [arm for part in args if part is not NoneType for arm in _arms(part)]
    is_union = args and get_origin(annotation) not in {dict, tuple, list} and not isinstance(args[0], str)
    return [arm for part in args for arm in _arms(part)] if is_union else [annotation]


def _model(annotation: Any, tag: object = None) -> type[BaseModel] | None:
    """Return the model an annotation stands for; of several, the one whose ``kind`` is ``tag``."""
    models = [arm for arm in _arms(annotation) if isinstance(arm, type) and issubclass(arm, BaseModel)]
    for model in models:
        kind = model.model_fields.get("kind")
        if kind is not None and tag in get_args(kind.annotation):
            return model
    return models[0] if len(models) == 1 else None


def _place(location: tuple[str | int, ...]) -> tuple[KeyPath, list[str]]:
    """Turn pydantic's location into the key path in the file and the keys known in the last block.

    Pydantic puts the chosen arm of a union into the location, although it is no key of the file; only the schema
    tells the two apart.
    """
    path: list[str | int] = []
    fields: list[str] = []
    annotation: Any = Params
    for part in location:
        if part == "[key]":
            continue
        arms = _arms(annotation)
        if len(arms) > 1:
            annotation = _model(annotation, part)
            continue
        path.append(part)
        if isinstance(arms[0], type) and issubclass(arms[0], BaseModel):
            fields = [*arms[0].model_fields]
            field = arms[0].model_fields.get(str(part))
            annotation = None if field is None else field.annotation
        else:
            args = get_args(arms[0])
            annotation = args[-1] if get_origin(arms[0]) is dict else (args[0] if args else None)
    return tuple(path), fields
