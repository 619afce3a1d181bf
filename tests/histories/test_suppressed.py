from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.histories import suppressed
from churnml.histories.checks import Findings
from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.suppressed import RowFilter
from churnml.storage import digest_file
from churnml.timeline import parse_instant

IDS = st.lists(st.one_of(st.none(), st.integers(0, 12).map(str)), max_size=40)


class Known:
    digest = "x"

    def __init__(self, *customers: str) -> None:
        self.customers = customers
        self.asked: list[str] = []

    def holds(self, customer: str) -> bool:
        self.asked.append(customer)
        return customer in self.customers


@settings(deadline=None)  # the first call compiles
@given(st.lists(IDS, max_size=6), st.sets(st.integers(0, 12).map(str)))
def test_rows_are_those_of_forgotten_persons_in_every_batch(batches: list, forgotten: set[str]) -> None:
    found = RowFilter(Known(*forgotten))
    for batch in batches:
        assert found.rows(pa.array(batch, pa.string())).tolist() == [each in forgotten for each in batch]


def test_customers_whose_slots_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressed, "_SLOTS", 1)
    found = RowFilter(Known("b"))
    batch = pa.array(["a", "b", "c", "b", "a"])
    assert [found.rows(batch).tolist() for _ in range(3)] == [[False, True, False, True, False]] * 3


def test_nobody_is_asked_about_twice() -> None:
    known = Known("b")
    found = RowFilter(known)
    for _ in range(3):
        found.rows(pa.array(["a", "c", "a"]))
    assert sorted(known.asked) == ["a", "c"]


LINES = TableContract("orders", "events", "orders.csv", id="id", time="at", amount=("amount",))


def prepared(folder: Path, text: str, *forgotten: str, kept: Path | None = None) -> tuple[list[str], dict[str, int]]:
    """Return the digests of what was prepared, and what was found."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    (folder / "raw" / "orders.csv").write_text(text)
    findings = Findings()
    prepare(
        [LINES],
        root=folder,
        folder="raw",
        target=folder / "out",
        as_of=parse_instant("2024-07-01", timezone="UTC"),
        timezone="UTC",
        findings=findings,
        kept=kept,
        forgotten=RowFilter(Known(*forgotten)) if forgotten else None,
    )
    files = sorted((folder / "out").rglob("*.parquet"))
    return [digest_file(path) for path in files], {finding.rule: finding.count for finding in findings.all}


HEAD, ANN, BEN = "id,at,amount\n", "ann,2024-01-02,1\nann,2024-02-02,3\n", "ben,2024-01-05,2\n"


def test_rows_delivered_again_are_left_out_and_counted(tmp_path: Path) -> None:
    without, _ = prepared(tmp_path / "a", HEAD + BEN)
    again, found = prepared(tmp_path / "b", HEAD + ANN + BEN, "ann")
    assert again == without
    assert found == {"data.forgotten": 2}


def test_rows_kept_from_before_do_not_bring_anybody_back(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    prepared(tmp_path / "b", HEAD + ANN + BEN, kept=kept)
    again, found = prepared(tmp_path / "b", HEAD + ANN + BEN, "ann", kept=kept)
    assert again == prepared(tmp_path / "a", HEAD + BEN)[0]
    assert found == {"data.forgotten": 2}
