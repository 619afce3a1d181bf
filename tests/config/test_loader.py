from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from churnml.config import Params, load_params, resolved, write_resolved
from churnml.errors import ConfigError

EVENTS = {"kind": "events", "file": "orders.csv", "id": "cid", "time": "at"}
MINIMAL = {
    "histories": {"folder": "data/raw", "as_of": "2024-06-30", "tables": {"orders": EVENTS}},
    "churn": {"definition": "inactivity", "table": "orders"},
}


def test_misspelt_key_names_file_line_path_and_the_nearest(load_with):
    with pytest.raises(ConfigError, match=r"^params\.yaml:13: train\.sed: unknown key\. Did you mean seed\?$"):
        load_with("train:\n  sed: 1\n")


@pytest.mark.parametrize(
    ("block", "hint"),
    [
        ("snapshots: {horizon_day: 3}", r"Did you mean horizon_days\? It belongs to churn and clv\.$"),
        ("trian: {seed: 1}", r"^params\.yaml:12: trian: unknown key\. Did you mean train\?$"),
        ("features: {zzz: 1}", r"Known keys here: windows_days, families, levels_kept, .*\.$"),
    ],
)
def test_unknown_keys_get_a_hint(load_with, block, hint):
    with pytest.raises(ConfigError, match=hint):
        load_with(block + "\n")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{kind: event, file: o.csv}", r"orders\.kind: must be one of .*\. Did you mean events\?$"),
        ("{file: o.csv}", r"orders\.kind: must be one of customers, events, spells, calendar\.$"),
        ("orders.csv", r"histories\.tables\.orders: must be a block of keys\.$"),
        ("{kind: events, file: o.csv, id: i, time: t, knwon_at: k}", r"orders\.knwon_at: unknown key\. .*known_at\?"),
        ("{kind: events, file: o.csv, id: i}", r"histories\.tables\.orders\.time: required key is missing"),
        ("{kind: events, file: o.csv, id: i, time: [t]}", r"orders\.time: must be text"),
        ("{kind: events, file: o.csv, id: i, time: t, numbers: n}", r"orders\.numbers: must be a list"),
        ("{kind: events, file: o.csv, id: i, time: t, amount: {multipy: [a, b]}}", r"amount\.multipy: unknown key\. D"),
        ("{kind: events, file: o.csv, id: i, time: t, amount: {multiply: [a, ~]}}", r"amount\.multiply\[1\]: is empty"),
        ("{kind: events, file: o.csv, id: i, time: t, csv: {null_values: [NULL]}}", r"null_values\[0\]: is empty"),
        ("{kind: customers, file: o.csv, id: i, consent: {emial: x}}", r"consent\.emial: unknown .*Did you mean email"),
    ],
)
def test_tables_are_reported_by_key_path(load, table, message):
    text = f"histories:\n  folder: d\n  as_of: 2024-06-30\n  tables:\n    orders: {table}\n"
    with pytest.raises(ConfigError, match=r"params\.yaml:5: " + ".*" + message):
        load(text + "churn: {definition: inactivity, table: orders}\n")


def test_several_problems_are_reported_together_in_line_order(load_with):
    with pytest.raises(ConfigError, match="train") as caught:
        load_with("train: {sed: 1, threads: none}\nsimulate: {months: 0}\n")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["params.yaml:12", "train.threads"],
        ["params.yaml:12", "train.sed"],
        ["params.yaml:13", "simulate.months"],
    ]
    assert caught.value.count == 3
    assert [fact["line"] for fact in caught.value.facts()["problems"]] == [12, 12, 13]


def test_contradictions_are_reported_together(load_with):
    with pytest.raises(ConfigError, match="no such table") as caught:
        load_with("clv: {table: nothing}\nsnapshots: {at_days: [1]}\n")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("value", ["sécret-42", "1e999", "nan", "-inf", "[sécret-42]", "{sécret: 42}", "'\\x1b[31m'"])
@pytest.mark.parametrize("key", ["seed", "threads"])
def test_no_value_is_repeated(load_with, key, value):
    with pytest.raises(ConfigError, match="must be") as caught:
        load_with(f"train: {{{key}: {value}}}\n")
    assert not any(word in str(caught.value) for word in ("sécret", "42", "999", "nan", "inf", "31m"))


@pytest.mark.parametrize("value", ["nan", ".nan", "inf", "1e400", "0,35", "35 %"])
def test_numbers_must_be_finite_and_plain(load_with, value):
    with pytest.raises(ConfigError, match=r"clv\.margin: must be a (finite )?number"):
        load_with(f"clv:\n  table: orders\n  margin: {value}\n")


def test_texts_that_yaml_would_convert_stay_texts(load_with):
    params = load_with("campaign: {consent_values: [yes, NO, 0123, true, 12:30:45], policy_version: 1.10}\n")
    assert params.campaign.consent_values == ("yes", "NO", "0123", "true", "12:30:45")
    assert params.campaign.policy_version == "1.10"


@pytest.mark.parametrize("block", ["histories", "churn"])
def test_required_blocks(load, block):
    given = {"histories": "churn: {definition: inactivity, table: o}\n", "churn": "histories: {}\n"}[block]
    with pytest.raises(ConfigError, match=rf"params\.yaml: {block}: required key is missing"):
        load(given)


def test_hostile_key_is_shown_harmlessly(load_with):
    with pytest.raises(ConfigError, match=r"params\.yaml:12: \?x+\.\.\.: unknown key"):
        load_with('"\\e' + "x" * 500 + '": 1\n')


def test_thousands_of_problems_are_cut(load_with):
    with pytest.raises(ConfigError, match=r"and 150 more problems\.$") as caught:
        load_with("".join(f"zzz{n}: 1\n" for n in range(200)))
    assert caught.value.count == 200


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_missing_file(tmp_path, name):
    with pytest.raises(ConfigError, match="file not found"):
        load_params(tmp_path / name)


def test_resolved_file_reads_back_equal(load_with, tmp_path):
    for more in (
        "",
        "clv: {table: orders}\nsnapshots: {anchor: joined, at_days: [30, 60]}\ncampaign: {budget: 1e-7}\n",
    ):
        params = load_with(more)
        write_resolved(params, tmp_path / "resolved.yaml")
        assert load_params(tmp_path / "resolved.yaml") == params


def test_resolved_is_plain_complete_and_ordered(load_with):
    values = resolved(load_with())
    assert list(values) == list(Params.model_fields)
    assert values["features"]["windows_days"] == [7, 30, 90, 180, 365]
    assert values["clv"] is None


@settings(deadline=None)
@given(
    texts=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True),
    cost=st.floats(min_value=0, allow_infinity=False),
)
@example(texts=["\ufffe\uffff"], cost=1.0)
def test_any_text_and_number_survives_the_resolved_file(tmp_path_factory, texts, cost):
    values = MINIMAL | {"campaign": {"consent_values": texts, "cost": cost}}
    try:
        params = Params.model_validate(values)
    except ValueError:
        return
    path = Path(tmp_path_factory.mktemp("resolved")) / "params.yaml"
    write_resolved(params, path)
    assert load_params(path) == params
