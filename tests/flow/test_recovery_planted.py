"""Companies of contracts with a crisis whose end is known: is the way back found when it was?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churnml.config import load_params
from churnml.flow.impact import setting_of
from churnml.flow.raw import read_histories
from churnml.flow.recovery import recovery_of
from churnml.storage import private_folder

FIRST, CRISIS, NOW = (datetime(*day, tzinfo=UTC) for day in ((2021, 1, 1), (2023, 3, 1), (2024, 6, 30)))
PERIOD = 30
N, DAYS = 4000, (NOW - FIRST).days
PARAMS = """\
histories:
  folder: raw
  as_of: 2024-06-30
  tables:
    customers: {kind: customers, file: customers.parquet, id: cid, categories: [region]}
    contracts: {kind: spells, file: contracts.parquet, id: cid, start: begun, end: ended}
churn: {definition: spell_end, table: contracts, horizon_days: 30}
crises: [{name: flood, type: natural_disaster, start: "2023-03-01", scope: region=a}]
"""


def company(folder: Path, seed: int, *, lasts_days: int, factor: float = 3.0) -> Path:
    """Write contracts that end with a constant risk, in region a ``factor`` times it while the crisis lasts."""
    rng = np.random.default_rng(seed)
    begun, in_a = rng.integers(0, DAYS - 60, N), rng.random(N) < 0.45
    patience = rng.exponential(1.0, N)
    begins, ends = (CRISIS - FIRST).days, (CRISIS - FIRST).days + lasts_days
    risk = np.where(in_a[:, None] & (np.arange(DAYS) >= begins) & (np.arange(DAYS) < ends), factor, 1.0) / 600
    risk *= np.arange(DAYS) >= begun[:, None]
    spent = np.cumsum(risk, axis=1)
    ended = np.where(spent[:, -1] > patience, (spent > patience[:, None]).argmax(axis=1), DAYS)
    ids = [f"c{k:05d}" for k in range(N)]
    end = [None if day >= DAYS else FIRST + timedelta(days=int(day), hours=1) for day in ended]
    (folder / "raw").mkdir(parents=True)
    pq.write_table(pa.table({"cid": ids, "region": np.where(in_a, "a", "b")}), folder / "raw/customers.parquet")
    start = [FIRST + timedelta(days=int(day)) for day in begun]
    table = pa.table({"cid": ids, "begun": start, "ended": pa.array(end, pa.timestamp("us", "UTC"))})
    pq.write_table(table, folder / "raw/contracts.parquet")
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def losses_of(root: Path) -> dict[str, object]:
    params = load_params(root / "params.yaml")
    with private_folder(root / "data", "prepared") as place:
        history = read_histories(params, root=root, target=place / "prepared")
        setting = setting_of(params, history)
        return recovery_of(setting, setting.changes[0])["metrics"][0]


@pytest.mark.slow
def test_a_planted_crisis_is_over_when_it_was_in_most_companies(tmp_path: Path) -> None:
    found = [losses_of(company(tmp_path / str(seed), seed, lasts_days=150)) for seed in range(20)]
    near = sum(row["days"] is not None and abs(row["days"] - 150) <= PERIOD for row in found)
    sys.stdout.write(f"back within a period of the truth: {near} of {len(found)}\n")
    assert near >= 17


@pytest.mark.slow
def test_a_crisis_that_did_nothing_shows_no_departure(tmp_path: Path) -> None:
    found = [losses_of(company(tmp_path / str(seed), 100 + seed, lasts_days=0)) for seed in range(20)]
    quiet = sum(row["state"] == "no_departure" for row in found)
    sys.stdout.write(f"no departure where there was none: {quiet} of {len(found)}\n")
    assert quiet >= 17


def test_contracts_lost_in_a_period_are_those_of_the_raw_rows(tmp_path: Path) -> None:
    row = losses_of(company(tmp_path / "one", 7, lasts_days=150))
    region = dict(zip(*pq.read_table(tmp_path / "one/raw/customers.parquet").to_pydict().values(), strict=True))
    rows = pq.read_table(tmp_path / "one/raw/contracts.parquet").to_pylist()
    for point in row["points"]:
        opens = datetime.fromisoformat(point["start"]).replace(tzinfo=UTC)
        closes = opens + timedelta(days=PERIOD)
        there = [
            r
            for r in rows
            if region[r["cid"]] == "a" and r["begun"] <= opens and (r["ended"] is None or r["ended"] > opens)
        ]
        lost = [r for r in there if r["ended"] is not None and r["ended"] <= closes]
        assert (point["n_affected"], point["affected"]) == (
            len(there),
            pytest.approx(len(lost) / len(there), abs=1e-7),
        )
