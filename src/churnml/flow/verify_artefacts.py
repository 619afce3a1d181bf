"""What the stages wrote against what it should be: dates, windows, splits, features, labels, permuted labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ChurnmlError
from churnml.flow.buckets import sort_by_date
from churnml.flow.learning import churn_folds
from churnml.flow.roles import churn_definition, churn_window
from churnml.flow.spine import read_plan
from churnml.flow.verified import Verified
from churnml.flow.verify_samples import Sample, Sizes
from churnml.storage import read_json
from churnml.timeline import us_to_iso
from churnml.verification.agreement import check_features, check_labels
from churnml.verification.excerpt import choose_customers, excerpt_of
from churnml.verification.findings import Finding, Probe
from churnml.verification.outcomes import Outcome
from churnml.verification.permuted import permuted_areas
from churnml.verification.rows import plain_rows
from churnml.verification.same import differing_columns, differing_rows
from churnml.verification.windows import Parts, check_keys, check_settled, check_splits

__all__ = ["artefact_probes"]

Int64s = npt.NDArray[np.int64]
_ORACLE_CUSTOMERS = 40
_QUICK_ORACLE_CUSTOMERS = 15
_MOST_TOLD = 25
_N_PERMUTATIONS = 3


def artefact_probes(project: Verified, sample: Sample, sizes: Sizes) -> Iterator[Probe]:
    """Yield the probes of what the stages wrote."""
    yield _windows(project)
    yield _features(project, sample)
    yield _oracle(project, sample, sizes)
    yield _labels(project, sample)
    yield _permuted(project, sample, sizes)


def _windows(project: Verified) -> Probe:
    """Compare dates and snapshots with those planned anew, and look for outcomes that reach too far."""
    probe = Probe("windows", {"dates": len(project.plan.dates)})
    if project.is_own["spine"]:
        planned = read_plan(project.again("spine"))
        probe.add(*_plan_differs(project.plan.dates, planned.dates, project.plan.as_of, planned.as_of))
        keys = ["customer_id", "observation_date"]
        again = project.rows_of(project.again("spine"), None, columns=keys)
        spine = project.rows_of(project.spine, None, columns=keys)
        if not probe.findings:
            probe.add(*check_keys(again, spine, file="data/snapshots"))
    keys_of = {"features": project.features, "labels": project.labels / "churn"}
    for name, folder in keys_of.items():
        if project.is_own[name]:
            spine = project.rows_of(project.spine, None, columns=["customer_id", "observation_date"])
            other = project.rows_of(folder, None, columns=["customer_id", "observation_date"])
            probe.add(*check_keys(spine, other, file=f"data/{name}"))
    labels = _known_labels(project)
    probe.tried["labels"] = labels.num_rows
    if project.params.churn.definition == "label" or not labels.num_rows:
        return probe
    window = churn_window(project.params, project.plan)
    probe.add(*check_settled(labels, window, as_of=project.history.as_of))
    parts = _folds(project, labels)
    if parts is not None:
        probe.tried["splits"] = len(parts)
        dates = labels["observation_date"].cast(pa.int64()).to_numpy()
        probe.add(*check_splits(dates, parts, reach_us=window.reach_us))
    return probe


def _plan_differs(written: Int64s, planned: Int64s, as_of: int, planned_as_of: int) -> list[Finding]:
    apart = np.setxor1d(written, planned)
    if not len(apart) and as_of == planned_as_of:
        return []
    odd = int(apart[0]) if len(apart) else as_of
    nearest = int(planned[np.argmin(np.abs(planned - odd))])
    place = ("time.plan_differs", "error", "observation_date", "data/snapshots")
    dates = {"date": us_to_iso(odd), "other_date": us_to_iso(nearest)}
    return [Finding(*place, n=max(1, len(apart)), of=len(written), **dates)]  # type: ignore[arg-type]


def _known_labels(project: Verified) -> pa.Table:
    """Return the snapshots with a label, in the one order models see."""
    table = project.rows_of(project.labels / "churn", None)
    return sort_by_date(table.filter(pc.is_valid(table["is_churned"])))


def _folds(project: Verified, labels: pa.Table) -> list[Parts] | None:
    """Return the folds that training would make, or None where dates do not part them."""
    y = labels["is_churned"].cast(pa.float64()).to_numpy()
    try:
        folds, is_out_of_time = churn_folds(project.params, labels, y, project.plan)
    except ChurnmlError:
        return None
    if not is_out_of_time:
        return None
    return [Parts(f.name, f.train, f.valid, f.between, f.test) for f in folds]


def _features(project: Verified, sample: Sample) -> Probe:
    """Compare the feature rows of sampled customers with the same made again."""
    if not project.is_own["features"]:
        return Probe("features_again", skipped="private")
    wanted = sample.few
    again, plan = project.recomputed(wanted)
    written = project.rows_of(project.features, wanted)
    probe = Probe("features_again", {"snapshots": again.num_rows, "features": again.num_columns - 2})
    if again.num_rows != written.num_rows:
        return probe  # other snapshots: the dates say so
    columns = differing_columns(again, written)[:_MOST_TOLD]
    dates = written["observation_date"].cast(pa.int64()).to_numpy()
    for column in columns:
        rows = differing_rows(again, written, [column])
        first = us_to_iso(int(dates[rows].min())) if rows.any() else ""
        place = ("time.features_differ", "error", column, "data/features")
        probe.add(Finding(*place, n=int(rows.sum()), of=len(rows), date=first))  # type: ignore[arg-type]
    if not columns and read_json(project.features / "plan.json") != plan:
        probe.add(Finding("time.features_differ", "error", "plan.json", "data/features", n=1, of=1))
    return probe


def _oracle(project: Verified, sample: Sample, sizes: Sizes) -> Probe:
    """Recompute the features of some snapshots record by record."""
    n_customers = _QUICK_ORACLE_CUSTOMERS if sizes.quick else _ORACLE_CUSTOMERS
    chosen = choose_customers(sample.few, n_customers, seed=sizes.seed + 4)
    table = project.rows_of(project.features, chosen)
    dates = table["observation_date"].cast(pa.int64()).to_numpy()
    distinct = np.unique(dates)
    some = (
        distinct[np.linspace(0, len(distinct) - 1, min(4, len(distinct))).round().astype(int)] if len(dates) else dates
    )
    if not project.plan.anchors_us:
        table = table.filter(pa.array(np.isin(dates, some)))
    rows = plain_rows(excerpt_of(sample.excerpt, chosen, buckets=[0]))
    own = "data/features" if project.is_own["features"] else "features"
    found, covered = check_features(
        table,
        sample.features,
        rows,
        project.history.tables,
        longest=project.params.features.windows_days[-1],
        file=own,
    )
    tried = {"snapshots": table.num_rows, "features": len(covered.features), "values": covered.n_values}
    probe = Probe("oracle", {**tried, "not_covered": len(covered.unknown)})
    probe.add(*found[:_MOST_TOLD])
    return probe


def _labels(project: Verified, sample: Sample) -> Probe:
    """Judge the outcomes of sampled customers by an obvious loop."""
    params, definition = project.params, churn_definition(project.params)
    if definition.kind == "label":
        return Probe("labels", skipped="no_dates")
    window = churn_window(params, project.plan)
    lengths = (window.lead_us, window.horizon_us, window.grace_us)
    events = (definition.event_column, definition.event_values)
    outcome = Outcome(definition.kind, *lengths, definition.end_reasons, *events)
    table = project.rows_of(project.labels / "churn", sample.few)
    excerpt = excerpt_of(sample.excerpt, sample.few, buckets=[0])
    rows = plain_rows(excerpt)[definition.table]
    found, n = check_labels(table, outcome, rows, file="data/labels" if project.is_own["labels"] else "labels")
    probe = Probe("labels", {"labels": n})
    probe.add(*found)
    return probe


def _permuted(project: Verified, sample: Sample, sizes: Sizes) -> Probe:
    """Deal labels out at random and see whether training on them still ranks later rows."""
    known = sample.known_outcomes
    if not known.num_rows:
        return Probe("permuted", skipped="no_past")
    known = sort_by_date(known)
    parts = _folds(project, known)
    if not parts:
        return Probe("permuted", skipped="no_later_dates")
    tested = [fold for fold in parts if len(fold.test)]
    y = known["is_churned"].cast(pa.int8()).to_numpy().astype(bool)
    done = permuted_areas(
        known.drop_columns(["is_churned"]),
        y,
        known["observation_date"].cast(pa.int64()).to_numpy(),
        pc.rank(known["customer_id"].cast(pa.string()), tiebreaker="dense").to_numpy().astype(np.int64),
        tested[-1],
        reach_us=churn_window(project.params, project.plan).reach_us,
        n_permutations=1 if sizes.quick else _N_PERMUTATIONS,
        max_rows=8_000 if sizes.quick else 20_000,
        seed=sizes.seed,
    )
    probe = Probe("permuted", {"models": done.n, "snapshots": known.num_rows})
    probe.add(*done.findings())
    if not done.n:
        probe.skipped = "too_few_outcomes"
    return probe
