import typing

import pytest
from pydantic import BaseModel, ValidationError

from churnml.config import Params
from churnml.errors import ConfigError


def test_defaults_are_those_of_the_documentation(load_with):
    params = load_with("clv: {table: orders}\n")
    assert (params.churn.horizon_days, params.churn.lead_days, params.churn.active_within_days) == (90, 0, 180)
    assert (params.clv.measure, params.clv.horizon_days, params.clv.margin) == ("amount", 365, 0.35)
    assert (params.snapshots.anchor, params.snapshots.every_days, params.snapshots.count) == ("calendar", 30, 12)
    assert params.features.windows_days == (7, 30, 90, 180, 365)
    assert (params.train.seed, params.train.threads, params.train.max_rows) == (1, 2, 2_000_000)
    assert (params.campaign.channels, params.campaign.risk_bands) == (("phone", "email"), (0.2, 0.4, 0.7))
    assert (params.simulate.customers, params.simulate.months, params.simulate.end) == (5000, 36, "2024-06-30")


def test_everyone_at_risk_and_no_value_model_are_written_as_null(load_with):
    churn = "churn: {definition: inactivity, table: orders, active_within_days: null}\n"
    params = load_with("clv:\n", churn=churn)
    assert (params.churn.active_within_days, params.clv) == (None, None)


def test_parameters_cannot_be_changed(load_with):
    params = load_with()
    with pytest.raises(ValidationError, match="frozen"):
        params.train.seed = 2


def test_customers_table_is_named(load_with):
    assert load_with().customers_table == "customers"
    without = (
        "histories: {folder: d, as_of: 2024-06-30, tables: {orders: {kind: events, file: o.csv, id: i, time: t}}}\n"
    )
    assert load_with(histories=without).customers_table is None


@pytest.mark.parametrize(
    "churn",
    [
        "{definition: inactivity, table: visits}",
        "{definition: event, table: orders, event: {column: channel, values: [cancelled]}}",
        "{definition: spell_end, table: plans, grace_days: 14}",
        "{definition: label, table: customers, label: churned, label_values: [left]}",
        # Keys of another definition may stand there and are not looked at.
        "{definition: inactivity, table: orders, event: {column: nothing, values: [x]}, label: age}",
    ],
)
def test_each_definition_of_churn(load_with, churn):
    assert load_with(churn=f"churn: {churn}\n").churn.table


@pytest.mark.parametrize(
    ("churn", "message"),
    [
        ("{definition: inactivity, table: order}", r":11: churn\.table: no such table .*Did you mean orders\?"),
        ("{definition: inactivity, table: plans}", r"churn\.table: needs a table of kind events, this one is spells"),
        ("{definition: spell_end, table: orders}", r"churn\.table: needs a table of kind spells"),
        ("{definition: label, table: orders, label: x}", r"churn\.table: needs a table of kind customers"),
        ("{definition: label, table: customers}", r"churn\.label: required by churn\.definition label"),
        ("{definition: label, table: customers, label: age}", r"churn\.label: is also the id or a feature"),
        ("{definition: event, table: orders}", r"churn\.event: required by churn\.definition event"),
        ("{definition: event, table: orders, event: {column: chanel, values: [a]}}", r"Did you mean channel\?"),
        ("{definition: event, table: visits, event: {column: x, values: [a]}}", r"not among the categories .*visits\."),
        ("{definition: event, table: orders, event: {column: channel, values: []}}", r"event\.values: must have at le"),
        ("{definition: spell_end, table: plans, end_reasons: [a]}", r"plans\.end_reason: required by churn\.end_rea"),
    ],
)
def test_churn_must_fit_its_table(load_with, churn, message):
    with pytest.raises(ConfigError, match=message):
        load_with(churn=f"churn: {churn}\n")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("clv: {table: oders}", r":12: clv\.table: no such table .*Did you mean orders\?"),
        ("clv: {table: news}", r"clv\.table: needs a table of kind events or spells, this one is calendar"),
        ("clv: {table: visits}", r":8: histories\.tables\.visits\.amount: required by clv\.measure amount"),
        ("treatments: {}", r"treatments\.table: required unless treatments\.lists or treatments\.ignore is true"),
        ("treatments: {table: contact}", r"treatments\.table: no such table"),
        ("treatments: {table: plans}", r"treatments\.table: needs a table of kind events"),
        ("treatments: {table: orders, treated: [a]}", r"treatments\.column: required by treated and control"),
        ("treatments: {table: orders, column: channel}", r"treatments\.treated: required by column, or control"),
        ("treatments: {table: orders, column: chanel, treated: [a]}", r"treatments\.column: .*Did you mean channel\?"),
        (
            "treatments: {table: orders, column: channel, treated: [a], control: [a]}",
            r"names a value that treated",
        ),
        ("treatments: {table: orders, outcomes: []}", r"treatments\.outcomes: must have at least 1"),
        ("snapshots: {anchor: joined}", r"snapshots\.at_days: required by anchor joined"),
        ("snapshots: {at_days: [30]}", r"snapshots\.at_days: only with anchor joined"),
        ("snapshots: {anchor: joined, at_days: [60, 30]}", r"snapshots\.at_days: must ascend"),
        ("features: {windows_days: [7, 7]}", r"features\.windows_days: must ascend"),
        ("features: {windows_days: [0, 7]}", r"features\.windows_days\[0\]: must be greater"),
        ("features: {windows_days: []}", r"features\.windows_days: must have at least 1 item"),
        ("campaign: {risk_bands: [0.5, 0.4, 0.7]}", r"campaign\.risk_bands: must ascend"),
        ("campaign: {risk_bands: [0.5, 0.7]}", r"campaign\.risk_bands: must have at least 3"),
        ("campaign: {risk_bands: [0.5, 0.7, 1]}", r"campaign\.risk_bands\[2\]: must be less than 1"),
        ("campaign: {channels: [phone, phone]}", r"campaign\.channels: names the same channel twice"),
        ("campaign: {value_column: agee}", r"campaign\.value_column: not among the numbers .*Did you mean age\?"),
        ("campaign: {name: ../x}", r"campaign\.name: must match"),
        ("campaign: {effect: 0}", r"campaign\.effect: must be greater than 0"),
        ("campaign: {holdout_share: 0.6}", r"campaign\.holdout_share: must be less than or equal to 0\.5"),
        ("campaign: {budget: -1}", r"campaign\.budget: must be greater"),
        ("simulate: {customers: 99}", r"simulate\.customers: must be greater than or equal to 100"),
        ("simulate: {end: soon}", r"simulate\.end: not an ISO date"),
    ],
)
def test_other_blocks_are_checked(load_with, block, message):
    with pytest.raises(ConfigError, match=message):
        load_with(block + "\n")


def test_count_needs_no_amount(load_with):
    assert load_with("clv: {table: visits, measure: count}\n").clv.measure == "count"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("folder: data/raw", "database: null", r":1: histories: folder and database: neither given"),
        (
            "folder: data/raw",
            "folder: d\n  database: postgresql://h/d",
            r"histories\.folder: with a database, must be data/fetched",
        ),
        ("orders.csv", "orders.xlsx", r":7: histories\.tables\.orders\.file: none of \.csv, "),
        ("orders.csv", "../orders.csv", r"orders\.file: not a plain path"),
        ("orders.csv", "/orders.csv", r"orders\.file: not a plain path"),
        (
            "kind: events, file: visits.csv, id: cid, time: at",
            "kind: customers, file: b.csv, id: cid",
            r":8: .* second",
        ),
    ],
)
def test_files_and_tables_are_checked(load_with, histories_text, old, new, message):
    with pytest.raises(ConfigError, match=message):
        load_with(histories=histories_text.replace(old, new))


@pytest.mark.parametrize("name", ["orders", "orders.2024/", "a/b", "orders.CSV", "orders.csv.gz", "[a.csv, b.csv]"])
def test_a_table_lies_in_a_file_several_or_a_folder(load_with, histories_text, name):
    table = load_with(histories=histories_text.replace("orders.csv", name)).histories.tables["orders"]
    assert list(table.file) == name.strip("[]").split(", ")


def test_with_a_database_file_names_a_relation(load_with):
    tables = "tables: {orders: {kind: events, file: sales.orders, id: cid, time: at}}"
    good = f"histories: {{database: postgresql://reader@host/crm, as_of: 2024-06-30, {tables}}}\n"
    assert load_with(histories=good).histories.table("orders").file == ("sales.orders",)
    with pytest.raises(ConfigError, match=r"orders\.file: not the name of a relation"):
        load_with(histories=good.replace("sales.orders", "orders; drop"))


def _blocks(model):
    yield model
    for field in model.model_fields.values():
        pending = [field.annotation]
        while pending:
            annotation = pending.pop()
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                yield from _blocks(annotation)
            pending.extend(typing.get_args(annotation))


def test_every_key_is_described():
    assert [(m.__name__, k) for m in _blocks(Params) for k, f in m.model_fields.items() if not f.description] == []
