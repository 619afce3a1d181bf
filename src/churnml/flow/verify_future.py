"""The future disturbed, deleted and added, to see whether any feature or snapshot of an earlier date moves."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.features.plan import Feature
from churnml.flow.verified import Verified, spine_rows
from churnml.flow.verify_samples import Sample, Sizes
from churnml.timeline import us_to_iso
from churnml.verification.disturb import KINDS, Kind, disturbed
from churnml.verification.excerpt import Excerpt
from churnml.verification.findings import Finding, Probe
from churnml.verification.same import differing_columns, differing_rows

__all__ = ["future_probe"]

_MOST_TOLD = 25


def future_probe(project: Verified, sample: Sample, sizes: Sizes) -> Probe:
    """Build features of sampled customers at several dates, before and after their future is disturbed."""
    probe = Probe("future", {"dates": 0, "disturbances": 0, "rows": 0, "values": 0})
    excerpt = sample.small_excerpt(sizes.customers)
    found: dict[str, Finding] = {}
    for t in _dates(project, sample, sizes):
        _at(project, excerpt, t, sizes, probe, found)
    probe.add(*list(found.values())[:_MOST_TOLD])
    return probe


def _dates(project: Verified, sample: Sample, sizes: Sizes) -> list[int]:
    dates = [*sample.past_dates(1 if sizes.quick else 3), project.plan.as_of]
    return sorted(set(dates))


def _at(project: Verified, excerpt: Excerpt, t: int, sizes: Sizes, probe: Probe, found: dict[str, Finding]) -> None:
    customers = project.at_risk(excerpt, t)
    if not len(customers):
        return
    spine, dates = spine_rows(customers, [t]), _fitted(project, t)
    honest, features = project.build(excerpt, spine, dates=dates)
    source = {feature.name: feature for feature in features}
    probe.tried["dates"] += 1
    for number, kind in enumerate(KINDS):
        other, touched = disturbed(excerpt, t, kind, seed=sizes.seed * 1_000 + number, observed=customers)
        if not touched:
            continue
        probe.tried["disturbances"] += 1
        probe.tried["rows"] += touched
        moved = _population(project, customers, other, t, kind)
        if moved is not None:
            found.setdefault("", moved)
        # A customer who is no longer seen at all cannot be asked for; that is a moved snapshot.
        kept = _known(other, customers)
        before = honest if len(kept) == len(customers) else _of(honest, kept)
        after, _ = project.build(other, spine_rows(kept, [t]), dates=dates)
        probe.tried["values"] += after.num_rows * max(0, after.num_columns - 2)
        for column in differing_columns(before, after):
            n = int(differing_rows(before, after, [column]).sum())
            found.setdefault(column, _finding(project, source.get(column), column, t, kind, n, before.num_rows))


def _fitted(project: Verified, t: int) -> list[int]:
    """Return few dates of the plan: the earliest, which decides the columns, ``t``, and the next one."""
    dates = project.plan.dates
    later = dates[dates > t][:1]
    return sorted({int(min(dates[0], t)), t, *later.tolist()})


def _population(project: Verified, customers: pa.Array, other: Excerpt, t: int, kind: Kind) -> Finding | None:
    if project.params.churn.definition == "label":
        return None
    after = project.at_risk(other, t)
    if after.equals(customers):
        return None
    n = len(set(after.to_pylist()) ^ set(customers.to_pylist()))
    return Finding(
        *("time.future_moves_population", "error", "customer_id", "data/snapshots"),
        n=n,
        of=len(customers),
        date=us_to_iso(t),
        detail=kind,
    )


def _known(excerpt: Excerpt, customers: pa.Array) -> pa.Array:
    ids = [
        excerpt.held[i.name]["customer_id"].cast(pa.string()) for i in excerpt.tables.values() if i.kind != "calendar"
    ]
    everyone = pc.unique(pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()))
    return customers.filter(pc.is_in(customers, value_set=everyone))


def _of(table: pa.Table, customers: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table["customer_id"].cast(pa.string()), value_set=customers))


def _finding(project: Verified, feature: Feature | None, column: str, t: int, kind: Kind, n: int, of: int) -> Finding:
    info = project.history.tables.get(feature.source) if feature is not None else None
    file = info.file if info is not None else "data/features"
    place = ("time.future_moves_feature", "error", column, file)
    return Finding(*place, n=int(np.clip(n, 1, of)), of=of, date=us_to_iso(t), detail=kind)  # type: ignore[arg-type]
