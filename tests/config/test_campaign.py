from __future__ import annotations

import json

import pytest

from churnml.config import load_params, resolved, write_resolved
from churnml.errors import ConfigError

HISTORIES = """\
histories:
  folder: data/raw
  as_of: "2024-06-30"
  tables:
    customers: {kind: customers, file: c.parquet, id: cid, numbers: [age], categories: [segment],
                contact: {phone: tel, owner: boss}, consent: {phone: may_call, email: may_mail}}
    orders: {kind: events, file: orders.csv, id: cid, time: ordered_at, amount: net, categories: [channel]}
    contacts: {kind: events, file: contacts.csv, id: cid, time: at, categories: [action]}
    consents: {kind: events, file: consents.csv, id: cid, time: at, categories: [way, said]}
churn: {definition: inactivity, table: orders}
treatments: {table: contacts, channel: action}
"""
FULL = """\
campaign:
  actions:
    call: {channel: phone, cost: 6, effect: {assumed: 0.2, low: 0.1, high: 0.3, by_segment: {gold: 0.25}}}
    mail: {channel: email, effect: -0.1, label: {en: Write, zh: 写信}}
  segment: segment
  teams: {inside: {owners: [Ann], per_day: {phone: 40}}, rest: {per_day: {phone: 20}}}
  capacity: null
  budget: 1000
  cap: {contacts: 2, days: 90}
  pause_days: {any: 14, phone: 30}
  eligibility: [{column: age, min: 18, why: minors}, {column: segment, none_of: [staff], why: our own}]
  leave_out: [involuntary]
  holidays: ["2024-07-04"]
  effective_from: "2024-01-01"
  stop_on: "2024-12-31"
  consent: {table: consents, channel: way, value: said}
  policies:
    - {version: "2", effective_from: "2024-05-01", budget: 500}
    - {version: "3", effective_from: "2024-09-01", capacity: 7}
"""


def given(load, block: str):
    return load(HISTORIES + "campaign: {" + block + "}\n").campaign


def test_every_key_is_read_and_survives_being_resolved(load, tmp_path) -> None:
    params = load(HISTORIES + FULL)
    assert params.campaign.actions["mail"].effect.assumed == -0.1
    assert params.campaign.pause_days == {"any": 14, "phone": 30}
    assert params.campaign.teams["rest"].owners == ("all",)
    write_resolved(params, tmp_path / "resolved.json")
    assert load_params(tmp_path / "resolved.json") == params
    assert json.loads((tmp_path / "resolved.json").read_text("utf-8")) == resolved(params)


def test_a_plain_number_is_a_pause_after_any_contact(load) -> None:
    assert given(load, "pause_days: 30").pause_days == {"any": 30}


@pytest.mark.parametrize(
    ("as_of", "version", "budget", "capacity"),
    [("2024-04-30", "1", 1000, None), ("2024-05-01", "2", 500, None), ("2024-09-01", "3", 1000, 7)],
)
def test_the_newest_policy_in_effect_counts(load, tmp_path, as_of, version, budget, capacity) -> None:
    write_resolved(load(HISTORIES.replace("2024-06-30", as_of) + FULL), tmp_path / "resolved.json")
    params = load_params(tmp_path / "resolved.json")
    rules = params.campaign.in_effect(params.histories.as_of_us, timezone="UTC")
    assert (rules.policy_version, rules.budget, rules.capacity) == (version, budget, capacity)


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("2023-12-31", r"campaign\.effective_from: no rules are in effect as of the list; these hold from 2024-01-01"),
        ("2024-12-31", r"campaign\.stop_on: the campaign makes no contact after 2024-12-31"),
    ],
)
def test_before_the_rules_and_after_the_end_no_list_is_made(load, as_of, message) -> None:
    params = load(HISTORIES.replace("2024-06-30", as_of) + FULL)
    with pytest.raises(ConfigError, match=message):
        params.campaign.in_effect(params.histories.as_of_us, timezone="UTC")


def test_models_are_judged_by_the_first_action_that_keeps_anybody(load) -> None:
    assert given(
        load, "actions: {a: {channel: email, effect: -0.1}, b: {channel: phone, effect: 0.3, cost: 2}}"
    ).usual == (
        0.3,
        2.0,
    )
    assert given(load, "effect: 0.1, cost: 5").usual == (0.1, 5.0)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            "actions: {call: {channel: phone, effect: 1.2}}",
            r":12: campaign\.actions\.call\.effect\.assumed: must be less",
        ),
        ("actions: {call: {channel: phone, effect: -1.2}}", r"effect\.assumed: must be greater than or equal to -1"),
        ("actions: {call: {channel: phone, effect: nan}}", r"effect\.assumed: must be a finite number"),
        ("actions: {call: {channel: phone, effect: {assumed: 0.2, low: 0.3}}}", r"call\.effect: assumed lies outside"),
        ("actions: {call: {channel: phone, effect: {low: 0.3}}}", r"effect\.assumed: required key is missing"),
        ("actions: {call: {channel: phone}}", r"campaign\.actions\.call\.effect: required key is missing"),
        ("actions: {call: {effect: 0.2}}", r"campaign\.actions\.call\.channel: required key is missing"),
        ("actions: {call: {channel: fone, effect: 0.2}}", r"call\.channel: must be one of .*Did you mean phone\?"),
        ("actions: {call: {channel: sms, effect: 0.2}}", r"call\.channel: the customers table has no consent column"),
        ("actions: {call: {channel: phone, efect: 0.2}}", r"call\.efect: unknown key\. Did you mean effect\?"),
        ("actions: {call: {channel: phone, effect: 0.2}, call: {channel: email, effect: 0.1}}", r"key given twice"),
        ("actions: {none: {channel: phone, effect: 0.2}}", r"campaign\.actions: no action may be called none"),
        ("actions: {../x: {channel: phone, effect: 0.2}}", r"campaign\.actions"),
        ("actions: {call: {channel: phone, effect: 0.2, cost: -1}}", r"call\.cost: must be greater"),
        ("actions: {call: {channel: phone, effect: 0.2, take_rate: 2}}", r"call\.take_rate: must be less"),
        (
            "actions: {call: {channel: phone, effect: {assumed: 0.2, by_segment: {gold: 0.3}}}}",
            r"by_segment: needs campaign\.segment",
        ),
        ("capacity: -1", r"campaign\.capacity: must be greater"),
        ("teams: {a: {owners: Ann, per_day: {phone: -1}}}", r"teams\.a\.per_day\.phone: must be greater"),
        ("teams: {a: {per_day: {}}}", r"teams\.a\.per_day: must have at least 1"),
        (
            "teams: {a: {owners: Ann, per_day: {phone: 1}}, b: {owners: [Ann], per_day: {phone: 1}}}",
            r"b\.owners: names an",
        ),
        ("segment: segmnt", r"campaign\.segment: not among the categories .*Did you mean segment\?"),
        ("cap: {contacts: 0, days: 9}", r"campaign\.cap\.contacts: must be greater"),
        ("pause_days: {telephone: 3}", r"campaign\.pause_days"),
        ("pause_days: -3", r"campaign\.pause_days\.any: must be greater"),
        ("eligibility: [{column: agee, min: 1, why: x}]", r"eligibility\[0\]\.column: neither .*Did you mean age\?"),
        ("eligibility: [{column: age, one_of: [a], why: x}]", r"eligibility\[0\]\.column: is a column of numbers"),
        ("eligibility: [{column: segment, max: 3, why: x}]", r"eligibility\[0\]\.column: is a column of texts"),
        ("eligibility: [{column: age, why: x}]", r"eligibility\[0\]: asks for nothing"),
        ("eligibility: [{column: age, min: 3, max: 2, why: x}]", r"eligibility\[0\]: min is above max"),
        ("eligibility: [{column: age, min: 3}]", r"eligibility\[0\]\.why: required key is missing"),
        ("playbook: ../plan.csv", r"campaign\.playbook: not a plain path"),
        ("playbook: /etc/passwd", r"campaign\.playbook: not a plain path"),
        ("working_days: []", r"campaign\.working_days: must have at least 1"),
        ("working_days: [monday]", r"campaign\.working_days\[0\]: must be one of"),
        ("holidays: [soon]", r"campaign\.holidays\[0\]: not an ISO date"),
        ("unknown_consent_limit: 1.1", r"campaign\.unknown_consent_limit: must be less"),
        ("consent: {table: orders, channel: chanel, value: channel}", r"consent\.channel: .*Did you mean channel\?"),
        (
            "consent: {table: consent, channel: way, value: said}",
            r"consent\.table: no events .*Did you mean consents\?",
        ),
        ("leave_out: [controllable]", r"campaign\.leave_out\[0\]: must be one of"),
        ("policies: [{version: '1', effective_from: '2024-01-01'}]", r"campaign\.policies: names the same version"),
        (
            "policies: [{version: '2', effective_from: '2024-02-01'}, {version: '3', effective_from: '2024-01-01'}]",
            r"campaign\.policies: effective_from must ascend",
        ),
        ("policies: [{version: '2', effective_from: '2024-02-01', budgt: 3}]", r"policies\[0\]\.budgt: unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(load, block, message) -> None:
    with pytest.raises(ConfigError, match=message):
        given(load, block)


@pytest.mark.parametrize(
    ("old", "new", "block", "message"),
    [
        ("treatments: {table: contacts, channel: action}\n", "", "cap: {contacts: 1, days: 9}", r"cap: needs the past"),
        (
            "treatments: {table: contacts, channel: action}\n",
            "",
            "pause_days: 9",
            r"pause_days: needs the past contacts",
        ),
        (", channel: action}", "}", "pause_days: {phone: 9}", r"pause_days: tells channels apart"),
        (
            ", owner: boss",
            "",
            "teams: {a: {owners: Ann, per_day: {phone: 1}}}",
            r"a\.owners: the customers table has no",
        ),
        ("channel: action}", "channel: actoin}", "name: x", r"treatments\.channel: not among .*Did you mean action\?"),
    ],
)
def test_what_the_tables_do_not_have_cannot_be_asked_for(load, old, new, block, message) -> None:
    with pytest.raises(ConfigError, match=message):
        load(HISTORIES.replace(old, new) + "campaign: {" + block + "}\n")


@pytest.mark.parametrize("name", ["../x", "a/b", "C:x", ".", "", "x" * 65, "名单", "con fig", "-x"])
def test_the_name_of_a_campaign_is_no_path(load, name) -> None:
    with pytest.raises(ConfigError, match=r"campaign\.name: "):
        given(load, f"name: '{name}'")
