"""Names and addresses as they should not be, through every file for people."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from list_pages import PLAN, a_list
from page_reader import PageReader
from payloads import PAYLOADS

from churnml.campaign.lists import FileOptions, write_lists
from churnml.errors import PrivacyError
from churnml.storage import digest_bytes

ODD = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 Zo\u00eb",
    "\u0645\u0631\u064a\u0645 \u062d\u0633\u0646",
    "\u202egnp.exe",
    "\u674e\u5c0f\u9f99\U00020bb7",
    "tab\tand\nline",
    "\x00\x01\x1f",
    "\uffff\ufffe",
    "'quoted' \"twice\"",
    "",
    None,
]


def names_in(folder: Path) -> tuple[list[str | None], list[object]]:
    text = (folder / "contact.csv").read_bytes().decode("utf-8-sig")
    told = [row["Name"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    sheet = openpyxl.load_workbook(folder / "contact.xlsx")["Contact"]
    at = [cell.value for cell in sheet[1]].index("Name")
    return told, [row[at].value for row in sheet.iter_rows(min_row=2)]


def test_odd_names_reach_every_file_and_damage_none(tmp_path: Path) -> None:
    write_lists(a_list(len(ODD), name=ODD), tmp_path / "x", options=FileOptions(names_on_page=True))
    told, cells = names_in(tmp_path / "x")
    assert sorted(told) == sorted(name or "" for name in ODD)
    assert set(ODD[:4]) <= set(cells)
    assert len(cells) == len(ODD)
    assert all(name in (tmp_path / "x" / "index.html").read_text("utf-8") for name in ODD[:4])


def test_s2_a_name_of_40_000_characters_is_refused_with_its_column_and_row(tmp_path: Path) -> None:
    names = ["short", "n" * 40_000, "short"]
    with pytest.raises(PrivacyError, match=r"^name: texts are longer than the 32,767 .* first in row \d") as caught:
        write_lists(a_list(3, name=names), tmp_path / "x")
    assert (caught.value.exit_code, caught.value.count) == (6, 1)
    assert "long_texts" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_40_000_characters_is_shortened_where_that_is_asked_for(tmp_path: Path) -> None:
    write_lists(a_list(2, name=["n" * 40_000, "short"]), tmp_path / "x", options=FileOptions(shorten=True))
    told, cells = names_in(tmp_path / "x")
    assert sorted(told) == sorted(cells)
    assert any(re.fullmatch(r"n{1000}\u2026 \[shortened: 40,000 characters\]", name) for name in told)


def test_an_id_is_never_shortened(tmp_path: Path) -> None:
    decisions = a_list(1, customer_id=["i" * 40_000])
    with pytest.raises(PrivacyError, match="customer_id: texts are longer"):
        write_lists(decisions, tmp_path / "x", options=FileOptions(shorten=True))


@pytest.mark.parametrize(("missing", "channel"), [("phone", "E-mail"), ("email", "Phone")])
def test_who_lacks_an_address_is_reached_another_way_or_not_listed(tmp_path: Path, missing: str, channel: str) -> None:
    decisions = a_list(4, **{missing: ["", None, " ", ""], "consent_phone": ["yes"] * 4})
    write_lists(decisions, tmp_path / "one")
    text = (tmp_path / "one" / "contact.csv").read_text("utf-8-sig")
    assert {row["Channel"] for row in csv.DictReader(io.StringIO(text, newline=""))} == {channel}
    nothing = a_list(2, phone=[None, ""], email=["", None], consent_phone=["yes"] * 2)
    manifest = write_lists(nothing, tmp_path / "none")
    assert manifest["excluded"] == {"no_contact_data": 2}


@pytest.mark.parametrize("bom", [True, False])
def test_the_mark_for_excel_can_be_left_out(tmp_path: Path, bom: bool) -> None:
    write_lists(a_list(1), tmp_path / "x", options=FileOptions(csv_bom=bom))
    for name in ("contact", "delta", "excluded", "holdout"):
        assert (tmp_path / "x" / f"{name}.csv").read_bytes().startswith(b"\xef\xbb\xbf") == bom


def test_names_stand_on_the_page_only_where_asked_and_addresses_never(tmp_path: Path) -> None:
    decisions = a_list(2, name=["Anna Muster", "Bert Muster"])
    for on_page in (True, False):
        write_lists(decisions, tmp_path / "x", options=FileOptions(names_on_page=on_page))
        page = (tmp_path / "x" / "index.html").read_text("utf-8")
        assert ("Anna Muster" in page) == on_page
        assert "example.org" not in page
        assert "+49" not in page


def test_ep_06_payloads_stay_texts_in_the_page_s_source(tmp_path: Path) -> None:
    decisions = a_list(len(PAYLOADS), customer_id=[f"{i}{p}" for i, p in enumerate(PAYLOADS)], owner=PAYLOADS)
    write_lists(decisions, tmp_path / "x")
    seen = PageReader((tmp_path / "x" / "index.html").read_bytes())
    assert seen.tags.count("script") == 2
    assert not {"img", "svg", "iframe", "base", "form", "object", "embed", "a", "link"} & set(seen.tags)
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in {"href", "src"}]


def grabbed(folder: Path) -> dict[str, bytes] | None:
    """Return the files of one and the same folder, held by its descriptor; None where it was not there as a whole."""
    try:
        held = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        found = {}
        for name in os.listdir(held):
            with open(os.open(name, os.O_RDONLY, dir_fd=held), "rb") as stream:
                found[name] = stream.read()
        if os.stat(folder).st_ino != os.fstat(held).st_ino:
            return None
    except FileNotFoundError:  # it was replaced meanwhile, and is being removed
        return None
    finally:
        os.close(held)
    return found


def test_fl_23_whatever_a_watcher_grabs_is_complete_and_as_its_manifest_says(tmp_path: Path) -> None:
    target, seen, stop = tmp_path / "spring", [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(grabbed(target))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(8):
            write_lists(a_list(3, plan=replace(PLAN, policy_version=str(number))), target)
    finally:
        stop.set()
        watcher.join()
    whole = {files["manifest.json"]: files for files in seen if files is not None}
    assert len(whole) > 1
    for manifest, files in whole.items():
        named = {name: facts["sha256"] for name, facts in json.loads(manifest)["files"].items()}
        assert {name: digest_bytes(data) for name, data in files.items() if name != "manifest.json"} == named
