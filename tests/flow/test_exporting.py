from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from crm_rows import cells
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.campaign.lists import decide, write_lists
from churnml.campaign.plan import CampaignPlan
from churnml.config import Params
from churnml.errors import ConfigError, DataError, PrivacyError
from churnml.flow.export_plan import check_exports
from churnml.flow.exporting import contact_rows, export_rows, read_list, write_list, write_targets

PLAN = CampaignPlan(
    name="spring", effect=0.5, cost=1.0, capacity=40, holdout_share=0.3, currency="EUR", channels=("phone", "email")
)
N = 90
SPELLINGS = ["yes", "Yes", " YES ", "no", "", None, "y", "opted out", "true", "1", "\u662f", "maybe", "yes, but", "N"]


def scores(n: int = N) -> pa.Table:
    return pa.table(
        {
            "customer_id": [f"c{i:02}" for i in range(n)],
            "as_of": pa.array([1_719_705_600_000_000] * n, pa.timestamp("us", "UTC")),
            "p_churn": pa.array([None if i % 10 == 0 else 0.5 for i in range(n)], pa.float64()),
            "clv": [100.0 + i for i in range(n)],
            "model_version": ["m"] * n,
            "reason_1": ["silence;source=orders;days=61;usual=14"] * n,
        }
    )


def contacts(n: int = N, **columns: Any) -> pa.Table:
    found = {
        "customer_id": [f"c{i:02}" for i in range(n)],
        "crm_id": [f"003{i:012}" for i in range(n)],
        "email": [f"c{i:02}@example.com" for i in range(n)],
        "phone": ["+44 20 7946 0000"] * n,
        "name": ["Jane Doe"] * n,
        "consent_phone": ["yes"] * n,
        "consent_email": ["yes"] * n,
        "consent_ads": ["yes"] * n,
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in (found | columns).items()})


def params(*targets: dict[str, Any], **more: Any) -> Params:
    roles = {name: name for name in ("crm_id", "email", "phone", "name")}
    return Params.model_validate(
        {
            "histories": {
                "folder": "data",
                "as_of": "2024-06-30",
                "tables": {
                    "customers": {"kind": "customers", "file": "c.csv", "id": "id", "contact": roles},
                    "orders": {"kind": "events", "file": "o.csv", "id": "id", "time": "at"},
                },
            },
            "churn": {"definition": "inactivity", "table": "orders"},
            "campaign": {"name": "spring"},
            "exports": {"targets": list(targets), **more},
        }
    )


def run(folder: Path, loaded: Params, table: pa.Table, *, now: pa.Table | None = None) -> dict[str, Any]:
    """Decide by ``table``, export by ``now``, and return the manifests by target."""
    listed = contact_rows(decide(scores(), table, plan=PLAN))
    folders = [(entry, folder / entry.folder) for entry in loaded.exports.targets]
    made = write_targets(loaded, listed, table if now is None else now, plan=PLAN, root=folder, folders=folders)
    return {manifest["target"]: manifest for manifest in made}


def in_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*.csv")))


@given(
    words=st.lists(st.sampled_from(SPELLINGS), min_size=N, max_size=N),
    others=st.lists(st.sampled_from(SPELLINGS), min_size=N, max_size=N),
)
@settings(max_examples=15, deadline=None)
def test_ep_07_ep_08_only_contacts_with_a_declared_consent_are_in_any_file(
    words: list[str | None], others: list[str | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("exports")
    table = contacts(consent_phone=words, consent_email=others, consent_ads=others)
    loaded = params({"target": "hubspot"}, {"target": "klaviyo"}, {"target": "google_customer_match"}, country="GB")
    decisions = decide(scores(), table, plan=PLAN)
    run(folder, loaded, table)
    said = dict(zip(table["customer_id"].to_pylist(), zip(words, others, strict=True), strict=True))
    listed = set(decisions.of("contact")["customer_id"].to_pylist())
    for target, place in (("hubspot", None), ("klaviyo", 1)):
        rows = [row for path in (folder / target).glob(f"{target}-*.csv") for row in cells(path)]
        found = {row["Email"].split("@")[0] for row in rows}
        assert found <= listed
        agreed = {
            c for c, texts in said.items() if any((t or "").strip().lower() == "yes" for t in texts[place or 0 :])
        }
        assert found <= agreed
        assert target != "klaviyo" or found == listed & agreed


def test_a_consent_withdrawn_since_the_list_was_made_takes_the_customer_out(tmp_path: Path) -> None:
    before = contacts()
    listed = contact_rows(decide(scores(), before, plan=PLAN))["customer_id"].to_pylist()
    now = contacts(consent_phone=["no" if f"c{i:02}" == listed[0] else "yes" for i in range(N)])
    made = run(tmp_path, params({"target": "hubspot"}), before, now=now)
    assert made["hubspot"]["rows"]["withheld_without_consent"] == 1
    assert f"{listed[0]}@".encode() not in in_files(tmp_path)


def test_a_customer_without_contact_data_now_has_agreed_to_nothing(tmp_path: Path) -> None:
    made = run(tmp_path, params({"target": "hubspot"}), contacts(), now=contacts().slice(0, 10))
    rows = made["hubspot"]["rows"]
    assert rows["written"] < 10
    assert rows["withheld_without_consent"] == rows["listed"] - rows["written"]


def test_each_row_needs_the_consent_of_its_own_channel() -> None:
    table = contacts(consent_phone=["yes", "no", "no"] * 30, consent_email=["no", "yes", "no"] * 30)
    rows = export_rows(contact_rows(decide(scores(), table, plan=PLAN)), table, plan=PLAN)
    assert set(rows["channel"].to_pylist()) == {"phone", "email"}
    assert all(rows["agreed_list"].to_pylist())
    assert rows["agreed_phone"].to_pylist() == [channel == "phone" for channel in rows["channel"].to_pylist()]


def test_objectors_are_in_no_file(tmp_path: Path) -> None:
    now = contacts(objected=["yes" if i % 2 else "no" for i in range(N)])
    made = run(tmp_path, params({"target": "hubspot"}), contacts(), now=now)
    rows = cells(tmp_path / "hubspot" / made["hubspot"]["parts"][0]["file"])
    assert {int(row["Email"][1:3]) % 2 for row in rows} == {0}


def test_ids_alone_go_to_a_crm_where_consent_is_kept(tmp_path: Path) -> None:
    loaded = params({"target": "hubspot", "id": "customer_id"})
    listed = contact_rows(decide(scores(), None, plan=PLAN))
    rows = export_rows(listed, None, plan=PLAN)
    assert set(rows["channel"].to_pylist()) == {"unassigned"}
    folders = [(loaded.exports.targets[0], tmp_path / "hubspot")]
    made = write_targets(loaded, listed, None, plan=PLAN, root=tmp_path, folders=folders)
    assert made[0]["rows"]["written"] == listed.num_rows


def test_contact_data_without_consent_columns_reach_nobody() -> None:
    table = contacts()
    listed = contact_rows(decide(scores(), table, plan=PLAN))
    rows = export_rows(listed, table.drop_columns(["consent_phone", "consent_email", "consent_ads"]), plan=PLAN)
    assert not any(any(rows[name].to_pylist()) for name in rows.column_names if name.startswith("agreed_"))


def test_rows_say_what_was_decided_in_words(tmp_path: Path) -> None:
    run(tmp_path, params({"target": "hubspot"}), contacts())
    row = cells(tmp_path / "hubspot" / "hubspot-001-of-001.csv")[0]
    assert row["Reason 1"] == "No order for 61 days, usually every 14"
    assert row["Suggested Action"] == "Contact the customer"
    assert row["Campaign Batch"] == "spring-2024-06-30"
    assert row["Scored At"] == "2024-06-30"


def test_a_stored_list_is_read_back_and_a_changed_one_refused(tmp_path: Path) -> None:
    decisions = decide(scores(), contacts(), plan=PLAN)
    write_lists(decisions, tmp_path / "spring", also=lambda temp: write_list(contact_rows(decisions), temp))
    listed = read_list(tmp_path / "spring")
    assert listed.equals(contact_rows(decisions))
    assert not {"email", "phone", "name", "reach_at"} & set(listed.column_names)
    write_list(listed.slice(1), tmp_path / "spring")
    with pytest.raises(DataError, match="its digest differs"):
        read_list(tmp_path / "spring")
    with pytest.raises(DataError, match="no such list"):
        read_list(tmp_path / "none")


def test_a_refused_target_leaves_no_list(tmp_path: Path) -> None:
    loaded = params({"target": "meta_custom_audiences"})
    decisions = decide(scores(), contacts(), plan=PLAN)
    entry = loaded.exports.targets[0]

    def also(temp: Path) -> None:
        folders = [(entry, temp / entry.folder)]
        write_targets(loaded, contact_rows(decisions), contacts(), plan=PLAN, root=temp, folders=folders)

    with pytest.raises(PrivacyError, match="fewer people than the 100"):
        write_lists(decisions, tmp_path / "spring", also=also)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ({"target": "zoho", "edition": "gold"}, "no such edition"),
        ({"target": "braze"}, "Declare braze_id under contact"),
        ({"target": "zoho", "id": "zoho_id"}, "no column this target needs"),
        ({"target": "google_customer_match", "audience": "debtors"}, "suggests the health or the means"),
        ({"target": "fxiaoke", "template": "a.xlsx", "mapping": "b.yaml"}, "not found, or larger"),
    ],
)
def test_a_target_that_cannot_be_written_stops_before_anything_is_learned(
    target: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, PrivacyError), match=problem):
        check_exports(params(target), root=tmp_path)


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ([{"target": "zoho"}, {"target": "zoho"}], "a second target with this folder"),
        ([{"target": "fxiaoke"}], "needs both"),
        ([{"target": "zoho", "ids_only": True}], "only braze takes ids alone"),
        ([{"target": "zoho", "name": "../x"}], "pattern"),
    ],
)
def test_blocks_that_contradict_themselves_are_refused(targets: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        params(*targets)
