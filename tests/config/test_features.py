import json
from pathlib import Path

import pytest

from churnml.config import load_params, write_resolved
from churnml.errors import ConfigError
from churnml.families import FAMILIES

MEANING = "meaning: {en: Kinds, zh: 种类}"
PYTHON = f"name: variety, function: features/own.py:variety, table: orders, {MEANING}"
SQL = f"name: share, sql: features/share.sql, tables: [orders, visits], {MEANING}"


def test_every_family_is_made_unless_some_are_chosen(load_with):
    assert load_with().features.families == FAMILIES
    assert load_with("features: {families: [recency, spells]}\n").features.families == ("recency", "spells")


def test_own_features_name_their_tables(load_with):
    own = load_with(f"features: {{own: [{{{PYTHON}}}, {{{SQL}}}]}}\n").features.own
    assert [(one.name, one.sources, one.unit) for one in own] == [
        ("variety", ("orders",), "number"),
        ("share", ("orders", "visits"), "number"),
    ]


def test_own_features_come_back_from_the_resolved_file(load_with, tmp_path: Path):
    params = load_with(f"features: {{own: [{{{PYTHON}}}]}}\n")
    write_resolved(params, tmp_path / "r.json")
    assert load_params(tmp_path / "r.json") == params
    assert json.loads((tmp_path / "r.json").read_text())["features"]["levels_kept"] == 8


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("families: [recncy]", r":12: features\.families\[0\]: must be one of .*Did you mean recency\?"),
        ("families: []", r"features\.families: must have at least 1 item"),
        ("families: [spells, spells]", r"features\.families: names the same entry twice"),
        ("levels_kept: -1", r"features\.levels_kept: must be greater"),
        ("least_level_share: 2", r"features\.least_level_share: must be less"),
        ("every_window: some", r"features\.every_window: must be"),
        (f"families: [recency], own: [{{{PYTHON}}}]", r"families: leaves out own, but features\.own is given"),
        (f"own: [{{{PYTHON}}}, {{{PYTHON}}}]", r"own\[1\]\.name: names the same feature twice"),
        (f"own: [{{{PYTHON.replace('orders', 'ordres')}}}]", r"own\[0\]\.table: no such table .*Did you mean orders"),
        (f"own: [{{{SQL.replace('visits', 'vists')}}}]", r"own\[0\]\.tables: no such table .*Did you mean visits"),
        (f"own: [{{{PYTHON}, sql: a.sql}}]", r"own\[0\]: needs either function or sql"),
        (f"own: [{{{PYTHON}, tables: [visits]}}]", r"own\[0\]: needs either table or tables"),
        (f"own: [{{{PYTHON.replace('table: orders', 'tables: [orders, visits]')}}}]", "a function reads one table"),
        (f"own: [{{{PYTHON.replace('features/own.py', '../own.py')}}}]", r"own\[0\]\.function: not a plain path"),
        (f"own: [{{{PYTHON.replace(':variety', '')}}}]", r"own\[0\]\.function: not the place of a function"),
        (f"own: [{{{SQL.replace('features/share', '/etc/share')}}}]", r"own\[0\]\.sql: not a plain path"),
        ("own: [{name: a, function: a.py:a, table: orders}]", r"own\[0\]\.meaning: required key is missing"),
        ("own: [{name: a, function: a.py:a, table: orders, meaning: {en: a}}]", r"meaning\.zh: required key"),
        (f"own: [{{{PYTHON}, unit: colour}}]", r"own\[0\]\.unit: must be one of days"),
    ],
)
def test_features_are_checked(load_with, features, message):
    with pytest.raises(ConfigError, match=message):
        load_with(f"features: {{{features}}}\n")


@pytest.mark.parametrize(
    ("roles", "families", "is_possible"),
    [
        ("", "[spells]", False),
        ("", "[value, refunds, levels, calendar, profile, own]", False),
        ("amount: a", "[refunds]", True),
        ("numbers: [a]", "[value]", True),
        ("numbers: [a]", "[refunds]", False),
        ("categories: [a]", "[levels]", True),
        ("", "[btyd]", True),
        ("", "[trend]", True),
        ("", "[trend], windows_days: [30]", False),
    ],
)
def test_families_that_leave_nothing_are_refused(load, roles, families, is_possible):
    table = f"{{kind: events, file: o.csv, id: i, time: t{', ' * bool(roles)}{roles}}}"
    text = (
        f"histories: {{folder: d, as_of: 2024-06-30, tables: {{orders: {table}}}}}\n"
        f"churn: {{definition: inactivity, table: orders}}\nfeatures: {{families: {families}}}\n"
    )
    if is_possible:
        assert load(text).features.families
        return
    with pytest.raises(ConfigError, match=r"families: no table of these histories has features"):
        load(text)


def test_a_declared_value_needs_the_profile(load_with):
    campaign = "campaign: {value_column: age}\n"
    with pytest.raises(ConfigError, match=r"families: leaves out profile, but campaign\.value_column needs it"):
        load_with(campaign + "features: {families: [recency]}\n")
    assert load_with(campaign + "features: {families: [recency, profile]}\n")
