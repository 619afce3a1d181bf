from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crm_rows import BATCH, DAY, cells, crm_rows, export, layout, rejected, written
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.errors import DataError, PrivacyError
from churnml.exports.crm.folder import Batch, write_export
from churnml.exports.crm.rows import fill
from churnml.exports.crm.target import TARGETS
from churnml.storage import digest_file

OWN_COLUMNS = [target for target in TARGETS if target != "fxiaoke"]
PAYLOADS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "\uff1d1+1", " =1", '"=1"', "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "javascript:alert(1)", "{{7*7}}",
    "a,b", 'a"b', "a\x00b", "\U0001f600\U0001f468\u200d\U0001f469",
    "\u05e9\u05dc\u05d5\u05dd", "\u202eevil", "x" * 40_000, "Ad\u0101", "\u738b\u5c0f\u660e", "", "  ",
]  # fmt: skip


@pytest.mark.parametrize("target", OWN_COLUMNS)
def test_the_order_of_the_rows_changes_no_byte(target: str, tmp_path: Path) -> None:
    rows = crm_rows(120)
    shuffled = rows.take(np.random.default_rng(1).permutation(120))
    for name, table in (("a", rows), ("b", shuffled)):
        export(tmp_path / name, target, table)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


@pytest.mark.parametrize("target", OWN_COLUMNS)
def test_hostile_and_strange_texts_are_written_as_they_are_or_rejected(target: str, tmp_path: Path) -> None:
    n = len(PAYLOADS) * 6
    texts = dict.fromkeys(("first_name", "last_name", "reason_1"), PAYLOADS * 6)
    rows = crm_rows(n, postcode="SW1A 1AA", **texts)
    manifest = export(tmp_path, target, rows)
    kept = {row["rank"]: row for row in rows.to_pylist()}
    assert 0 < manifest["rows"]["rejected"] < n
    assert manifest["rows"]["written"] + manifest["rows"]["rejected"] == n
    if target == "klaviyo":
        known = {row["email"]: row["last_name"].strip() for row in kept.values()}
        assert all(row["Last Name"] == known[row["Email"]] for row in written(tmp_path, manifest))


def test_a_number_keeps_its_plus_sign(tmp_path: Path) -> None:
    manifest = export(tmp_path, "klaviyo", crm_rows())
    text = (tmp_path / "klaviyo" / manifest["parts"][0]["file"]).read_text("utf-8")
    assert ",+442079460000," in text
    assert "'" not in text
    assert "spreadsheet could run" in manifest["warning"]


def test_ep_01_rejected_rows_are_neutralised_and_named_with_reasons_in_both_languages_and_without_values(
    tmp_path: Path,
) -> None:
    rows = crm_rows(3, email=["jane@", "a@example.com", "b@example.com"], customer_id=["=c1", "c2", "c3"])
    export(tmp_path, "hubspot", rows)
    found = cells(tmp_path / "hubspot" / "rejected.csv")
    assert [*found[0].values()] == [
        "1", "'=c1", "Email", "bad_email",
        "Not a valid e-mail address", "\u7535\u5b50\u90ae\u4ef6\u5730\u5740\u65e0\u6548"
    ]  # fmt: skip
    assert "jane@" not in (tmp_path / "hubspot" / "rejected.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"phone": "12"}, ("Phone Number", "bad_phone")),
        ({"country": ""}, ("Phone Number", "phone_country_unknown")),
        ({"email": ""}, ("Email", "missing_required")),
    ],
)
def test_wrong_and_missing_addresses_reject_the_row(
    columns: dict[str, Any], expected: tuple[str, str], tmp_path: Path
) -> None:
    export(tmp_path, "klaviyo", crm_rows(1, **columns))
    assert rejected(tmp_path, "klaviyo") == [("c0000", *expected)]


def test_a_country_for_all_numbers_can_be_declared(tmp_path: Path) -> None:
    manifest = export(tmp_path, "klaviyo", crm_rows(country=None), batch=Batch("retention", DAY, country="GB"))
    assert written(tmp_path, manifest)[0]["Phone Number"] == "+442079460000"


@pytest.mark.parametrize("target", OWN_COLUMNS)
def test_ep_07_nobody_without_consent_is_anywhere_in_the_folder(target: str, tmp_path: Path) -> None:
    agreed = [i % 3 > 0 for i in range(180)]
    names = [f"{'yes' if ok else 'canary'}-{i}" for i, ok in enumerate(agreed)]
    flags = {f"agreed_{channel}": agreed for channel in ("list", "email", "phone", "sms", "ads")}
    rows = crm_rows(
        180, customer_id=names, external_id=names, last_name=names, email=[f"{n}@example.com" for n in names], **flags
    )
    manifest = export(tmp_path, target, rows)
    assert manifest["rows"]["withheld_without_consent"] == 60
    assert manifest["rows"]["written"] == 120
    assert not any(b"canary" in path.read_bytes() for path in (tmp_path / target).iterdir())


@pytest.mark.parametrize("target", OWN_COLUMNS)
def test_without_a_column_of_consent_nobody_agreed(target: str) -> None:
    rows = crm_rows(**{f"agreed_{channel}": None for channel in ("list", "email", "phone", "sms", "ads")})
    filled = fill(rows, layout(target, rows))
    assert (filled.table.num_rows, filled.n_withheld, filled.rejects) == (0, 3, ())


@pytest.mark.parametrize(("n", "limit", "sizes"), [(10, 5, [5, 5]), (11, 5, [5, 5, 1]), (5, 5, [5]), (1, 5, [1])])
def test_rows_are_split_at_the_limit(n: int, limit: int, sizes: list[int], tmp_path: Path) -> None:
    manifest = export(tmp_path, "hubspot", crm_rows(n), max_rows=limit)
    assert [part["rows"] for part in manifest["parts"]] == sizes
    assert [part["file"] for part in manifest["parts"]][-1] == f"hubspot-{len(sizes):03}-of-{len(sizes):03}.csv"
    assert [row["Record ID"] for row in written(tmp_path, manifest)] == crm_rows(n)["crm_id"].to_pylist()


@given(limit=st.integers(600, 3000), n=st.integers(0, 30))
@settings(max_examples=10, deadline=None)
def test_no_part_is_larger_than_the_limit_of_bytes(
    limit: int, n: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    manifest = export(folder, "hubspot", crm_rows(n, reason_1='say "x" \u738b'), max_bytes=limit)
    assert all((folder / "hubspot" / part["file"]).stat().st_size <= limit for part in manifest["parts"])
    assert sum(part["rows"] for part in manifest["parts"]) == n


def test_a_row_that_fits_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="one row is larger"):
        export(tmp_path, "hubspot", crm_rows(), max_bytes=300)
    assert [*tmp_path.iterdir()] == []


def test_manifest_counts_and_digests(tmp_path: Path) -> None:
    manifest = export(tmp_path, "zoho", crm_rows(5, email=["x", *["a@example.com"] * 4]), max_rows=3)
    folder = tmp_path / "zoho"
    assert json.loads((folder / "manifest.json").read_text("utf-8")) == manifest
    assert manifest["rows"] == {"listed": 5, "written": 4, "rejected": 1, "withheld_without_consent": 0}
    assert manifest["rejected_by_reason"] == {"bad_email": 1}
    assert [(p["part"], p["of"]) for p in manifest["parts"]] == [(1, 2), (2, 2)]
    assert all(p["sha256"] == digest_file(folder / p["file"]) for p in manifest["parts"])
    assert not manifest["re_identifiable"]


def test_the_manifest_names_what_the_target_takes_on_a_day(tmp_path: Path) -> None:
    limits = export(tmp_path, "hubspot", crm_rows())["limits"]
    assert limits == {"rows": 500_000, "bytes": 20_000_000, "files_per_day": 50, "rows_per_day": 500_000}


def test_a_suggestive_audience_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="suggests the health or the means"):
        export(tmp_path, "google_customer_match", crm_rows(), batch=Batch("retention", DAY, audience="high income"))
    assert [*tmp_path.iterdir()] == []


def test_an_empty_list_has_no_parts(tmp_path: Path) -> None:
    assert export(tmp_path, "zoho", crm_rows(0))["parts"] == []


def test_customers_listed_twice_are_refused(tmp_path: Path) -> None:
    rows = crm_rows(2, customer_id=["a", "a"])
    with pytest.raises(DataError, match="customers are listed twice"):
        write_export(rows, layout("zoho", rows), tmp_path / "zoho", BATCH)
