"""Every rule of the validator is broken once in a valid export, and each time it is that rule that is named."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crm_rows import crm_rows, export, layout, seal

from churnml.errors import PrivacyError
from churnml.exports.crm.target import Layout
from churnml.exports.crm.validate import validate

PEOPLE = {"first_name": "Jane", "last_name": "Doe", "postcode": "SW1A 1AA"}


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., None]:
    """Return what makes an export, changes the text of its first part, mends the manifest's digest, and validates."""

    def run(target: str, old: str, new: str, *, n: int = 2, change: Any = None, **options: Any) -> None:
        rows = crm_rows(n, **PEOPLE)
        manifest = export(tmp_path, target, rows, **options)
        path = tmp_path / target / manifest["parts"][0]["file"]
        data = path.read_bytes()
        assert old.encode() in data
        path.write_bytes(data.replace(old.encode(), new.encode(), 1))
        seal(tmp_path / target)
        held: Layout = layout(target, rows, **options)
        validate(tmp_path / target, replace(held, **change) if change else held)

    return run


@pytest.mark.parametrize(
    ("target", "old", "new", "rule"),
    [
        ("zoho", "id,Last", "\ufeffid,Last", "bom"),
        ("zoho", "\n", "\r\n", "line_end"),
        ("zoho", "Email", "E-mail", "headers"),
        ("zoho", "Doe,", "Doe,,", "cells"),
        ("zoho", "Doe,", ",", "required"),
        ("zoho", "Doe,", " Doe,", "blanks"),
        ("zoho", "Doe,", "Do\x07e,", "control"),
        ("zoho", "Doe,", "D|oe,", "forbidden"),
        ("zoho", "Doe,", f"{'x' * 256},", "length"),
        ("zoho", "003000000000000", "003000000000001", "twice"),
        ("zoho", "jane.0@", "jane.0", "email"),
        ("zoho", "0.5000", "50%", "number"),
        ("zoho", "1234.50", '"1,234.50"', "number"),
        ("zoho", "Very high", "Huge", "pick"),
        ("zoho", "07/14/2024", "2024-07-14", "date"),
        ("zoho", "06/30/2024 00:00:00", "06/30/2024", "datetime"),
        ("zoho", "False", "no", "boolean"),
        ("zoho", '"No order', 'x"No order', "cells"),
        ("zoho", 'usually every 14"', "usually every 14", "quoting"),
        ("salesforce", "003000000000000", "00300000000000", "pattern"),
        ("braze", "Call the", "<b>Call the", "markup"),
        ("braze", "Call the", "{{Call}} the", "markup"),
        ("klaviyo", "+442079460000", "'+442079460000", "phone"),
        ("klaviyo", "+442079460000", "02079460000", "phone"),
        ("google_customer_match", ",GB,", ",gb,", "pattern"),
        ("google_customer_match", ",GB,", ",,", "together"),
    ],
)
def test_a_tampered_file_is_refused(target: str, old: str, new: str, rule: str, check: Callable[..., None]) -> None:
    with pytest.raises(PrivacyError, match=r"-001-of-001\.csv") as error:
        check(target, old, new)
    assert error.value.rule == f"export.{rule}"
    assert error.value.exit_code == 6


def test_the_breach_has_its_place_and_no_value(check: Callable[..., None]) -> None:
    with pytest.raises(
        PrivacyError, match=r"^zoho-001-of-001\.csv:3: Churn_Band: no pick as the target takes it"
    ) as error:
        check("zoho", "0001,Doe,jane.1@example.com,0.5000,Very high", "0001,Doe,jane.1@example.com,0.5000,secret")
    assert (error.value.line, error.value.column) == (3, "Churn_Band")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("target", "change", "problem"),
    [
        ("zoho", {"max_rows": 1}, "no rows, or more than the target takes"),
        ("zoho", {"max_bytes": 100}, "larger than the target takes"),
        ("zoho", {"max_columns": 3}, "more columns than the target takes"),
        ("zoho", {"header_pattern": "[a-z]+"}, "no name of a field that the target knows"),
        ("zoho", {"reserved": ("email",)}, "Email: nearly a reserved header"),
        ("zoho", {"least_rows": 3}, "fewer people than the target takes"),
        ("google_customer_match", {"any_of": (("Else",),)}, "nothing to match the person by"),
    ],
)
def test_limits_hold(target: str, change: dict[str, Any], problem: str, check: Callable[..., None]) -> None:
    with pytest.raises(PrivacyError, match=problem):
        check(target, "\n", "\n", change=change)


def test_a_plain_address_among_digests_is_refused(tmp_path: Path) -> None:
    rows = crm_rows(2)
    manifest = export(tmp_path, "google_customer_match", rows)
    path = tmp_path / "google_customer_match" / manifest["parts"][0]["file"]
    lines = path.read_text("utf-8").split("\n")
    path.write_text("\n".join([lines[0], "jane@example.com" + lines[1][64:], *lines[2:]]), "utf-8")
    seal(path.parent)
    with pytest.raises(PrivacyError, match="Email: no hash as the target takes it"):
        validate(path.parent, layout("google_customer_match", rows))


def test_not_utf_8_is_refused(tmp_path: Path) -> None:
    rows = crm_rows(2)
    path = tmp_path / "zoho" / export(tmp_path, "zoho", rows)["parts"][0]["file"]
    path.write_bytes(path.read_bytes().replace(b"Doe", b"D\xf6e"))
    seal(path.parent)
    with pytest.raises(PrivacyError, match="not UTF-8"):
        validate(path.parent, layout("zoho", rows))


def test_a_changed_digest_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    rows = crm_rows(2)
    folder = tmp_path / "zoho"
    path = folder / export(tmp_path, "zoho", rows)["parts"][0]["file"]
    path.write_bytes(path.read_bytes().replace(b"Doe", b"Dae"))
    with pytest.raises(PrivacyError, match="its digest differs"):
        validate(folder, layout("zoho", rows))
    (folder / "more.csv").write_text("x", "utf-8")
    with pytest.raises(PrivacyError, match="files are not those of the manifest"):
        validate(folder, layout("zoho", rows))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"rows": {"listed": 9, "written": 2, "rejected": 0, "withheld_without_consent": 0}}, "sums"),
        ({"rejected_by_reason": {"bad_email": 1}}, "sums"),
        ({"re_identifiable": False}, "mark"),
    ],
)
def test_a_manifest_that_does_not_add_up_is_refused(changes: dict[str, Any], rule: str, tmp_path: Path) -> None:
    rows = crm_rows(2)
    export(tmp_path, "google_customer_match", rows)
    seal(tmp_path / "google_customer_match", **changes)
    with pytest.raises(PrivacyError, match=r"manifest\.json") as error:
        validate(tmp_path / "google_customer_match", layout("google_customer_match", rows))
    assert error.value.rule == f"export.{rule}"


def test_parts_out_of_order_and_other_counts_are_refused(tmp_path: Path) -> None:
    rows = crm_rows(4)
    manifest = export(tmp_path, "zoho", rows, max_rows=2)
    held = layout("zoho", rows, max_rows=2)
    seal(tmp_path / "zoho", parts=manifest["parts"][::-1])
    with pytest.raises(PrivacyError, match="parts are not numbered through"):
        validate(tmp_path / "zoho", held)
    seal(tmp_path / "zoho", parts=[manifest["parts"][0] | {"rows": 1}, manifest["parts"][1]])
    with pytest.raises(PrivacyError, match="another number of rows than its manifest says"):
        validate(tmp_path / "zoho", held)


def test_an_archive_holds_one_file(tmp_path: Path) -> None:
    rows = crm_rows(2)
    path = tmp_path / "zoho" / export(tmp_path, "zoho", rows, edition="bulk_api")["parts"][0]["file"]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.csv", "x")
    seal(path.parent)
    with pytest.raises(PrivacyError, match="not one CSV in the archive"):
        validate(path.parent, layout("zoho", rows, edition="bulk_api"))
