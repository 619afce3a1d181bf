"""What is kept from run to run changes no byte: every test compares with a run that knows nothing of an earlier one."""

from __future__ import annotations

import dataclasses
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import DAY, TIME
from hypothesis import given, settings
from hypothesis import strategies as st

from churnml.errors import DataError
from churnml.histories import kept as keeping
from churnml.histories import prepare as preparing
from churnml.histories.checks import Findings
from churnml.histories.contract import TableContract
from churnml.histories.gathered import pack_profile
from churnml.histories.kept_rows import KeptRows
from churnml.histories.parts import Part
from churnml.histories.prepare import prepare
from churnml.histories.profile import HistoryProfile
from churnml.storage import digest_bytes, digest_file

AS_OF = 400 * DAY
ORDERS = TableContract(
    "orders",
    "events",
    "orders",
    id="id",
    time="at",
    amount=("paid",),
    numbers=("items",),
    categories=("shop",),
)
VERSIONS = dataclasses.replace(ORDERS, known_at="known", key=("line",))
GROUPED = dataclasses.replace(VERSIONS, key=(), group=("invoice",))
PLANS = TableContract("orders", "spells", "orders", id="id", time="at", end="end", planned_end="end", amount=("paid",))


def month(number: int, *, n: int = 60) -> pa.Table:
    """Return the rows of one month, some of them twice, some without a customer that counts."""
    rng = np.random.default_rng(number)
    at = (number * 30 * DAY + rng.integers(0, 30 * DAY, n)).astype(np.int64)
    line = rng.integers(0, 40, n)
    table = pa.table(
        {
            "id": pa.array([f"c{i % 7}" for i in line], pa.string()),
            "at": pa.array(at, TIME),
            "known": pa.array(at + rng.integers(0, 2 * DAY, n), TIME),
            "end": pa.array(at + rng.integers(DAY, 9 * DAY, n), TIME),
            "paid": rng.integers(-5, 90, n) / 4,
            "items": rng.integers(1, 5, n),
            "shop": pa.array(rng.choice(["web", "fair"], n).tolist(), pa.string()),
            "line": line,
            "invoice": pa.array([f"i{i}" for i in line // 2], pa.string()),
        }
    )
    return pa.concat_tables([table, table.slice(0, 5)])


def deliver(root: Path, *months: int) -> None:
    """Lay the files of some months into the folder, each once."""
    (root / "raw" / "orders").mkdir(parents=True, exist_ok=True)
    for number in months:
        pq.write_table(month(number), root / "raw" / "orders" / f"{number:02d}.parquet")


Told = tuple[dict[str, str], list[dict[str, object]], str]


def run(root: Path, contract: TableContract = ORDERS, *, kept: bool = True, **options: object) -> Told:
    """Prepare and return what came of it: digests of all files, findings, and what the profile gathered."""
    findings = Findings()
    settings = {"as_of": AS_OF, "timezone": "Europe/Berlin"} | options
    profile = HistoryProfile(int(str(settings["as_of"])), str(settings["timezone"]))
    place = root / "kept" if kept else None
    out = root / "out"
    shutil.rmtree(out, ignore_errors=True)
    prepare([contract], root=root, folder="raw", target=out, findings=findings, profile=profile, kept=place, **settings)
    packed, arrays = pack_profile(profile.tables["orders"])
    digests = {p.relative_to(out).as_posix(): digest_file(p) for p in sorted(out.rglob("*.*"))}
    return digests, [f.as_dict() for f in findings.all], digest_bytes(repr(packed).encode() + arrays)


@pytest.fixture
def was_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the files whose rows are read."""
    names: list[str] = []
    batches = Part.batches

    def noted(part: Part) -> object:
        names.append(part.name.removeprefix("orders/"))
        return batches(part)

    monkeypatch.setattr(Part, "batches", noted)
    return names


CONTRACTS = pytest.mark.parametrize(
    "contract", [ORDERS, VERSIONS, GROUPED, PLANS], ids=["plain", "key", "group", "spells"]
)


@CONTRACTS
def test_a_new_month_alone_is_read_and_no_byte_differs(
    contract: TableContract, was_read: list[str], tmp_path: Path
) -> None:
    deliver(tmp_path, 0, 1, 2)
    run(tmp_path, contract, as_of=100 * DAY)
    deliver(tmp_path, 3)
    was_read.clear()
    told = run(tmp_path, contract, as_of=130 * DAY)
    assert was_read == ["03.parquet"]
    assert told == run(tmp_path, contract, as_of=130 * DAY, kept=False)


def test_nothing_new_is_nothing_read(was_read: list[str], tmp_path: Path) -> None:
    deliver(tmp_path, 0, 1)
    first = run(tmp_path)
    was_read.clear()
    assert run(tmp_path) == first
    assert was_read == []


@pytest.mark.parametrize(("changed", "again"), [(3, ["03"]), (2, ["02", "03"]), (0, ["00", "01", "02", "03"])])
def test_what_stands_behind_a_changed_file_is_read_again(
    changed: int, again: list[str], was_read: list[str], tmp_path: Path
) -> None:
    deliver(tmp_path, 0, 1, 2, 3)
    run(tmp_path)
    pq.write_table(month(changed, n=50), tmp_path / "raw" / "orders" / f"{changed:02d}.parquet")
    was_read.clear()
    told = run(tmp_path)
    assert was_read == [f"{name}.parquet" for name in again]
    assert told == run(tmp_path, kept=False)


@pytest.mark.parametrize(
    ("contract", "options"),
    [
        (dataclasses.replace(ORDERS, numbers=()), {}),
        (dataclasses.replace(ORDERS, drop_duplicates=False), {}),
        (ORDERS, {"timezone": "UTC"}),
        (ORDERS, {"as_of": 75 * DAY}),
    ],
    ids=["role", "copies", "zone", "as_of"],
)
def test_another_question_is_answered_anew(
    contract: TableContract, options: dict[str, object], was_read: list[str], tmp_path: Path
) -> None:
    deliver(tmp_path, 0, 1, 2)
    run(tmp_path)
    was_read.clear()
    told = run(tmp_path, contract, **options)
    assert was_read
    assert told == run(tmp_path, contract, kept=False, **options)


def test_a_file_with_rows_after_as_of_counts_for_that_as_of_only(was_read: list[str], tmp_path: Path) -> None:
    deliver(tmp_path, 0, 1, 2)
    run(tmp_path, as_of=70 * DAY)
    was_read.clear()
    told = run(tmp_path, as_of=80 * DAY)
    assert "02.parquet" in was_read
    assert told == run(tmp_path, kept=False, as_of=80 * DAY)


def test_other_code_trusts_nothing(was_read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(tmp_path, 0)
    run(tmp_path)
    was_read.clear()
    monkeypatch.setattr(keeping, "_code", lambda: ["other"])
    run(tmp_path)
    assert was_read == ["00.parquet"]


def flip(path: Path, place: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "rows": lambda kept: flip(kept / "rows.arrow", 0.6),
    "rows cut": lambda kept: (kept / "rows.arrow").write_bytes((kept / "rows.arrow").read_bytes()[:-1]),
    "rows gone": lambda kept: (kept / "rows.arrow").unlink(),
    "state": lambda kept: [flip(path, 0.3) for path in kept.glob("state-*")],
    "state gone": lambda kept: [path.unlink() for path in kept.glob("state-*")],
    "index": lambda kept: flip(kept / "parts.json", 0.5),
    "index cut": lambda kept: (kept / "parts.json").write_bytes(b"{"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_read_again(damage: str, was_read: list[str], tmp_path: Path) -> None:
    deliver(tmp_path, 0, 1, 2)
    first = run(tmp_path)
    DAMAGE[damage](tmp_path / "kept" / "orders")
    was_read.clear()
    assert run(tmp_path) == first
    assert was_read
    was_read.clear()
    assert run(tmp_path) == first
    assert was_read == []


@pytest.mark.parametrize("last", [None, 2])
def test_a_run_that_was_stopped_half_way_leaves_no_trace_in_results(
    last: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, 0, 1, 2)
    run(tmp_path)
    if last is not None:
        pq.write_table(month(last, n=50), tmp_path / "raw" / "orders" / f"{last:02d}.parquet")
    deliver(tmp_path, 3)
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "_finish", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    assert run(tmp_path) == run(tmp_path, kept=False)


def test_rows_that_were_spilled_early_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(tmp_path, 0, 1, 2)
    monkeypatch.setattr(keeping, "KeptRows", lambda path, n_buckets: KeptRows(path, n_buckets=n_buckets, limit_bytes=0))
    first = run(tmp_path)
    assert run(tmp_path) == first
    assert run(tmp_path, kept=False) == first


def test_all_of_it_is_private(tmp_path: Path) -> None:
    deliver(tmp_path, 0, 1)
    run(tmp_path)
    kept = tmp_path / "kept" / "orders"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {path.suffix for path in kept.iterdir()} == {".arrow", ".json", ".bin"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}


def test_states_do_not_pile_up_and_lost_tables_go(tmp_path: Path) -> None:
    deliver(tmp_path, *range(6))
    run(tmp_path)
    deliver(tmp_path, 6, 7)
    (tmp_path / "kept" / "elsewhere").mkdir()
    run(tmp_path)
    assert len(list((tmp_path / "kept" / "orders").glob("state-*"))) == 3
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["orders"]


def test_contact_data_are_never_kept(tmp_path: Path) -> None:
    people = TableContract("orders", "customers", "orders", id="id", contact={"email": "shop"})
    (tmp_path / "raw" / "orders").mkdir(parents=True)
    pq.write_table(pa.table({"id": ["a"], "shop": ["mail"]}), tmp_path / "raw" / "orders" / "00.parquet")
    run(tmp_path, people)
    assert not (tmp_path / "kept").exists()


def test_too_large_a_table_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(tmp_path, 0)
    first = run(tmp_path)
    monkeypatch.setattr(keeping, "_MOST_BYTES", 100)
    assert run(tmp_path) == first
    assert not (tmp_path / "kept" / "orders").exists()


def test_while_another_run_holds_the_rows_nothing_is_kept(tmp_path: Path) -> None:
    deliver(tmp_path, 0)
    first = run(tmp_path)
    other = KeptRows(tmp_path / "kept" / "orders" / "rows.arrow", n_buckets=4)
    assert run(tmp_path) == first
    other.close()


def test_a_file_without_rows_is_told_of_again(tmp_path: Path) -> None:
    deliver(tmp_path, 0)
    pq.write_table(month(1).slice(0, 0), tmp_path / "raw" / "orders" / "01.parquet")
    first = run(tmp_path)
    assert run(tmp_path) == first == run(tmp_path, kept=False)
    assert "data.file_empty" in {finding["rule"] for finding in first[1]}


def test_a_file_is_held_against_its_manifest_though_it_is_not_read(tmp_path: Path) -> None:
    deliver(tmp_path, 0, 1)
    run(tmp_path)
    (tmp_path / "raw" / "orders" / "00.parquet.manifest.json").write_text('{"rows": 999}')
    with pytest.raises(DataError, match="shorter than its manifest"):
        run(tmp_path)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), min_size=1, max_size=5), st.data())
def test_any_series_of_deliveries_gives_what_one_run_would(
    deliveries: list[tuple[int, int]], data: st.DataObject
) -> None:
    contract = data.draw(st.sampled_from([ORDERS, VERSIONS, PLANS]))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        deliver(root, 0)
        for number, n in deliveries:
            pq.write_table(month(number, n=n), root / "raw" / "orders" / f"{number:02d}.parquet")
            as_of = data.draw(st.integers(40, 130)) * DAY
            assert run(root, contract, as_of=as_of) == run(root, contract, as_of=as_of, kept=False)
