from __future__ import annotations

import json
from pathlib import Path

import pytest
from crm_rows import crm_rows, export

from churnml.errors import ConfigError, PrivacyError
from churnml.flow.receipts import check_receipts, receipt_lines, require_sums

IDS = crm_rows(4)["crm_id"].to_pylist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for target in ("hubspot", "salesforce"):
        export(tmp_path / "data" / "lists" / "retention", target, crm_rows(4))
    return tmp_path


def said(root: Path, *keys: str) -> list[Path]:
    path = root / "said.csv"
    path.write_text("ID,SUCCESS\n" + "".join(f"{key},true\n" for key in keys), "utf-8")
    return [path]


def test_the_result_is_kept_outside_of_what_the_pipeline_makes(root: Path) -> None:
    found, path = check_receipts(said(root, *IDS), root=root, target="salesforce")
    assert path == root / "data" / "receipts" / "retention" / "salesforce" / "receipt.json"
    assert json.loads(path.read_text("utf-8")) == found
    assert receipt_lines(found, "en") == ["Sent 4 = accepted 4 + rejected 0 + in no receipt 0"]
    require_sums(found)


def test_the_export_is_named_by_folder_list_or_target(root: Path) -> None:
    folder = root / "data" / "lists" / "retention" / "salesforce"
    for listed, target in ((folder, None), (Path("retention"), "salesforce"), (folder.parent, "salesforce")):
        found, _ = check_receipts(said(root, *IDS[:1]), root=root, listed=listed, target=target)
        assert found["target"] == "salesforce"


def test_of_two_uses_of_one_target_the_folder_of_its_name_is_meant(root: Path) -> None:
    lists = root / "data" / "lists" / "retention"
    (lists / "salesforce").rename(lists / "sf_new")
    export(lists, "salesforce", crm_rows(2))
    assert check_receipts(said(root, *IDS[:2]), root=root, target="salesforce")[0]["counts"]["sent"] == 2
    assert check_receipts(said(root, *IDS), root=root, target="sf_new")[0]["counts"]["sent"] == 4


@pytest.mark.parametrize(("target", "problem"), [(None, "several exports"), ("zoho", "no such export")])
def test_no_export_or_several_are_refused(target: str | None, problem: str, root: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        check_receipts(said(root), root=root, target=target)


def test_rows_of_nobody_end_with_code_6_and_their_place(root: Path) -> None:
    found, _ = check_receipts(said(root, *IDS, "x"), root=root, target="salesforce")
    with pytest.raises(PrivacyError, match=r"^said\.csv:6: rows are of nobody on the list") as error:
        require_sums(found)
    assert error.value.exit_code == 6
    assert receipt_lines(found, "zh")[1] == "\u4e0d\u5728\u540d\u5355\u4e2d\u7684\u884c: 1"
