"""Whom ``churnml verify`` looks at: a sample of customers, their snapshots, outcomes, and who is gone by the end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.plan import Feature
from churnml.flow.buckets import bucket_path
from churnml.flow.verified import Verified, spine_rows
from churnml.parquet import read_parquet
from churnml.timeline import DAY_US
from churnml.verification.excerpt import Excerpt, choose_customers, excerpt_of

__all__ = ["Sample", "Sizes"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sizes:
    """How much is tried.

    Parameters
    ----------
    customers : int
        Customers whose histories are disturbed and recomputed.
    seed : int
    quick : bool
        Fewer dates, fewer repetitions.
    """

    customers: int = 400
    seed: int = 1
    quick: bool = False

    @property
    def n_judged(self) -> int:
        """Return how many customers columns are judged by."""
        return max(self.customers, 2_000 if self.quick else 4_000)

    @property
    def max_rows(self) -> int:
        """Return how many snapshots columns are judged by."""
        return 15_000 if self.quick else 40_000


@dataclass(frozen=True)
class Sample:
    """Some customers of a project; everything is drawn by the seed alone."""

    project: Verified
    sizes: Sizes

    @cached_property
    def buckets(self) -> list[int]:
        """Return enough buckets for the customers wanted."""
        order = np.random.default_rng(self.sizes.seed).permutation(self.project.history.n_buckets)
        chosen, n_seen = [], 0
        for number in order.tolist():
            chosen.append(number)
            ids = read_parquet(bucket_path(self.project.spine, number), columns=["customer_id"])["customer_id"]
            n_seen += pc.count_distinct(ids).as_py()
            if n_seen >= self.sizes.n_judged:
                break
        return sorted(chosen)

    @cached_property
    def spine(self) -> pa.Table:
        """Return the snapshots of the sampled customers."""
        parts = [read_parquet(bucket_path(self.project.spine, number)) for number in self.buckets]
        table = pa.concat_tables(parts).unify_dictionaries()
        ids = table["customer_id"].cast(pa.string())
        table = table.set_column(table.column_names.index("customer_id"), "customer_id", ids)
        wanted = choose_customers(ids.combine_chunks(), self.sizes.n_judged, seed=self.sizes.seed)
        return table.filter(pc.is_in(ids, value_set=wanted)).combine_chunks()

    @cached_property
    def customers(self) -> pa.Array:
        """Return the sampled customers, sorted."""
        ids = pc.unique(self.spine["customer_id"].combine_chunks())
        return ids.take(pc.sort_indices(ids))

    @cached_property
    def excerpt(self) -> Excerpt:
        """Return all rows of the sampled customers."""
        return excerpt_of(self.project.history, self.customers, buckets=self.buckets)

    @cached_property
    def few(self) -> pa.Array:
        """Return the customers whose histories are disturbed and recomputed."""
        return choose_customers(self.customers, self.sizes.customers, seed=self.sizes.seed + 1)

    def small_excerpt(self, n_customers: int) -> Excerpt:
        """Return all rows of some of the few."""
        chosen = choose_customers(self.few, n_customers, seed=self.sizes.seed + 2)
        return excerpt_of(self.excerpt, chosen, buckets=[0])

    @cached_property
    def _still_there(self) -> pa.Array:
        dates = self.spine["observation_date"].cast(pa.int64()).to_numpy()
        return pc.unique(self.spine["customer_id"].filter(pa.array(dates == self.project.plan.as_of)).combine_chunks())

    def is_gone(self, rows: pa.Table) -> Bools:
        """Return which rows belong to customers no longer at risk at ``as_of``."""
        here = pc.is_in(rows["customer_id"].cast(pa.string()), value_set=self._still_there)
        gone: Bools = pc.invert(here).to_numpy()
        return gone

    @cached_property
    def past(self) -> tuple[pa.Table, Bools, Int64s]:
        """Return the snapshots before ``as_of``, which of them are gone by then, and their dates."""
        dates = self.spine["observation_date"].cast(pa.int64()).to_numpy()
        rows = self.spine.filter(pa.array(dates < self.project.plan.as_of))
        return rows, self.is_gone(rows), rows["observation_date"].cast(pa.int64()).to_numpy()

    def past_dates(self, n_dates: int) -> list[int]:
        """Return up to ``n_dates`` observation dates before ``as_of``, from the oldest to the newest, evenly spaced."""
        distinct = np.unique(self.past[2])
        if self.project.plan.anchors_us and len(distinct):
            # Dates of each customer's own lie close: from the middle part, where many customers are known.
            distinct = np.quantile(self.past[2], [0.25, 0.5, 0.75, 0.95], method="nearest").astype(np.int64)
        places = np.linspace(0, len(distinct) - 1, min(n_dates, len(distinct))).round().astype(int)
        return [int(date) for date in np.unique(distinct[places])] if len(distinct) else []

    def silence(self, rows: pa.Table) -> Floats:
        """Return for how many days at ``as_of`` the churn table has had no row, or no spell in force, of a customer."""
        held = self.excerpt.held[self.project.params.churn.table]
        as_of = self.project.plan.as_of
        if "occurred_at" in held.column_names:
            alive = held["occurred_at"].cast(pa.int64())
        else:
            alive = pc.fill_null(held["ended_at"].cast(pa.int64()), as_of) if "ended_at" in held.column_names else None
        if alive is None:
            return np.zeros(rows.num_rows)
        alive = pc.min_element_wise(alive, pa.scalar(as_of, pa.int64()))
        last = pa.table({"id": held["customer_id"].cast(pa.string()), "at": alive}).group_by("id")
        newest = last.aggregate([("at", "max")]).combine_chunks()
        place = pc.index_in(rows["customer_id"].cast(pa.string()), value_set=newest["id"].combine_chunks())
        at = pc.fill_null(newest["at_max"].take(place.combine_chunks()), as_of).to_numpy()
        days: Floats = (as_of - at) / DAY_US
        return days

    def had_row(self, table: str, rows: pa.Table) -> Bools:
        """Return which snapshots had a row in a table that had happened by then."""
        held = self.excerpt.held[table]
        clock = "started_at" if "started_at" in held.column_names else "occurred_at"
        first = held.group_by("customer_id").aggregate([(clock, "min")])
        place = pc.index_in(
            rows["customer_id"], value_set=first["customer_id"].cast(pa.string()).combine_chunks()
        ).combine_chunks()
        begun = first[f"{clock}_min"].cast(pa.int64()).take(place)
        had: Bools = pc.fill_null(pc.less_equal(begun, rows["observation_date"].cast(pa.int64())), False).to_numpy()
        return had

    @cached_property
    def known_outcomes(self) -> pa.Table:
        """Return the features of snapshots with a known outcome, ``is_churned`` beside them, whole customers."""
        labels = self.project.labels / "churn"
        parts: list[pa.Table] = []
        for number in self.buckets:
            outcome = read_parquet(bucket_path(labels, number))
            table = read_parquet(bucket_path(self.project.features, number))
            if table.num_rows != outcome.num_rows:
                continue  # out of step: another probe says so
            table = table.append_column("is_churned", outcome["is_churned"])
            wanted = pc.is_in(table["customer_id"].cast(pa.string()), value_set=self.customers)
            parts.append(table.filter(pc.and_(wanted, pc.is_valid(table["is_churned"]))))
        if not parts:
            return spine_rows(self.customers.slice(0, 0), [])
        known = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
        if known.num_rows <= self.sizes.max_rows:
            return known
        n_kept = max(1, len(self.customers) * self.sizes.max_rows // known.num_rows)
        kept = choose_customers(self.customers, n_kept, seed=self.sizes.seed + 3)
        return known.filter(pc.is_in(known["customer_id"].cast(pa.string()), value_set=kept)).combine_chunks()

    @cached_property
    def features(self) -> list[Feature]:
        """Return the descriptions of the project's features."""
        return self.project.described(self.small_excerpt(1), self.few.slice(0, 0))
