from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY, WINDOWS, random_company

from churnml.features import build, plan
from churnml.features.build import BucketFeatures
from churnml.features.columns import Arena
from churnml.features.plan import FeaturePlan, choose_levels, is_enough, level_counts
from churnml.flow import featurize
from churnml.histories import prepare
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History

DATES = (AS_OF - 60 * DAY, AS_OF)
PLAN = FeaturePlan(WINDOWS, {"orders.channel": ("web", "shop")})


def spine_of(bucket: Bucket) -> pa.Table:
    ids = bucket.customers.take(pa.array(np.repeat(np.arange(len(bucket.customers)), len(DATES))))
    dates = pa.array(np.tile(DATES, len(bucket.customers)), pa.int64()).cast(TIME)
    return pa.table({"customer_id": ids, "observation_date": dates})


def test_tiles_are_the_table_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = random_company(5, n_customers=120, boundaries=DATES).prepare(tmp_path)
    monkeypatch.setattr(build, "_FIRST_TILE_ROWS", 7)
    monkeypatch.setattr(build, "_LEAST_TILE_ROWS", 11)
    monkeypatch.setattr(build, "_TILE_BYTES", 1)
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        maker = BucketFeatures(bucket, Bucket(history, 0), history, PLAN, {})
        spine = spine_of(bucket)
        pieces = [piece.to_pylist() for piece in maker.tiles(spine)]
        assert [len(piece) for piece in pieces[:2]] == [7, 11]
        np.testing.assert_equal([row for piece in pieces for row in piece], maker.build(spine).to_pylist())


def test_no_snapshots_give_a_table_with_every_column(tmp_path: Path) -> None:
    history = random_company(5).prepare(tmp_path)
    maker = BucketFeatures(Bucket(history, 0), Bucket(history, 0), history, PLAN, {})
    spine = spine_of(Bucket(history, 0))
    (empty,) = maker.tiles(spine.slice(0, 0))
    assert (empty.num_rows, empty.column_names) == (0, maker.build(spine).column_names)


def test_blocks_of_an_arena_do_not_overlap_until_it_is_cleared() -> None:
    arena = Arena()
    blocks = [arena.take(n, 5) for n in (2, 3, 40, 1)]
    for number, block in enumerate(blocks):
        block[:] = number
    assert [float(block.max()) for block in blocks] == [0.0, 1.0, 2.0, 3.0]
    arena.clear()
    assert arena.take(2, 5).shape == (2, 5)


def histories_in(n_buckets: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(prepare, "_bucket_count", lambda _parts: n_buckets)
    return random_company(9, n_customers=200).prepare(root / str(n_buckets))


def test_levels_are_the_same_whatever_the_number_of_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_ENOUGH_ROWS", 50)
    four, sixteen = (histories_in(n, tmp_path, monkeypatch) for n in (4, 16))
    counted = [featurize._levels_counted(history, earliest=AS_OF, threads=1) for history in (four, sixteen)]
    assert [len(parts) for parts in counted] == [1, 4]
    assert choose_levels(counted[0]) == choose_levels(counted[1])


def test_few_rows_are_counted_in_every_bucket(tmp_path: Path) -> None:
    history = random_company(9).prepare(tmp_path)
    assert not is_enough([level_counts(Bucket(history, 0), history, known_by=AS_OF)])
    assert len(featurize._levels_counted(history, earliest=AS_OF, threads=1)) == history.n_buckets
