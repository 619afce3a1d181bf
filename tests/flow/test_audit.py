"""The audit log on a project whose registry, lists and receipts are small and by hand."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from churnml import tracking
from churnml.campaign.told import TOLD_SCHEMA
from churnml.campaign.told_store import add_told
from churnml.errors import ConfigError, ModelError
from churnml.flow.audit import COLUMNS, audit_log, write_audit
from churnml.flow.promotions import add_promotion
from churnml.storage import digest_file, write_json

DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    line = {
        "at": "2024-07-02T08:00:00+00:00",
        "model": "churn",
        "version": 2,
        "digest": DIGEST,
        "approved_by": "R. Osei",
    }
    add_promotion(tmp_path, line | {"forced": True, "refusal": "may be chance", "why": '=HYPERLINK("x")', "before": 1})
    listed = {"campaign": "retention", "as_of": "2024-06-30", "model_version": "churn-ab", "counts": {"contact": 30}}
    write_json(listed, tmp_path / "data/lists/retention/manifest.json")
    exported = listed | {"target": "hubspot", "rows": {"written": 29}}
    write_json(exported, tmp_path / "data/lists/retention/hubspot/manifest.json")
    scored = {"as_of": "2024-07-01", "model": "models:/churn@champion", "model_version": "churn-ab", "sha256": DIGEST}
    write_json(scored | {"rows": 320}, tmp_path / "data/scored/fresh.parquet.manifest.json")
    write_json({"state": "done", "hashes": ["f" * 64]}, tmp_path / "privacy/receipts/2024-07-03-abc.json")
    (tmp_path / "data/lists/broken").mkdir()
    (tmp_path / "data/lists/broken/manifest.json").write_text("{")
    return tmp_path


def test_every_kind_of_entry_is_told_the_oldest_first(project: Path) -> None:
    entries = audit_log(project)
    assert [(entry["at"][:10], entry["what"], entry["rows"]) for entry in entries] == [
        ("2024-06-30", "export", 29),
        ("2024-06-30", "list", 30),
        ("2024-07-01", "scores", 320),
        ("2024-07-02", "promotion", None),
        ("2024-07-03", "forgetting", None),
    ]
    assert (entries[3]["who"], entries[3]["detail"]["refusal"]) == ("R. Osei", "may be chance")
    assert entries[1]["digest"] == digest_file(project / "data/lists/retention/manifest.json")


def test_every_import_of_outcomes_is_told_without_anybody_s_id(project: Path) -> None:
    cells = {"list": "retention", "as_of": date(2024, 6, 30), "customer_id": "C1", "arm": "contact", "outcome": "done"}
    rows = pa.Table.from_pylist([cells | {"at": datetime(2024, 7, 2, tzinfo=UTC)}], schema=TOLD_SCHEMA)
    add_told(rows, project, told_on=date(2024, 7, 4), sources=[DIGEST])
    last = audit_log(project)[-1]
    assert (last["at"], last["what"], last["rows"]) == ("2024-07-04", "outcomes", 1)
    assert last["detail"] == {"sources": DIGEST}
    assert "C1" not in str(last)


def test_the_csv_has_the_columns_and_runs_nothing(project: Path) -> None:
    assert write_audit(project, project / "audit.csv") == 5
    text = (project / "audit.csv").read_text(encoding="utf-8-sig")
    head, *rows = csv.reader(text.splitlines())
    assert head == list(COLUMNS)
    assert rows[3][COLUMNS.index("why")].startswith("'=")
    assert "f" * 64 not in text


def test_the_same_project_gives_the_same_bytes(project: Path) -> None:
    for name in ("one.json", "two.json"):
        write_audit(project, project / name)
    assert (project / "one.json").read_bytes() == (project / "two.json").read_bytes()
    assert [set(entry) for entry in json.loads((project / "one.json").read_text())] == [set(COLUMNS)] * 5


def test_trainings_of_the_registry_are_told_with_their_digests(project: Path) -> None:
    folder = project / "made"
    folder.mkdir()
    for name in ("model.txt", "model.json"):
        (folder / name).write_text("{}")
    tags = {"gate": "passed", "git_commit": "0" * 40, "data_sha256.orders.csv": DIGEST}
    done = tracking.record(
        project, tracking.RunRecord(model="churn", params={}, metrics={}, tags=tags, model_folder=folder)
    )
    tracking.set_alias(project, "churn", "champion", done.version)
    (told,) = [entry for entry in audit_log(project) if entry["what"] == "training"]
    assert (told["subject"], told["version"]) == ("churn", 1)
    assert told["digest"] == digest_file(folder / "model.json")
    assert told["detail"]["aliases"] == "champion"
    assert told["detail"]["data_sha256.orders.csv"] == DIGEST


def test_what_cannot_be_written_or_trusted_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"audit\.txt: not a name for an audit log"):
        write_audit(project, project / "audit.txt")
    (project / "models/promotions.jsonl").write_text("{")
    with pytest.raises(ModelError, match="not a line of the record"):
        audit_log(project)


def test_an_empty_project_has_an_empty_log(tmp_path: Path) -> None:
    assert write_audit(tmp_path, tmp_path / "audit.csv") == 0
    assert (tmp_path / "audit.csv").read_text(encoding="utf-8-sig") == ",".join(COLUMNS) + "\n"
