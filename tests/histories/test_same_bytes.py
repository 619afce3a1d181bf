"""The same rows give the same bytes: whatever the order of rows and columns, the threads, the machine's time zone."""

from __future__ import annotations

import contextlib
import dataclasses
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from factories import DAY

from churnml.errors import DataError
from churnml.histories import prepare as preparing
from churnml.histories.checks import Findings
from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.spill import BucketSpill
from churnml.histories.store import open_history
from churnml.storage import digest_file

AS_OF = 19_900 * DAY
NAMES = ("id", "at", "paid", "items", "shop", "note")
ORDERS = TableContract(
    "orders", "events", "orders.csv", id="id", time="at", amount=("paid",), numbers=("items",), categories=("shop",)
)


def some_rows(n: int = 400) -> list[tuple[str, ...]]:
    rng = np.random.default_rng(3)
    days = rng.integers(0, 200, n)
    times = [f"2024-{1 + d // 30:02d}-{1 + d % 28:02d} {d % 24:02d}:30" for d in days]
    shops = rng.choice(["web", "shop", ""], n)
    return [
        (f"c{rng.integers(0, 20)}", at, f"{d}.25", f"{d % 5}", str(shop), "")
        for d, at, shop in zip(days, times, shops, strict=True)
    ]


def delivered(root: Path, rows: list[tuple[str, ...]], names: tuple[str, ...] = NAMES) -> Path:
    places = [NAMES.index(name) for name in names]
    lines = [",".join(names), *(",".join(row[place] for place in places) for row in rows)]
    (root / "raw").mkdir(parents=True)
    (root / "raw" / "orders.csv").write_text("\n".join(lines) + "\n")
    return root


def buckets(root: Path, **options: object) -> tuple[dict[str, str], dict[str, int]]:
    findings = Findings()
    contract = options.pop("contract", ORDERS)
    settings = {"as_of": AS_OF, "timezone": "Europe/Berlin", "findings": findings} | options
    prepare([contract], root=root, folder="raw", target=root / "out", **settings)
    found = {p.relative_to(root).as_posix(): digest_file(p) for p in sorted(root.rglob("bucket-*.parquet"))}
    return found, {finding.rule: finding.count for finding in findings.all}


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, str]:
    return buckets(delivered(tmp_path / "clean", sorted(set(some_rows()))))[0]


def test_in_02_columns_in_another_order(clean: dict[str, str], tmp_path: Path) -> None:
    turned = delivered(tmp_path / "turned", sorted(set(some_rows())), NAMES[::-1])
    assert buckets(turned)[0] == clean


def test_rows_in_another_order(clean: dict[str, str], tmp_path: Path) -> None:
    rows = sorted(set(some_rows()))
    np.random.default_rng(0).shuffle(rows)
    assert buckets(delivered(tmp_path / "turned", rows))[0] == clean


@pytest.mark.parametrize("threads", [1, 4])
def test_whatever_the_threads(threads: int, clean: dict[str, str], tmp_path: Path) -> None:
    assert buckets(delivered(tmp_path / "again", sorted(set(some_rows()))), threads=threads)[0] == clean


def test_in_22_copies_and_a_day_delivered_twice(clean: dict[str, str], tmp_path: Path) -> None:
    rows = sorted(set(some_rows()))
    twice = [row for row in rows if row[1].startswith("2024-03-05")]
    found, findings = buckets(delivered(tmp_path / "twice", [*rows, *twice, *rows[:3]]))
    assert found == clean
    assert twice
    assert findings["data.duplicates"] == len(twice) + 3


def test_rows_that_differ_in_an_undeclared_column_are_no_copies(tmp_path: Path) -> None:
    row = some_rows(1)[0]
    _, findings = buckets(delivered(tmp_path, [row, (*row[:-1], "another")]))
    assert findings == {}


def test_in_24_two_rows_of_a_customer(tmp_path: Path) -> None:
    people = TableContract("people", "customers", "orders.csv", id="id", categories=("shop",))
    rows = [("a", "", "", "", shop, "") for shop in ("web", "shop")] + [("b", "", "", "", "", "")]
    with pytest.raises(DataError, match=r"orders\.csv: id: customer twice in 1 of 3 rows") as found:
        buckets(delivered(tmp_path, rows), contract=people)
    assert found.value.exit_code == 3


def test_tl_15_whatever_the_time_zone_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for zone in ("UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Shanghai"):
        with monkeypatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            buckets(delivered(tmp_path / zone, some_rows()))
        digests.add(digest_file(tmp_path / zone / "out" / "manifest.json"))
    time.tzset()
    assert len(digests) == 1


def test_rows_on_their_way_lie_in_private_files_that_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Small(BucketSpill):
        def __init__(self, folder: Path, **options: int) -> None:
            super().__init__(folder, **options, limit_bytes=0)

        def take(self, bucket: int) -> object:
            folder = self._folder
            for path in (folder, folder.parent, *folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):  # the other thread may have taken its bucket
                    seen.append(stat.S_IMODE(path.stat().st_mode))
            return super().take(bucket)

    monkeypatch.setattr(preparing, "BucketSpill", Small)
    buckets(delivered(tmp_path, some_rows()))
    assert set(seen) == {0o700, 0o600}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"orders", "manifest.json"}


def test_private_files_are_swept_where_the_run_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(preparing, "finish_bucket", stops)
    with pytest.raises(MemoryError, match="no room"):
        buckets(delivered(tmp_path, some_rows()))
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_one_customer_with_most_of_the_rows(tmp_path: Path) -> None:
    rows = [("a", *row[1:]) if i % 4 else row for i, row in enumerate(sorted(set(some_rows())))]
    found, _ = buckets(delivered(tmp_path / "a", rows))
    assert found == buckets(delivered(tmp_path / "b", rows[::-1]), threads=1)[0]


def test_a_missing_level_and_a_missing_number_stay_missing(tmp_path: Path) -> None:
    contract = dataclasses.replace(ORDERS, drop_duplicates=False)
    rows = [("a", "2024-01-01", "", "", "", ""), ("a", "2024-01-02", "2", "3", "web", "")]
    buckets(delivered(tmp_path, rows), contract=contract)
    history = open_history(tmp_path / "out")
    (first, second) = [row for b in range(4) for row in history.read("orders", b).to_pylist()]
    assert (first["amount"], first["n:items"], first["c:shop"]) == (None, None, None)
    assert (second["n:items"], second["c:shop"]) == (3.0, "web")
