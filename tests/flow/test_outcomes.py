from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_cli import churnml

from churnml.campaign.told_store import TOLD, told_about, told_files, told_rows
from churnml.campaign.work import WORK, keep_work, work_rows, write_work
from churnml.config import Params, load_params
from churnml.errors import DataError
from churnml.flow.forget import forget
from churnml.flow.outcomes import OUTCOMES, import_outcomes, outcome_lines, require_all_used
from churnml.flow.told import with_outcomes_digest
from churnml.privacy.keys import KEY_VARIABLE
from churnml.timeline import NEVER, parse_instant

DAY, TODAY = date(2024, 6, 30), date(2024, 7, 10)
NINE = datetime.fromisoformat("2024-07-02T09:00")
PARAMS = """
histories:
  folder: data/raw
  as_of: "2024-06-30"
  timezone: Europe/Berlin
  tables:
    customers: {kind: customers, file: customers.csv, id: id}
    orders: {kind: events, file: orders.csv, id: id, time: at}
churn: {definition: inactivity, table: orders, horizon_days: 30, active_within_days: 90}
"""
CALLS = """Customer;Result;Date;Agent;Notes
a;accepted;2024-07-02;Ann;wants a call on Sunday
b;no answer;2024-07-02 09:00;Ann;
c;;;;
h;done;2024-07-03;Bo;
x;done;2024-07-03;Bo;
a;perhaps;2024-07-04;Ann;
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(PARAMS, "utf-8")
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "customers.csv").write_text("id\na\nb\n", "utf-8")
    contact = pa.table({"customer_id": ["a", "b", "c"], "owner": ["Ann", "Ann", "Bo"], "contact_by": [DAY] * 3})
    rows = work_rows({"contact": contact, "holdout": pa.table({"customer_id": ["h"]})})
    write_work(rows, tmp_path / "work.parquet", name="retention", day=DAY)
    keep_work(tmp_path / "work.parquet", tmp_path / WORK)
    (tmp_path / "work.parquet").unlink()
    return tmp_path


@pytest.fixture
def params(root: Path) -> Params:
    return load_params(root / "params.yaml")


def calls(root: Path, text: str = CALLS, name: str = "calls.csv") -> Path:
    (root / name).write_text(text, "utf-8")
    return root / name


def contacts(root: Path) -> list[tuple[str, str]]:
    rows = told_rows(root).to_pylist()
    return [(row["customer_id"], row["outcome"]) for row in rows]


def test_what_can_be_used_is_kept_and_what_cannot_is_told_with_its_row(root: Path, params: Params) -> None:
    found = import_outcomes(params, [calls(root)], root=root, today=TODAY)
    assert contacts(root) == [("a", "accepted"), ("b", "not_reached"), ("h", "done")]
    assert found.unused == (("calls.csv", 6, "not_on_a_list"), ("calls.csv", 7, "unknown_outcome"))
    (file,) = found.report["files"]
    assert file["rows"] == 6 == sum(file[part] for part in ("new", "known", "without_outcome", "unused", "forgotten"))
    with pytest.raises(DataError, match=r"^calls\.csv:6: rows could not be used, the first one because its customer"):
        require_all_used(found)
    unused = root / file["unused_rows"]
    assert unused.stat().st_mode & 0o077 == 0
    assert unused.read_text("utf-8-sig").splitlines()[1:] == [
        "6,not_on_a_list,,x,done,2024-07-02T22:00:00Z,Bo,",
        "7,unknown_outcome,,a,perhaps,2024-07-03T22:00:00Z,Ann,",
    ]


def test_notes_are_stored_nowhere(root: Path, params: Params) -> None:
    import_outcomes(params, [calls(root)], root=root, today=TODAY)
    made = [path for folder in (root / TOLD, root / OUTCOMES) for path in folder.rglob("*") if path.is_file()]
    assert len(made) == 7
    assert not any(b"Sunday" in path.read_bytes() for path in made)


def test_told_again_nothing_changes_and_a_correction_adds(root: Path, params: Params) -> None:
    import_outcomes(params, [calls(root)], root=root, today=TODAY)
    before = {path: path.read_bytes() for path in (root / TOLD).rglob("*.parquet")}
    again = import_outcomes(params, [calls(root)], root=root, today=date(2024, 7, 12))
    assert {path: path.read_bytes() for path in (root / TOLD).rglob("*.parquet")} == before
    assert (again.report["files"][0]["new"], again.report["files"][0]["known"]) == (0, 3)
    later = calls(root, CALLS + "b;refused;2024-07-05;Ann;\n", "later.csv")
    assert import_outcomes(params, [later], root=root, today=TODAY).report["total"]["refused"] == 1
    assert len(contacts(root)) == 4
    assert before.items() <= {path: path.read_bytes() for path in (root / TOLD).rglob("*.parquet")}.items()
    assert [facts["rows"] for _, facts in told_files(root)] == [3, 1]


def test_a_corrected_file_leaves_no_unused_rows(root: Path, params: Params) -> None:
    import_outcomes(params, [calls(root)], root=root, today=TODAY)
    params = params.model_copy(update={"outcomes": params.outcomes.model_copy(update={"words": {"Perhaps": "done"}})})
    keep = CALLS.replace("x;done;2024-07-03;Bo;\n", "")
    found = import_outcomes(params, [calls(root, keep)], root=root, today=TODAY)
    require_all_used(found)
    assert found.report["total"]["done"] == 1


def test_the_report_is_the_same_in_all_its_files(root: Path, params: Params) -> None:
    found = import_outcomes(params, [calls(root)], root=root, today=TODAY)
    folder = root / OUTCOMES / "report"
    assert json.loads((folder / "report.json").read_text("utf-8")) == found.report
    assert (folder / "by_owner.csv").read_text("utf-8-sig").splitlines()[1:] == [
        "retention,2024-06-30,Ann,2,0,1,0,1,0,0,2,1,1,0,0,0,0.5",
        "retention,2024-06-30,Bo,1,0,0,0,0,0,1,0,1,1,1,1,0,",
    ]
    assert (folder / "held_out_contacted.csv").read_text("utf-8-sig").splitlines()[1:] == [
        "retention,2024-06-30,h,done,2024-07-03,Bo"
    ]
    page = (folder / "index.html").read_text("utf-8")
    assert "名单跟进情况" in page
    assert "Follow-up of the work on the lists" in page
    lines = outcome_lines(found.report, "en")
    assert lines[-2] == "3 customers to contact: 1 reached, 0 on a later list, 2 open, 2 of these overdue."


def workbook(root: Path) -> Path:
    book = openpyxl.Workbook()
    for row in (["客户编号", "结果", "联系时间", "备注"], ["a", "已接受", NINE, "私人"], [None] * 4):
        book.active.append(row)
    book.save(root / "calls.xlsx")
    return root / "calls.xlsx"


def parquet(root: Path) -> Path:
    at = pa.array([NINE], pa.timestamp("ms"))
    pq.write_table(pa.table({"customer_id": ["a"], "outcome": ["accepted"], "at": at}), root / "calls.parquet")
    return root / "calls.parquet"


@pytest.mark.parametrize("make", [workbook, parquet])
def test_workbooks_and_parquet_are_read_alike(make, root: Path, params: Params) -> None:
    import_outcomes(params, [make(root)], root=root, today=TODAY)
    assert contacts(root) == [("a", "accepted")]
    (at,) = told_rows(root)["at"].to_pylist()
    assert at.isoformat() == "2024-07-02T07:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Customer;Date\na;2024-07-02\n", r"calls\.csv:1: no column tells the outcome"),
        ("Customer;Result;Date\na;done\n", r"calls\.csv"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(text: str, problem: str, root: Path, params: Params) -> None:
    with pytest.raises(DataError, match=problem):
        import_outcomes(params, [calls(root), calls(root, text)], root=root, today=TODAY)
    assert not (root / TOLD).exists()


@pytest.mark.parametrize("name", ["calls.xlsx", "calls.txt", "none.csv"])
def test_what_is_no_table_is_refused(name: str, root: Path, params: Params) -> None:
    if name != "none.csv":
        calls(root, name=name)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        import_outcomes(params, [root / name], root=root, today=TODAY)


def test_without_any_list_there_is_nothing_to_follow_up(tmp_path: Path, params: Params) -> None:
    with pytest.raises(DataError, match="no list was made yet"):
        import_outcomes(params, [], root=tmp_path / "empty", today=TODAY)


def test_forgotten_persons_are_taken_out_and_do_not_come_back(
    root: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, hashlib.sha256(b"a key for tests").hexdigest())
    file = calls(root)
    import_outcomes(params, [file], root=root, today=TODAY)
    text = file.read_text("utf-8")
    file.unlink()
    done = forget(params, root=root, customers=["b"], at=TODAY)
    assert done.n_left == 0
    assert contacts(root) == [("a", "accepted"), ("h", "done")]
    found = import_outcomes(params, [calls(root, text)], root=root, today=TODAY)
    assert found.report["files"][0]["forgotten"] == 1
    assert contacts(root) == [("a", "accepted"), ("h", "done")]


def test_what_was_told_is_a_part_of_the_parameters(root: Path, params: Params) -> None:
    assert with_outcomes_digest(params, root=root).outcomes.digest is None
    import_outcomes(params, [calls(root)], root=root, today=TODAY)
    first = with_outcomes_digest(params, root=root).outcomes.digest
    import_outcomes(params, [calls(root, CALLS + "b;refused;2024-07-05;Ann;\n")], root=root, today=TODAY)
    assert None is not first != with_outcomes_digest(params, root=root).outcomes.digest


def test_the_newest_contact_of_a_customer_comes_first(root: Path, params: Params) -> None:
    import_outcomes(params, [calls(root, CALLS + "b;refused;2024-07-05;Ann;\n")], root=root, today=TODAY)
    told = told_about(root, "b", until=NEVER, timezone="Europe/Berlin")
    assert [(each["day"], each["campaign"], each["outcome"], each["owner"]) for each in told] == [
        ("2024-07-05", "retention", "refused", "Ann"),
        ("2024-07-02", "retention", "not_reached", "Ann"),
    ]
    until = parse_instant("2024-07-04", timezone="UTC")
    assert [each["outcome"] for each in told_about(root, "b", until=until, timezone="UTC")] == ["not_reached"]


@pytest.mark.parametrize(("text", "code"), [(CALLS, 3), ("Customer,Result,Date\na,done,2024-07-02\n", 0)])
def test_the_command_says_by_its_code_that_rows_could_not_be_used(
    text: str, code: int, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert churnml("outcomes", str(calls(root, text)), "--as-of", "2024-07-10", folder=root) == code
    told = capsys.readouterr()
    assert "3 customers to contact: 1 reached" in told.out
    assert ("rows could not be used" in told.err) is (code == 3)


def test_a_day_that_is_none_is_refused_before_anything_is_kept(root: Path) -> None:
    assert churnml("outcomes", str(calls(root)), "--as-of", "10.07.2024", folder=root) == 2
    assert not (root / TOLD).exists()
