"""Scoring: every customer known at ``as_of``, with probability, value and its interval, tier, band and reasons.

Customers come in batches, bucket by bucket; what is scored waits, sorted, in private files until the value tiers are
known, and is then merged into one file. Memory is bounded by a batch a thread, however many customers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.campaign.tiers import tier_edges, tiers_of
from churnml.config import Params
from churnml.engines.local import map_buckets
from churnml.estimators.artifact import load
from churnml.estimators.baselines import ChurnRule
from churnml.estimators.matrix import FeatureSpec, to_matrix
from churnml.flow.buckets import bucket_path, observed_at
from churnml.flow.known import objector_ids
from churnml.flow.named import with_names
from churnml.flow.score_rows import SCORED, Models, RowScorer, Watch
from churnml.flow.sorted_files import SortedFile, merged
from churnml.histories.bucket import Bucket
from churnml.histories.hashing import hash_column
from churnml.histories.store import History
from churnml.parquet import parquet_rows, read_parquet, read_parquet_groups, write_parquet_groups
from churnml.progress import step
from churnml.reasons.ranking import ROWS_TO_COMPARE, company_columns, same_for_all
from churnml.storage import private_folder

__all__ = ["SCORES", "Models", "Scored", "Watch", "load_models", "score"]

SCORES = (
    "customer_id",
    "as_of",
    "p_churn",
    "p_churn_30d",
    "p_churn_90d",
    "p_churn_180d",
    "p_churn_365d",
    "expected_days",
    "contact_by",
    "p_leave",
    "clv",
    "clv_low",
    "clv_high",
    "value_at_risk",
    "value_at_stake",
    "value_tier",
    "risk_band",
    "reason_1",
    "reason_2",
    "reason_3",
    "model_version",
)
"""Columns of ``scores.parquet``, in order."""
_BATCH_ROWS = 16_384
_GROUP_ROWS = 131_072


@dataclass(frozen=True, slots=True)
class Scored:
    """How many customers were written, and how many of them have a probability."""

    n_rows: int
    n_at_risk: int


def load_models(churn: Path, value: Path) -> Models:
    """Load the models that this run has written.

    Raises
    ------
    ModelError
        If a file is absent or altered.
    """
    has_value = not (value / "absent.json").exists()
    return Models(churn=load(churn, trusted=True), value=load(value, trusted=True) if has_value else None)


def score(
    params: Params,
    history: History,
    models: Models,
    out: Path,
    *,
    features: Path,
    backtest: Path | None,
    watch: Watch | None = None,
    accept: Callable[[], object] | None = None,
    rule: ChurnRule | None = None,
    identities: Path | None = None,
    root: Path | None = None,
) -> Scored:
    """Write the scores of every customer known at ``as_of``; who is not at risk is listed without a probability.

    Parameters
    ----------
    params : Params
    history : History
    models : Models
        Each used by one thread at a time in several batches.
    out : Path
        Parquet file with the columns :data:`SCORES`, sorted by customer.
    features : Path
        Folder of features; the rows of ``as_of`` are scored.
    backtest : Path or None
        With ready labels: folder of the churn backtest, whose out-of-fold predictions stand for customers the model
        has learned from.
    watch : callable, optional
        Is shown the rows as the model sees them, and how many there are in all.
    accept : callable, optional
        Called once every row was seen, before ``out`` is written; it may refuse.
    rule : ChurnRule, optional
        Says the probability of churn in the model's place, see :func:`churnml.flow.simple_rule.rule_in_place`.
    identities : Path, optional
        Folder of the list that tells whose pseudonyms are: needed where the histories have them, for ``out`` names
        customers as delivered.
    root : Path, optional
        Project folder; None = the working folder.

    Raises
    ------
    PrivacyError
        If it is not known whose a pseudonym is.
    """
    named = with_names(history, identities)
    n_rows = sum(parquet_rows(bucket_path(features, number)) for number in range(history.n_buckets))
    alike = _alike(history, models, features)
    scorer = RowScorer(
        params,
        history,
        models,
        alike=alike,
        backtest=backtest,
        watch=watch,
        n_rows=n_rows,
        rule=rule,
        root=root or Path.cwd(),
    )
    with (
        private_folder(features.parent, "scoring") as folder,
        step("score customers", history.n_buckets, unit="buckets") as advance,
    ):

        def one(number: int) -> tuple[SortedFile, SortedFile]:
            scored, others = (SortedFile(folder / f"{kind}-{number:04d}", SCORED) for kind in ("scored", "others"))
            bucket, found = Bucket(history, number), []
            unscored = _unscored(params, history, number)
            everybody, ids = bucket.customers, []
            for rows in _batches(bucket_path(features, number), history.as_of, unscored):
                found.append(scorer.scored(rows))
                ids.append(rows["customer_id"])
                if history.key_id is None:
                    scored.add(found.pop())
            if found:
                scored.add(_as_delivered(pa.concat_tables(found), named, number))
            known = pa.chunked_array([chunk for each in ids for chunk in each.chunks], pa.string()).combine_chunks()
            left = everybody.filter(pc.invert(pc.is_in(everybody, value_set=known)))
            others.add(_as_delivered(scorer.others(left, unscored=unscored), named, number))
            scored.close()
            others.close()
            advance(1)
            return scored, others

        pairs = map_buckets(one, n_buckets=history.n_buckets, threads=params.train.threads)
        if accept is not None:
            accept()
        files = [file for pair in pairs for file in pair]
        edges = tier_edges(lambda: (values for scored, _ in pairs for values in scored.column("clv")))
        write_parquet_groups((_finished(part, edges) for part in merged(files)), out, rows=_GROUP_ROWS)
    n_at_risk = sum(scored.n_rows for scored, _ in pairs)
    return Scored(n_at_risk + sum(others.n_rows for _, others in pairs), n_at_risk)


def _as_delivered(rows: pa.Table, named: History, number: int) -> pa.Table:
    """Return rows of a bucket with ids as delivered, in the order of these."""
    return rows if named.names is None else named.named(rows, number).sort_by("customer_id")


def _unscored(params: Params, history: History, number: int) -> pa.Array:
    return pa.array([], pa.string()) if params.campaign.score_objectors else objector_ids(history, bucket=number)


def _batches(path: Path, as_of: int, unscored: pa.Array) -> Iterator[pa.Table]:
    """Yield the rows of one date, those of unscored customers apart, sorted by customer, some thousands at a time."""
    held: list[pa.Table] = []
    for group in read_parquet_groups(path):
        rows = observed_at(group, as_of)
        held.append(rows.filter(pc.invert(pc.is_in(rows["customer_id"].cast(pa.string()), value_set=unscored))))
        if sum(part.num_rows for part in held) >= _BATCH_ROWS:
            yield _joined(held)
            held = []
    last = _joined(held) if held else None
    if last is not None and last.num_rows:
        yield last


def _joined(parts: list[pa.Table]) -> pa.Table:
    table = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    return table.set_column(0, "customer_id", table["customer_id"].cast(pa.string()))


def _finished(part: pa.Table, edges: tuple[float, float]) -> pa.Table:
    """Add the tiers and put the columns in order."""
    clv = pc.fill_null(part["clv"], np.nan).to_numpy()
    tier = pa.array(tiers_of(clv, edges), pa.string(), mask=np.isnan(clv))
    return part.append_column("value_tier", tier).select(SCORES)


def _alike(history: History, models: Models, features: Path) -> frozenset[str]:
    """Return which features of company or market are the same for nearly all, by some customers drawn by hash."""
    spec = models.churn.spec
    names = company_columns(spec.names, kinds={info.name: info.kind for info in history.tables.values()})
    if not names:
        return frozenset()
    drawn = pa.concat_tables(
        map_buckets(
            lambda number: _drawn(bucket_path(features, number), names, history.as_of),
            n_buckets=history.n_buckets,
            threads=1,
        )
    )
    rows = _smallest(drawn.unify_dictionaries().combine_chunks())
    own = FeatureSpec(tuple(names), {name: spec.levels[name] for name in names if name in spec.levels})
    return frozenset(name for name, column in zip(names, to_matrix(rows, own).T, strict=True) if same_for_all(column))


def _drawn(path: Path, names: list[str], as_of: int) -> pa.Table:
    rows = read_parquet(path, columns=["customer_id", "observation_date", *names])
    rows = observed_at(rows, as_of).combine_chunks()
    hashes = hash_column(rows["customer_id"].cast(pa.string()).combine_chunks())
    return _smallest(rows.append_column("_hash", pa.array(hashes)))


def _smallest(rows: pa.Table) -> pa.Table:
    order: npt.NDArray[np.int64] = np.argsort(rows["_hash"].to_numpy(), kind="stable")[:ROWS_TO_COMPARE]
    return rows.take(pa.array(order))
