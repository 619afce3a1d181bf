"""The blocks ``crises`` and ``guard`` of params.yaml."""

from __future__ import annotations

import pytest

from churnml.errors import ConfigError

CRISIS = "{name: fire, type: operations, start: 2024-03-01}"


def test_a_list_of_crises_is_what_is_declared(load_with):
    found = load_with(f"crises: [{CRISIS}]\n").crises
    assert found == load_with(f"crises: {{declared: [{CRISIS}]}}\n").crises
    assert (found.declared[0].severity, found.declared[0].end, found.declared[0].scope) == ("serious", None, None)


def test_without_the_block_there_is_none(load_with):
    assert load_with().crises.declared == ()
    assert load_with().guard.training == "keep"


@pytest.mark.parametrize(
    ("crises", "message"),
    [
        ("[{name: a, type: flood, start: 2024-03-01}]", r"crises\.declared\[?\.?0\]?\.type"),
        ("[{name: a, type: finance, start: 2024-03-01, severity: bad}]", "severity"),
        ("[{name: a, type: finance, start: 2024-03-02, end: 2024-03-01}]", "end is not after start"),
        ("[{name: a, type: finance, start: 2024-03-02, scope: north}]", "not <category>=<level>"),
        ("[{name: a, type: finance, start: 2024-03-02, scope: region=}]", "not <category>=<level>"),
        (f"[{CRISIS}, {CRISIS}]", "names the same crisis twice"),
        ("[{name: a, type: finance, start: yesterday}]", "start"),
        ("{kinds: {outage: {type: bad}}}", "kinds"),
    ],
)
def test_what_is_wrong_is_named(load_with, crises, message):
    with pytest.raises(ConfigError, match=message):
        load_with(f"crises: {crises}\n")


def test_a_scope_is_a_category_of_customers_or_spells(load_with, histories_text):
    histories = histories_text.replace("numbers: [age]", "numbers: [age], categories: [region]")
    crisis = "{name: fire, type: operations, start: 2024-03-01, scope: region=north}"
    assert load_with(f"crises: [{crisis}]\n", histories=histories).crises.declared[0].scope == "region=north"
    with pytest.raises(ConfigError, match="Did you mean region"):
        load_with(f"crises: [{crisis.replace('region', 'regoin')}]\n", histories=histories)
