"""What ``churnml verify`` looks at: the project's own outputs where they are current, else the same made privately."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import Params, resolved
from churnml.errors import DataError
from churnml.features.plan import Feature, FeaturePlan
from churnml.flow.buckets import bucket_path
from churnml.flow.featurize import featurize
from churnml.flow.label import label
from churnml.flow.raw import folder_of, read_histories
from churnml.flow.roles import churn_definition
from churnml.flow.spine import make_spine, read_plan
from churnml.histories.bucket import Bucket
from churnml.histories.conform import TIME
from churnml.histories.store import History, open_history
from churnml.parquet import read_parquet, write_parquet
from churnml.snapshots.population import at_risk
from churnml.snapshots.spine import SnapshotPlan
from churnml.storage import digest_file, private_folder, read_json, write_json
from churnml.verification.excerpt import Excerpt

__all__ = ["Verified", "open_verified", "spine_rows"]

Int64s = npt.NDArray[np.int64]
_BLOCKS = ("histories", "churn", "clv", "snapshots", "features")


@dataclass(frozen=True)
class Verified:
    """A project under proof.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    history : History
    spine, features, labels : Path
        Folders of the stages' outputs, or of their private stand-ins.
    is_own : dict of str to bool
        Per folder, whether it is the project's own output.
    private : Path
        Where this run may write.
    """

    params: Params
    root: Path
    history: History
    spine: Path
    features: Path
    labels: Path
    is_own: dict[str, bool]
    private: Path

    @property
    def plan(self) -> SnapshotPlan:
        """Return the plan of observation dates."""
        return read_plan(self.spine)

    def again(self, name: str) -> Path:
        """Return an output made anew, privately: ``spine`` from the histories."""
        target = self.private / f"again-{name}"
        if not target.exists():
            make_spine(self.history, self.params, target)
        return target

    def at_risk(self, excerpt: Excerpt, t: int) -> pa.Array:
        """Return the customers of an excerpt who are at risk at a date, sorted."""
        bucket = Bucket(excerpt, 0)
        customer = np.arange(len(bucket.customers))
        dates = np.full(len(customer), t, dtype=np.int64)
        kept = at_risk(bucket, excerpt, churn_definition(self.params), customer, dates)
        return bucket.customers.filter(pa.array(kept))

    def build(
        self, history: History, spine: pa.Table, *, dates: Sequence[int], plan: FeaturePlan | None = None
    ) -> tuple[pa.Table, list[Feature]]:
        """Run the stage ``featurize`` on an excerpt and a spine of its customers, all in bucket 0.

        Parameters
        ----------
        history : History
        spine : pyarrow.Table
            ``customer_id``, ``observation_date``, sorted by both.
        dates : sequence of int
            Observation dates of the plan, so that models are fitted for few of them.
        plan : FeaturePlan, optional
            By default it is made from the excerpt.
        """
        with private_folder(self.private, "build") as temp:
            folder = temp / "spine"
            folder.mkdir()
            described = read_json(self.spine / "plan.json")
            write_json({**described, "churn_dates_us": sorted(dates), "value_dates_us": []}, folder / "plan.json")
            write_parquet(spine, bucket_path(folder, 0))
            features = featurize(history, self.params, folder, temp / "features", root=self.root, plan=plan)
            return read_parquet(bucket_path(temp / "features", 0)), features

    def described(self, excerpt: Excerpt, customer: pa.Array) -> list[Feature]:
        """Return the descriptions of the project's features, by the plan they were made with."""
        plan = FeaturePlan.from_json(read_json(self.features / "plan.json"))
        as_of = self.plan.as_of
        return self.build(excerpt, spine_rows(customer, [as_of]), dates=[as_of], plan=plan)[1]

    def recomputed(self, wanted: pa.Array) -> tuple[pa.Table, dict[str, Any]]:
        """Run the stage ``featurize`` on the whole histories for the snapshots of some customers.

        Returns
        -------
        table : pyarrow.Table
            Their features, bucket after bucket.
        plan : dict
            The plan of features that was made.
        """
        with private_folder(self.private, "build") as temp:
            folder = temp / "spine"
            folder.mkdir()
            write_json(read_json(self.spine / "plan.json"), folder / "plan.json")
            for number in range(self.history.n_buckets):
                rows = read_parquet(bucket_path(self.spine, number))
                write_parquet(_of(rows, wanted), bucket_path(folder, number))
            featurize(self.history, self.params, folder, temp / "features", root=self.root)
            made = temp / "features"
            return self.rows_of(made, wanted), read_json(made / "plan.json")

    def rows_of(self, folder: Path, wanted: pa.Array | None, *, columns: list[str] | None = None) -> pa.Table:
        """Return the rows of some customers (None = all) from a folder of buckets, bucket after bucket."""
        parts = []
        for path in sorted(folder.glob("bucket-*.parquet")):
            table = read_parquet(path, columns=columns)
            parts.append(table if wanted is None else _of(table, wanted))
        return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def _of(table: pa.Table, wanted: pa.Array) -> pa.Table:
    ids = table["customer_id"].cast(pa.string())
    return table.filter(pc.is_in(ids, value_set=wanted))


def spine_rows(customers: pa.Array, dates: Sequence[int]) -> pa.Table:
    """Return every customer at every date as a spine, sorted by both."""
    distinct = np.unique(np.asarray(dates, dtype=np.int64))
    who = np.repeat(np.arange(len(customers)), len(distinct))
    when = pa.array(np.tile(distinct, len(customers)), pa.int64()).cast(TIME)
    return pa.table({"customer_id": customers.take(pa.array(who)), "observation_date": when})


@contextmanager
def open_verified(params: Params, *, root: Path) -> Iterator[Verified]:
    """Open what the stages wrote, and make privately what is missing or belongs to other parameters or files.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.

    Raises
    ------
    DataError
        If the data break their contract.
    TimeContractError
        If the horizon cannot be labelled, or ``as_of`` lies beyond the data.
    """
    data = root / "data"
    with private_folder(data, "verify") as private:
        history = _current_history(params, root)
        own = history is not None
        if history is None:
            history = read_histories(params, root=root, target=private / "prepared")
        is_own = {
            "spine": own and (data / "snapshots" / "plan.json").exists(),
            "features": own and (data / "features" / "plan.json").exists(),
            "labels": own and (data / "labels" / "churn").is_dir(),
        }
        spine, features, labels = data / "snapshots", data / "features", data / "labels"
        if not is_own["spine"]:
            is_own = dict.fromkeys(is_own, False)
            spine = private / "snapshots"
            make_spine(history, params, spine)
        if not is_own["features"]:
            features = private / "features"
            featurize(history, params, spine, features, root=root)
        if not is_own["labels"]:
            labels = private / "labels"
            label(history, params, spine, labels)
        yield Verified(params, root, history, spine, features, labels, is_own, private)


def _current_history(params: Params, root: Path) -> History | None:
    """Return the prepared store if it was made with these parameters from these files."""
    try:
        made_with = read_json(root / "data" / "resolved" / "params.json")
        history = open_history(root / "data" / "prepared")
    except DataError:
        return None
    now = resolved(params)
    if any(made_with.get(block) != now[block] for block in _BLOCKS) or history.as_of != params.histories.as_of_us:
        return None
    raw = root / folder_of(params)
    for info in history.tables.values():
        for name, digest in info.sources.items():
            path = raw / name
            if path.is_file() and digest_file(path) != digest:
                return None
    return history
