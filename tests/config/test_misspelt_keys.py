"""A key that is misspelt anywhere is refused with its line, its path and the right spelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from small_company import PROJECT

from churnml.config import load_params, resolved
from churnml.config.problems import KeyPath, key_text
from churnml.errors import ConfigError

FULL = resolved(load_params(PROJECT / "params.yaml"))
TABLES = ("histories", "tables")
FREE = {TABLES, ("campaign", "actions"), ("campaign", "teams"), ("campaign", "pause_days"), ("crises", "kinds")}
"""Whose keys are names that the user chooses."""


def paths(value: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every key of the schema that the project's own parameters hold, defaults filled in."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if above not in FREE and above[-1:] != ("per_day",) and len(key) > 3:
                yield (*above, key)
            yield from paths(inner, (*above, key))


def misspelt(path: KeyPath) -> tuple[dict[str, Any], KeyPath]:
    """Return the parameters with two letters of one key exchanged, and where that key now stands."""
    *blocks, key = path
    wrong = key[:-3] + key[-2] + key[-3] + key[-1] if key[-2] != key[-3] else key[:-1]
    whole = yaml.safe_load(yaml.safe_dump(FULL))
    block = whole
    for name in blocks:
        block = block[name]
    block[wrong] = block.pop(key)
    return whole, (*blocks, wrong)


def once() -> list[KeyPath]:
    """Return one path of each key: of the tables of one kind, only those of the first."""
    kinds = {name: table["kind"] for name, table in FULL["histories"]["tables"].items()}
    known: dict[Any, KeyPath] = {}
    for path in paths(FULL):
        known.setdefault(("table", kinds[path[2]], *path[3:]) if path[:2] == TABLES and path[2:] else path, path)
    return [*known.values()]


SOME = [pytest.param(p, id=key_text(p), marks=[pytest.mark.slow] * (i % 6 > 0)) for i, p in enumerate(once())]


@pytest.mark.parametrize("path", SOME)
def test_cf_01_a_misspelt_key(path: KeyPath, load: Any) -> None:
    whole, place = misspelt(path)
    text = yaml.safe_dump(whole, sort_keys=False)
    if path[-1] == "kind":
        words = f"{key_text(path)}: must be one of customers, events, spells, calendar"
    else:
        words = f"{key_text(place)}: unknown key. Did you mean {path[-1]}?"
    with pytest.raises(ConfigError, match=r"params.yaml") as caught:
        load(text)
    assert words in str(caught.value)
    (line,) = [each for each in str(caught.value).splitlines() if words in each]
    number = int(line.split(":")[1])
    assert text.splitlines()[number - 1].strip().startswith((f"{place[-1]}:", f"{path[-2] if len(path) > 1 else ''}:"))
    assert caught.value.exit_code == 2
