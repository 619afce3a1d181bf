from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from forgetting_project import EMAIL, ID, NAME, OTHER, SHORT, WHO, cached, database, table, text, zipped
from small_company import PROJECT

from churnml.forgetting import sweep as module
from churnml.forgetting.places import Layout, files_below, layout_of
from churnml.forgetting.rows import Columns
from churnml.forgetting.sweep import still_there, sweep
from churnml.parquet import read_parquet

HELD = {
    "data/raw/extra.csv": f"id,n\n{ID},1\n{OTHER},2\n",
    "data/lists/retention/index.html": f"<td>{NAME}</td>",
    "data/exports/retention/crm/part.csv": EMAIL,
    "data/exports/retention/crm/manifest.json": "{}",
    "data/receipts/retention/crm/receipt.json": f'{{"row": "{ID}"}}',
    "data/resolved/params.json": f'{{"note": "{ID}"}}',
    ".churnml/backtests/churn/abc/facts.json": f'["{ID}"]',
    ".churnml/notes.txt": ID,
    "reports/last_error.json": f'{{"what": "{ID}"}}',
    f"data/customers/{ID}/why.json": "{}",
    f"reports/{ID}.html": "a page of one person",
    "models/churn/model.txt": f"levels: {ID}",
    "models/old/model.txt": f"levels: {ID}",
    "mlartifacts/ab/artifacts/model/model.txt": ID,
    ".dvc/tmp/exps/run/params.json": ID,
    "logs/run.log": f"row of {EMAIL}",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copyfile(PROJECT / "dvc.yaml", tmp_path / "dvc.yaml")
    for name, content in HELD.items():
        text(tmp_path / name, content)
    table(tmp_path / "data" / "raw" / "customers.parquet", id=[ID, OTHER], email=[EMAIL, "x@example.org"])
    table(tmp_path / "data" / "holdouts" / "retention.parquet", customer_id=[ID, OTHER], arm=["treat", "holdout"])
    table(tmp_path / ".churnml" / "lists" / "retention" / "2024-06-30" / "0001-abc.parquet", customer_id=[ID, OTHER])
    text(tmp_path / ".churnml" / "parts" / "orders" / "rows.arrow", f"{ID}{OTHER}")
    zipped(tmp_path / "data" / "lists" / "retention" / "contact.xlsx", f"<t>{NAME}</t>")
    cached(tmp_path / ".dvc" / "cache", ID.encode())
    database(tmp_path / "mlflow.db", f"about {ID}")
    return tmp_path


def layout(project: Path) -> Layout:
    raw = project / "data" / "raw"
    return layout_of(project, raw=raw, tables={raw / "customers.parquet": Columns(["id"])})


def test_ep_12_nothing_is_left_of_the_person(project: Path) -> None:
    done = sweep(layout(project), WHO)
    assert still_there(layout(project), WHO) == []
    bytes_left = b"".join(path.read_bytes() for path in files_below(project))
    assert ID.encode() not in bytes_left.replace(OTHER.encode(), b"")
    assert done.found
    assert dict(done.counts) == {"sources": 2, "kept": 2, "made": 13, "caches": 2, "objects": 1, "record": 1}


def test_what_cannot_be_made_again_loses_only_the_persons_rows(project: Path) -> None:
    sweep(layout(project), WHO)
    places = ("data/holdouts/retention.parquet", ".churnml/lists/retention/2024-06-30/0001-abc.parquet")
    assert [read_parquet(project / place)["customer_id"].to_pylist() for place in places] == [[OTHER], [OTHER]]
    assert read_parquet(project / "data/raw/customers.parquet")["id"].to_pylist() == [OTHER]
    assert (project / "data/raw/extra.csv").read_text() == f"id,n\n{OTHER},2\n"


def test_a_second_time_there_is_nothing_to_do(project: Path) -> None:
    sweep(layout(project), WHO)
    assert not sweep(layout(project), WHO).found


@pytest.mark.parametrize("step", ["clean_cache", "clean_database", "_clean_sources", "_clean_loose"])
def test_what_was_interrupted_can_be_done_again(project: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def stop(*given: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, step, stop)
        with pytest.raises(KeyboardInterrupt):
            sweep(layout(project), WHO)
    assert read_parquet(project / "data/raw/customers.parquet")["id"].to_pylist() == [ID, OTHER]
    assert sweep(layout(project), WHO).found
    assert still_there(layout(project), WHO) == []


def test_histories_that_a_stage_makes_are_made_again(project: Path) -> None:
    raw = table(project / "data" / "simulated" / "orders.parquet", customer_id=[ID, OTHER]).parent
    made = layout_of(project, raw=raw, tables={})
    sweep(made, WHO)
    assert not raw.exists()
    assert (project / "data" / "raw" / "extra.csv").read_text() == "id,n\n" + f"{OTHER},2\n"
    table(raw / "orders.parquet", customer_id=[OTHER])
    sweep(made, WHO)
    assert raw.exists()


def test_without_histories_and_pipeline_the_rest_is_done(tmp_path: Path) -> None:
    text(tmp_path / "reports" / "a.html", ID)
    assert sweep(layout_of(tmp_path, raw=None, tables={}), WHO).removed == ["reports/a.html"]
    assert not sweep(layout_of(tmp_path, raw=tmp_path / "nowhere", tables={}), WHO).found


def test_folders_of_a_short_id_are_found_by_their_name(tmp_path: Path) -> None:
    for customer in ("17", "170"):
        text(tmp_path / "data" / "customers" / customer / "why.json", "{}")
    assert sweep(layout_of(tmp_path, raw=None, tables={}), SHORT).removed == ["data/customers/17"]
    assert [path.name for path in (tmp_path / "data" / "customers").iterdir()] == ["170"]


def test_a_drill_goes_as_every_list_does(tmp_path: Path) -> None:
    folder = tmp_path / "data/drills/drill/lists/hit"
    text(folder / "contact.csv", f"id\n{ID}\n")
    text(folder / "manifest.json", "{}")
    text(tmp_path / "data/drills/drill/drill.json", "{}")
    assert sweep(layout_of(tmp_path, raw=None, tables={}), WHO).removed == ["data/drills/drill/lists/hit"]


def test_other_data_lose_rows_at_most(tmp_path: Path) -> None:
    text(tmp_path / "data" / "older" / "orders.csv", f"id,n\n{ID},1\n{OTHER},2\n")
    text(tmp_path / "data" / "older" / "letter.txt", NAME)
    known = layout_of(tmp_path, raw=None, tables={})
    sweep(known, WHO)
    assert (tmp_path / "data" / "older" / "orders.csv").read_text() == f"id,n\n{OTHER},2\n"
    assert still_there(known, WHO) == ["data/older/letter.txt"]


def test_what_is_not_the_pipelines_is_told_and_not_touched(project: Path) -> None:
    text(project / "notes.md", f"call {NAME}")
    text(project / f"{ID}.docx", "")
    sweep(layout(project), WHO)
    assert still_there(layout(project), WHO) == [".docx", "notes.md"]
    assert (project / "notes.md").read_text() == f"call {NAME}"


def test_examples_in_the_programs_own_code_are_nobody(tmp_path: Path) -> None:
    known = layout_of(tmp_path, raw=None, tables={})
    text(tmp_path / "docs" / "a.md", ID)
    assert still_there(known, WHO) == ["docs/a.md"]
    text(tmp_path / "src" / "churnml" / "a.py", ID)
    assert still_there(known, WHO) == []


def test_environments_git_and_links_are_not_walked(tmp_path: Path) -> None:
    text(tmp_path / ".git" / "a", "")
    text(tmp_path / "env" / "pyvenv.cfg", "")
    text(tmp_path / "env" / "lib" / "b", "")
    text(tmp_path / "c", "")
    (tmp_path / "d").symlink_to(tmp_path / "c")
    assert [path.name for path in files_below(tmp_path)] == ["c"]
