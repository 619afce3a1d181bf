"""Drills in a small company: what they say, and that nothing but their own folder is touched."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.csv as pcsv
import pytest
from page_reader import PageReader
from test_cli import churnml, error_of

from churnml.config import load_params
from churnml.errors import PrivacyError
from churnml.flow import drill as module
from churnml.flow.drill import MARK, drill
from churnml.flow.drill_crisis import Scenario
from churnml.flow.warning import verdict_of
from churnml.histories.edited import write_edited
from churnml.histories.store import open_history
from churnml.storage import digest_file, write_json
from churnml.timeline import parse_instant

WORDS = ("--kind", "complaints", "--size", "1", "--start", "2024-06-02", "--budget", "50", "--least", "2")


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file of a project, MLflow's among them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


@pytest.fixture(scope="module")
def project(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small company's project, with what stands for MLflow's registry and its files."""
    folder = tmp_path_factory.mktemp("project") / "company"
    shutil.copytree(golden, folder)
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        store.execute("create table registered_model_aliases (alias text)")
        store.commit()
    (folder / "mlartifacts").mkdir()
    (folder / "mlartifacts/model.txt").write_text("model", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rehearsed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drill in which every customer at risk complains; the project is the same before and after."""
    out = tmp_path_factory.mktemp("drills") / "complaints"
    before = digests(project)
    assert churnml("drill", *WORDS, "--out", str(out), folder=project) == 0
    assert digests(project) == before
    assert {"mlflow.db", "mlartifacts/model.txt", "reports/warning.json"} <= set(before)
    return out


@pytest.fixture
def told(rehearsed: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((rehearsed / "drill.json").read_text("utf-8"))
    return found


def figure(verdict: dict[str, Any], name: str) -> list[dict[str, Any]]:
    weeks: list[dict[str, Any]] = next(each for each in verdict["figures"] if each["name"] == name)["weeks"]
    return weeks


def test_the_alarm_is_raised_because_of_the_crisis_and_dated(told: dict[str, Any]) -> None:
    assert (told["raised_at"], told["raised_after_days"], told["is_passed"]) == ("2024-06-09", 7.0, True)
    assert "complaints" in told["replay"][-1]["new"]
    assert "complaints" not in told["replay"][-1]["before"]
    assert told["n_hit"] == told["n_in_scope"] > 100


def test_as_many_complaints_are_there_as_customers_were_hit(
    rehearsed: Path, project: Path, told: dict[str, Any]
) -> None:
    after = json.loads((rehearsed / "warning.json").read_text("utf-8"))
    before = json.loads((project / "reports/warning.json").read_text("utf-8"))
    counts = [sum(week["observed"] for week in figure(each, "complaints")) for each in (after, before)]
    assert counts[0] - counts[1] == told["n_hit"]
    same = [week["observed"] for week in figure(before, "losses")]
    assert [week["observed"] for week in figure(after, "losses")] == same


def test_the_list_names_exactly_those_hit_and_help_keeps_to_its_budget(rehearsed: Path, told: dict[str, Any]) -> None:
    names = [pcsv.read_csv(rehearsed / f"lists/hit/{name}.csv")["Customer"] for name in ("contact", "unreachable")]
    ids = [text for column in names for text in column.to_pylist()]
    assert len(ids) == len(set(ids)) == told["n_hit"]
    assert told["lists"]["is_exact"]
    assert (told["help"]["spent"], told["help"]["helped"]) == ("50", 25)


def test_every_file_says_that_it_is_a_drill(rehearsed: Path) -> None:
    files = [path for path in rehearsed.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".html", ".csv", ".xlsx", ".parquet"}
    for path in files:
        data = path.read_bytes()
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                data = b"".join(book.read(name) for name in book.namelist())
        mark = "drill" if path.suffix == ".parquet" else MARK
        assert mark.encode() in data, path.name


def test_no_copy_of_the_histories_stays(rehearsed: Path) -> None:
    assert {path.name for path in rehearsed.iterdir()} == {
        "drill.json", "drill.html", "warning.json", "warning.html", "lists",
    }  # fmt: skip


def test_the_report_reads_in_both_languages(rehearsed: Path) -> None:
    page = PageReader((rehearsed / "drill.html").read_bytes()).text
    for text in (
        "7 days after the start",
        "More service requests",
        "警报在危机开始后 7 天发出",
        "名单恰好列出受影响客户",
    ):
        assert text in page


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(rehearsed: Path, project: Path, tmp_path: Path) -> None:
    assert churnml("drill", *WORDS, "--out", str(tmp_path / "again"), folder=project) == 0
    assert digests(tmp_path / "again") == digests(rehearsed)


@pytest.mark.parametrize(
    "target",
    [
        "reports/warning.json",
        pytest.param("data/lists/retention/contact.csv", marks=pytest.mark.slow),
        pytest.param("mlflow.db", marks=pytest.mark.slow),
    ],
)
def test_writing_to_production_in_a_drill_raises_and_leaves_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Whatever a later change of the code may try: here the drill itself is made to write where it must not."""
    before = digests(project)
    monkeypatch.setattr(module, "write_warning", lambda found, *_paths, **_more: write_json(found, project / target))
    params = load_params(project / "params.yaml")
    start = parse_instant("2024-06-20", timezone="UTC")
    crisis = Scenario("complaints", 0.5, start, 5, "", 1)
    with pytest.raises(PrivacyError, match="lies outside of the drill's workspace"):
        drill(params, root=project, workspace=tmp_path / "x", crisis=crisis)
    assert digests(project) == before
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("kind", "name"), [("refunds", "refunds"), ("cancellations", "cancellations"), ("silence", "activity")]
)
def test_each_kind_shows_where_it_should(project: Path, tmp_path: Path, kind: Any, name: str) -> None:
    history, params = open_history(project / "data/prepared"), load_params(project / "params.yaml")
    crisis = Scenario(kind, 1.0, parse_instant("2024-06-09", timezone="UTC"), 7, "segment=consumer", 3)
    roles = module.relationship_roles(params, history, at=history.as_of)
    made = module.hit_by(history, crisis, roles, alive=module._alive(params, history, crisis.start))
    drilled = verdict_of(params, write_edited(history, tmp_path / "drilled", edit=made.edit))
    plain = verdict_of(params, history)
    after, before = ([week["observed"] for week in figure(each, name)[-3:]] for each in (drilled, plain))
    if kind == "silence":
        assert after[-1] < before[-1]
    else:
        assert sum(after) > sum(before)
    for week in range(-20, -3):
        assert figure(drilled, name)[week]["observed"] == figure(plain, name)[week]["observed"]


@pytest.mark.parametrize(
    ("words", "code", "rule"),
    [
        (["--out", "reports"], 2, "drill.workspace"),
        (["--out", "data/lists"], 2, "drill.workspace"),
        (["--out", "data/drills"], 2, "drill.workspace"),
        (["--out", ".."], 2, "drill.workspace"),
        (["--start", "2024-07-01"], 2, "drill.start"),
        (["--size", "0"], 2, "config.option"),
        (["--name", "../x"], 2, "config.option"),
        (["--scope", "segment=nobody"], 2, "drill.scope"),
        (["--budget", "1.001"], 2, "config.option"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(project: Path, words: list[str], code: int, rule: str) -> None:
    assert churnml("drill", *words, folder=project) == code
    assert error_of(project)["rule"] == rule
    assert not (project / "data/drills").exists()
