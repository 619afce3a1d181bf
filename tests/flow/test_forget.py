from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from small_company import PROJECT, TO_LISTS, few_trees, run, write_params

from churnml.config import load_params
from churnml.errors import ConfigError, DataError, EnvironmentFault, PrivacyError
from churnml.flow import forget as module
from churnml.flow.forget import Forgotten, forget
from churnml.flow.forget_ids import ids_to_forget, require_complete
from churnml.forgetting.places import files_below
from churnml.forgetting.seeing import holds
from churnml.forgetting.traces import traces_of
from churnml.parquet import read_parquet
from churnml.privacy.keys import FILE_VARIABLE, KEY_VARIABLE
from churnml.privacy.suppression import load_suppression
from churnml.storage import digest_file

TODAY = date(2024, 7, 1)
OWN = {"histories": {"folder": "data/raw"}}


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv(KEY_VARIABLE, hashlib.sha256(b"a key for tests").hexdigest())


def copied(golden: Path, folder: Path, *, results: bool = False) -> Path:
    """Make a project with files of its own out of the company that has run already."""
    write_params(folder, OWN)
    shutil.copyfile(PROJECT / "dvc.yaml", folder / "dvc.yaml")
    shutil.copytree(golden / "data" / "simulated", folder / "data" / "raw")
    for name in ("lists", "holdouts", "scored", "features", "prepared") if results else ():
        shutil.copytree(golden / "data" / name, folder / "data" / name)
    return folder


@pytest.fixture
def project(golden: Path, tmp_path: Path) -> Path:
    return copied(golden, tmp_path / "project", results=True)


def somebody(project: Path) -> dict[str, str]:
    """Return one customer who is on the list to contact."""
    listed = read_parquet(project / "data" / "lists" / "retention" / "contact.parquet")["customer_id"][0].as_py()
    rows = read_parquet(project / "data" / "raw" / "customers.parquet").to_pylist()
    return next(row for row in rows if row["customer_id"] == listed)


def forgotten(project: Path, *customers: str) -> Forgotten:
    return forget(load_params(project / "params.yaml"), root=project, customers=customers, at=TODAY)


def test_ep_12_no_file_holds_the_person_afterwards(project: Path) -> None:
    one = somebody(project)
    who = traces_of([one["customer_id"]], {"email": [one["email"]]})
    assert sum(holds(path, who) for path in files_below(project)) > 12
    done = forgotten(project, one["customer_id"])
    assert [path for path in files_below(project) if holds(path, who)] == []
    assert (done.n_unknown, done.n_left, done.receipt["state"]) == (0, 0, "done")
    require_complete(done)


def test_the_receipt_says_what_was_done_and_names_nobody(project: Path) -> None:
    one = somebody(project)
    done = forgotten(project, one["customer_id"])
    text = done.path.read_text()
    assert not any(one[name] in text for name in ("customer_id", "email", "name", "phone"))
    assert done.receipt["counts"]["sources"] > 1
    assert done.receipt["counts"]["kept"] == 3  # the hold-out draw, what was decided, who was to contact whom
    assert {"data/lists", "data/prepared", "data/features"} <= set(done.receipt["removed"])
    assert done.receipt["sentence"]["en"].startswith("1 person was forgotten: ")
    assert done.receipt["retrain"]["by"] == "2024-07-31"
    assert [item["kind"] for item in done.receipt["to_do"]] == ["backup"]
    assert done.path.stat().st_mode & 0o777 == 0o600


def test_contact_data_that_others_share_are_no_trace(project: Path) -> None:
    path = project / "data" / "raw" / "customers.parquet"
    rows = read_parquet(path)
    one, other = rows["customer_id"][0].as_py(), rows["customer_id"][1].as_py()
    shared = ["office@example.org", "office@example.org", *rows["email"].to_pylist()[2:]]
    pq.write_table(rows.set_column(rows.column_names.index("email"), "email", [shared]), path)
    forgotten(project, one)
    left = read_parquet(path)
    assert left["customer_id"][0].as_py() == other
    assert left["email"][0].as_py() == "office@example.org"


def test_somebody_unknown_is_said_and_kept_out_all_the_same(project: Path) -> None:
    done = forgotten(project, "C9999999")
    assert done.receipt["sentence"]["en"].startswith("Nothing was found here of 1 person")
    with pytest.raises(DataError, match="nothing was found of some of the persons"):
        require_complete(done)
    assert load_suppression(project).holds("C9999999")
    assert (project / "data" / "lists" / "retention" / "contact.csv").exists()


def test_a_second_time_is_no_error_and_keeps_the_first_receipt(project: Path) -> None:
    one = somebody(project)["customer_id"]
    first = forgotten(project, one)
    second = forgotten(project, one)
    require_complete(second)
    assert first.path != second.path
    assert json.loads(first.path.read_text())["counts"]["sources"] > 1


def test_several_at_once_where_one_is_unknown(project: Path) -> None:
    done = forgotten(project, somebody(project)["customer_id"], "C9999999")
    assert (done.n_unknown, len(done.receipt["persons"])) == (1, 2)


def test_a_file_of_the_users_own_is_left_and_told(project: Path) -> None:
    one = somebody(project)
    (project / "letter.txt").write_text(f"Dear {one['name']}, {one['email']}")
    done = forgotten(project, one["customer_id"])
    assert done.receipt["to_do"][0]["where"] == "letter.txt"
    assert done.receipt["state"] == "incomplete"
    with pytest.raises(PrivacyError, match="still name one of the persons"):
        require_complete(done)


@pytest.mark.parametrize("stopped", ["sweep", "still_there"])
def test_what_was_interrupted_goes_on_with_the_same_receipt(
    project: Path, monkeypatch: pytest.MonkeyPatch, stopped: str
) -> None:
    one = somebody(project)["customer_id"]

    def stop(*given: object) -> None:
        raise EnvironmentFault("the disk is full", rule="environment.no_room")

    with monkeypatch.context() as patch:
        patch.setattr(module, stopped, stop)
        with pytest.raises(EnvironmentFault, match="the disk is full"):
            forgotten(project, one)
    assert load_suppression(project).holds(one)
    done = forgotten(project, one)
    assert len(list(done.path.parent.iterdir())) == 1
    require_complete(done)


def test_ep_20_without_a_key_nothing_is_changed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(PrivacyError, match="there is no key"):
        forgotten(project, somebody(project)["customer_id"])
    assert not (project / "privacy").exists()


def test_what_lies_outside_is_listed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://tracking.example.org")
    (project / ".git").mkdir()
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("['remote \"store\"']\n    url = s3://bucket/secret\n")
    (project / ".dvc" / "config.local").write_text("no = section")
    one = somebody(project)
    folder = project / "data" / "exports" / "retention" / "klaviyo"
    folder.mkdir(parents=True)
    (folder / "part.csv").write_text(one["email"])
    said = {"target": "klaviyo", "campaign": "retention", "as_of": "2024-06-30"}
    (folder / "manifest.json").write_text(json.dumps(said))
    items = forgotten(project, one["customer_id"]).receipt["to_do"]
    assert [item["kind"] for item in items] == ["export", "remote", "tracking", "git", "backup"]
    assert [items[0]["where"], items[1]["where"]] == ["klaviyo", "store"]
    assert "secret" not in json.dumps(items)


def test_a_cache_outside_is_listed_and_not_touched(project: Path) -> None:
    one = somebody(project)["customer_id"]
    shared = project.parent / "shared" / "files" / "md5" / "12" / ("3" * 30)
    shared.parent.mkdir(parents=True)
    shared.write_text(one)
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("[cache]\n    dir = ../../shared\n")
    items = forgotten(project, one).receipt["to_do"]
    assert [item["kind"] for item in items] == ["cache", "backup"]
    assert shared.read_text() == one


@contextlib.contextmanager
def without_person(project: Path, customer: str) -> Iterator[None]:
    """Take somebody out of the raw files by hand, as if the person had never been."""
    for path in sorted((project / "data" / "raw").glob("*.parquet")):
        rows = pq.read_table(path)
        if "customer_id" in rows.column_names:
            keep = [each != customer for each in rows["customer_id"].to_pylist()]
            pq.write_table(rows.filter(keep), path)
    yield


def digests(project: Path, *places: str) -> dict[str, str]:
    files = [path for place in places for path in sorted((project / "data" / place).rglob("*")) if path.is_file()]
    return {path.relative_to(project).as_posix(): digest_file(path) for path in files if path.suffix == ".parquet"}


def test_a_later_run_is_that_of_a_history_without_the_person(golden: Path, tmp_path: Path, project: Path) -> None:
    one = somebody(project)["customer_id"]
    forgotten(project, one)
    other = copied(golden, tmp_path / "other")
    stages = ("configure", "prepare", "snapshots", "featurize", "label")
    with without_person(other, one):
        assert run(project, *stages) == run(other, *stages) == 0
    places = ("prepared", "snapshots", "features", "labels")
    assert digests(project, *places) == digests(other, *places)


def test_files_delivered_again_do_not_bring_the_person_back(golden: Path, project: Path) -> None:
    one = somebody(project)["customer_id"]
    forgotten(project, one)
    shutil.rmtree(project / "data" / "raw")
    shutil.copytree(golden / "data" / "simulated", project / "data" / "raw")
    assert run(project, "configure", "prepare") == 0
    who = traces_of([one], {})
    assert not any(holds(path, who) for path in files_below(project / "data" / "prepared"))
    found = json.loads((project / "reports" / "data_check.json").read_text())["findings"]
    assert {each["rule"] for each in found} >= {"data.forgotten"}


@pytest.mark.slow
def test_later_lists_are_those_of_a_history_without_the_person(golden: Path, tmp_path: Path) -> None:
    one = somebody(copied(golden, tmp_path / "first", results=True))["customer_id"]
    project, other = copied(golden, tmp_path / "project"), copied(golden, tmp_path / "other")
    forgotten(project, one)
    with few_trees(), without_person(other, one):
        assert run(project, *TO_LISTS) == run(other, *TO_LISTS) == 0
    assert digests(project, "scored", "lists", "holdouts") == digests(other, "scored", "lists", "holdouts")


def test_ids_come_from_the_command_line_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, named = tmp_path / "plain.csv", tmp_path / "named.csv"
    plain.write_text("C2,x\n\nC1\n")
    named.write_text("\ufeffn,customer_id\n1,C3\n2\n")
    assert ids_to_forget(["C1", "C1", " "], plain) == ["C1", "C2"]
    assert ids_to_forget([], named) == ["C3"]
    monkeypatch.setattr("sys.stdin", io.StringIO("C2\n"))
    assert ids_to_forget([], Path("-")) == ["C2"]


def test_nobody_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ConfigError, match="nobody is named"):
        ids_to_forget([], tmp_path / "empty.csv")
    with pytest.raises(ConfigError, match="cannot be read"):
        ids_to_forget([], tmp_path / "nowhere.csv")
