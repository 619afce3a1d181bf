from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from crm_rows import crm_rows, export

from churnml.errors import ConfigError, DataError
from churnml.exports.crm.receipt import reconcile
from churnml.exports.crm.receipt_files import Tell

IDS = crm_rows(4)["crm_id"].to_pylist()


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    export(tmp_path, "salesforce", crm_rows(4), max_rows=3)
    return tmp_path / "salesforce"


def receipt(folder: Path, text: str, name: str = "receipt.csv") -> Path:
    path = folder.parent / name
    path.write_text(text, "utf-8-sig")
    return path


def counted(found: dict[str, Any]) -> tuple[int, ...]:
    names = ("sent", "accepted", "rejected", "missing", "unmatched", "duplicates", "contradictions")
    return tuple(found["counts"][name] for name in names)


def test_a_data_loader_file_with_success_and_error(sent: Path) -> None:
    text = f"ID,SUCCESS,ERROR\n{IDS[0]}AAA,true,\n{IDS[1]},false,INVALID_FIELD:secret\n{IDS[2]},true,\n"
    found = reconcile(sent, [receipt(sent, text)])
    assert counted(found) == (4, 2, 1, 1, 0, 0, 0)
    assert found["rejected_by_code"] == {"INVALID_FIELD": 1}
    assert found["missing_rows"] == [{"file": "salesforce-002-of-002.csv", "row": 2}]
    assert found["adds_up"]
    assert "secret" not in str(found)


def test_the_success_and_error_files_of_data_loader_together(sent: Path) -> None:
    good = receipt(sent, f"ID,CLV_12M__c,STATUS\n{IDS[0]},1,Item Updated\n{IDS[1]},1,Item Updated\n", "success.csv")
    bad = receipt(sent, f"ID,CLV_12M__c,ERROR\n{IDS[2]},1,entity is deleted\n{IDS[3]},1,DOE JANE exists\n", "error.csv")
    found = reconcile(sent, [good, bad])
    assert counted(found) == (4, 2, 2, 0, 0, 0, 0)
    assert found["rejected_by_code"] == {"OTHER": 2}


def test_the_results_of_bulk_api_2(sent: Path) -> None:
    good = receipt(
        sent, f'"sf__Id","sf__Created","Id"\n"{IDS[0]}AAA","false","{IDS[0]}"\n"{IDS[1]}AAA","true","{IDS[1]}"\n'
    )
    bad = receipt(sent, f'"sf__Id","sf__Error","Id"\n"","REQUIRED_FIELD_MISSING:x","{IDS[2]}"\n', "failed.csv")
    found = reconcile(sent, [good, bad])
    assert counted(found) == (4, 2, 1, 1, 0, 0, 0)
    assert found["counts"]["created"] == 1


def test_a_file_of_errors_alone(tmp_path: Path) -> None:
    export(tmp_path, "hubspot", crm_rows(4))
    path = receipt(tmp_path / "hubspot", f"Record ID,Email,Error message\n{IDS[1]},x,Invalid property\n")
    assert counted(reconcile(tmp_path / "hubspot", [path]))[:4] == (4, 0, 1, 3)
    assert counted(reconcile(tmp_path / "hubspot", [path], rest_accepted=True))[:4] == (4, 3, 1, 0)


def test_zoho_by_address_where_records_are_created(tmp_path: Path) -> None:
    export(tmp_path, "zoho", crm_rows(3), create=True, edition="bulk_api")
    text = (
        "RECORD_ID,Email,STATUS,ERRORS\n1,JANE.0@example.com,ADDED,\n2,jane.1@example.com,UPDATED,\n"
        ",jane.2@example.com,SKIPPED,DUPLICATE_DATA\n"
    )
    found = reconcile(tmp_path / "zoho", [receipt(tmp_path / "zoho", text)])
    assert counted(found) == (3, 2, 1, 0, 0, 0, 0)


def test_any_other_file_by_named_columns(sent: Path) -> None:
    path = receipt(sent, f"Nr,Ergebnis\n{IDS[0]},gut\n{IDS[1]},schlecht\n")
    tell = Tell(key="Nr", status="Ergebnis", accepted=("gut",))
    assert counted(reconcile(sent, [path], tell=tell)) == (4, 1, 1, 2, 0, 0, 0)


def test_rows_of_nobody_duplicates_and_two_outcomes_are_named(sent: Path) -> None:
    rows = [(IDS[0], "true"), (IDS[0], "true"), (IDS[1], "true"), (IDS[1], "false"), ("999", "true"), ("", "true")]
    path = receipt(sent, "ID,SUCCESS\n" + "".join(f"{key},{said}\n" for key, said in rows))
    found = reconcile(sent, [path])
    assert counted(found) == (4, 2, 0, 2, 2, 2, 1)
    assert not found["adds_up"]
    assert [place["row"] for place in found["unmatched_rows"]] == [6, 7]
    assert [place["row"] for place in found["duplicates_rows"]] == [3, 5]
    assert found["contradictions_rows"] == [{"file": "receipt.csv", "row": 5}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no column with the key"),
        ("Name,SUCCESS\nx,true\n", "names no column with the key"),
        ("ID,Name\n1,x\n", "says nothing of success or error"),
        ("ID,SUCCESS\n1,true,more\n", ":2: has another number of cells"),
        ("ID,SUCCESS\n1,perhaps\n", ":2: has a status that is not known"),
        ('ID,SUCCESS\n"1,true\n', "quotes are not those"),
    ],
)
def test_a_malformed_receipt_is_refused(text: str, problem: str, sent: Path) -> None:
    with pytest.raises(DataError, match=problem):
        reconcile(sent, [receipt(sent, text)])


def test_a_receipt_that_is_not_there_or_not_text_is_refused(sent: Path) -> None:
    with pytest.raises(DataError, match="file not found"):
        reconcile(sent, [sent / "none.csv"])
    path = sent.parent / "x.csv"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        reconcile(sent, [path])


def test_an_export_that_was_changed_is_refused(sent: Path) -> None:
    part = sent / "salesforce-001-of-002.csv"
    part.write_bytes(part.read_bytes() + b"\n")
    with pytest.raises(DataError, match="its digest differs"):
        reconcile(sent, [])


def test_an_audience_has_no_receipt(tmp_path: Path) -> None:
    export(tmp_path, "google_customer_match", crm_rows(3))
    with pytest.raises(ConfigError, match="tells of no single rows"):
        reconcile(tmp_path / "google_customer_match", [])


def test_everything_sent_comes_back(tmp_path: Path) -> None:
    manifest = export(tmp_path, "zoho", crm_rows(50), max_rows=7)
    files = [tmp_path / "zoho" / part["file"] for part in manifest["parts"]]
    echoed = []
    for number, file in enumerate(files):
        head, *lines = file.read_text("utf-8").splitlines()
        text = "\n".join([f"{head},Status", *(f"{line},updated" for line in lines)])
        echoed.append(receipt(tmp_path / "zoho", text, f"{number}.csv"))
    assert counted(reconcile(tmp_path / "zoho", echoed)) == (50, 50, 0, 0, 0, 0, 0)
