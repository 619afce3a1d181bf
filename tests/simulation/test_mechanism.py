"""The documentation states the numbers that are planted."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from churnml.simulation import Mechanism

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulation.md"
ROWS = re.findall(r"^\| `(\w+)` \| ([-\d., ]+) \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "stated"), ROWS)
def test_stated_numbers_are_the_planted_ones(name, stated):
    planted = getattr(Mechanism(), name)
    numbers = tuple(float(part) for part in stated.split(","))
    assert numbers == (planted if isinstance(planted, tuple) else (planted,))


def test_most_numbers_are_stated():
    stated = {name for name, _ in ROWS}
    assert stated <= {field.name for field in fields(Mechanism)}
    assert len(stated) >= 40


def test_actions_and_changes_are_stated_as_planted():
    text = DOCUMENT.read_text(encoding="utf-8")
    for action in Mechanism().actions:
        cells = " | ".join(f"{effect:.2f}" for effect in action.effect)
        assert f"| {action.name} | {action.channel} | {cells} |" in text
    for change in Mechanism().changes:
        row = next(line for line in text.splitlines() if line.startswith(f"| {change.change_id} |"))
        assert f"| {change.type} |" in row
        assert f"| {change.effect:g} |" in row
        assert f"{change.starts_at_share:.0%}".replace("%", " %") in row
