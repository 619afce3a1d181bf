"""``churnml verify``: every probe against leakage run on a project, its report, and exit code 4 where one leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.config import CustomersTable, Params
from churnml.errors import ConfigError, TimeContractError
from churnml.exports.verify_page import verify_page
from churnml.features.plan import Feature
from churnml.flow.verified import Verified, open_verified, spine_rows
from churnml.flow.verify_artefacts import artefact_probes
from churnml.flow.verify_future import future_probe
from churnml.flow.verify_samples import Sample, Sizes
from churnml.histories.conform import category_column, number_column
from churnml.storage import write_bytes, write_json
from churnml.timeline import us_to_iso
from churnml.verification.alarm import Judged, Sources, check_single_features
from churnml.verification.filled_later import check_filled_later
from churnml.verification.findings import Finding, Probe, leaks, warnings
from churnml.verification.identifiers import check_identifiers
from churnml.verification.last_rows import check_last_rows
from churnml.verification.survivors import Presence, check_listed, check_table
from churnml.verification.undated import Observed, check_told, check_undated
from churnml.wording import words

__all__ = ["sizes_of", "verify"]

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Say = Callable[[str], None]
_Seen = tuple[Observed, pa.Array, list[Feature]]
_LEAST_CUSTOMERS = 20


def sizes_of(params: Params, *, sample: int | None, seed: int | None, quick: bool) -> Sizes:
    """Return how much is tried: the command line's word, else that of the parameters.

    Raises
    ------
    ConfigError
        If the sample is too small to say anything, or the seed negative.
    """
    n_customers = params.verify.customers if sample is None else sample
    chosen = params.verify.seed if seed is None else seed
    if n_customers < _LEAST_CUSTOMERS or chosen < 0:
        raise ConfigError(
            f"a sample of fewer than {_LEAST_CUSTOMERS} customers, or a negative seed",
            rule="config.sample",
            column="--sample" if n_customers < _LEAST_CUSTOMERS else "--seed",
            next_step=f"Give at least {_LEAST_CUSTOMERS} customers, and a seed of 0 or more.",
        )
    return Sizes(n_customers, chosen, quick)


def verify(params: Params, *, root: Path, sizes: Sizes, say: Say) -> dict[str, Any]:
    """Try to make the future show through, write ``reports/verify.json`` and ``.html``, and refuse what leaks.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.
    sizes : Sizes
        How much is tried.
    say : callable
        Takes one line at a time.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    TimeContractError
        With the first finding, where something leaks; the report names all of them.
    """
    with open_verified(params, root=root) as project:
        probes = []
        for probe in _probes(project, Sample(project, sizes), sizes):
            probes.append(probe)
            say(_line(probe))
        report = _report(project, probes, sizes)
    write_json(report, root / "reports" / "verify.json")
    write_bytes(verify_page(report), root / "reports" / "verify.html")
    for finding in warnings(probes):
        say(f"warning: {_place(finding)}: {_words(finding, 'meaning', 'en')}")
    _refuse(leaks(probes))
    return report


def _probes(project: Verified, sample: Sample, sizes: Sizes) -> Any:
    tables = _Tables(project, sample)
    yield future_probe(project, sample, sizes)
    yield from artefact_probes(project, sample, sizes)
    yield tables.survivors()
    yield tables.identifiers()
    yield tables.undated()
    yield tables.filled_later()
    yield tables.single_features()


def _line(probe: Probe) -> str:
    if probe.skipped:
        return f"{words(f'verify.probe.{probe.name}', 'en')}: {words(f'verify.skipped.{probe.skipped}', 'en')}"
    tried = ", ".join(f"{n:,} {words(f'verify.tried.{key}', 'en')}" for key, n in probe.tried.items())
    n_leaks, n_warnings = len(leaks([probe])), len(warnings([probe]))
    found = ", ".join(
        part
        for part in (
            f"{n_leaks} LEAK{'S' if n_leaks > 1 else ''}" if n_leaks else "",
            f"{n_warnings} warning{'s' if n_warnings > 1 else ''}" if n_warnings else "",
        )
        if part
    )
    return f"{words(f'verify.probe.{probe.name}', 'en')}: {tried or '0'}: {found or 'nothing found'}"


def _place(finding: Finding) -> str:
    return ": ".join(part for part in (finding.file, finding.column) if part)


def _words(finding: Finding, part: str, language: str) -> str:
    facts = finding.as_dict()
    kind = words(f"verify.kind.{finding.detail}", language) if finding.rule == "time.future_moves_feature" else ""
    return words(f"verify.rule.{finding.rule}.{part}", language, **{**facts, "kind": kind})


def _refuse(found: list[Finding]) -> None:
    if not found:
        return
    first = found[0]
    more = f" ({len(found) - 1} more in reports/verify.html)" if len(found) > 1 else ""
    raise TimeContractError(
        _words(first, "meaning", "en") + more,
        rule=first.rule,
        file=first.file or None,
        column=first.column or None,
        count=first.n,
        next_step=_words(first, "next", "en"),
    )


def _report(project: Verified, probes: list[Probe], sizes: Sizes) -> dict[str, Any]:
    found = leaks(probes)
    return {
        "verdict": "leaks" if found else "passed",
        "as_of": us_to_iso(project.history.as_of),
        "artefacts": "own" if all(project.is_own.values()) else "private",
        "seed": sizes.seed,
        "n_leaks": len(found),
        "n_warnings": len(warnings(probes)),
        "n_customers": sizes.customers,
        "probes": [
            {
                "name": probe.name,
                "tried": probe.tried,
                "skipped": probe.skipped,
                "findings": [_told(finding) for finding in probe.findings],
            }
            for probe in probes
        ],
    }


def _told(finding: Finding) -> dict[str, Any]:
    texts = {
        part: {language: _words(finding, name, language) for language in ("en", "zh")}
        for part, name in (("meaning", "meaning"), ("next_step", "next"))
    }
    return {**finding.as_dict(), **texts}


@dataclass(frozen=True)
class _Tables:
    """The probes that look at what the delivered columns say."""

    project: Verified
    sample: Sample

    @cached_property
    def contract(self) -> tuple[str, CustomersTable] | None:
        """Return name and block of the customers table."""
        for name, table in self.project.params.histories.tables.items():
            if isinstance(table, CustomersTable):
                return name, table
        return None

    @cached_property
    def listed(self) -> pa.Array:
        """Return the sampled customers with a row in the customers table."""
        if self.contract is None:
            return self.sample.customers
        return pc.unique(self.sample.excerpt.held[self.contract[0]]["customer_id"].cast(pa.string()).combine_chunks())

    @property
    def _has_dates(self) -> bool:
        return self.project.params.churn.definition != "label"

    def survivors(self) -> Probe:
        probe = Probe("survivors")
        if not self._has_dates:
            return Probe("survivors", skipped="no_dates")
        rows, gone, dates = self.sample.past
        if not rows.num_rows:
            return Probe("survivors", skipped="no_past")
        probe.tried = {"snapshots": rows.num_rows}
        if self.contract is not None:
            name, table = self.contract
            present = pc.is_in(rows["customer_id"], value_set=self.listed).to_numpy()
            probe.add(
                *check_listed(
                    Presence(dates, present, gone), column=table.id, file=self.project.history.tables[name].file
                )
            )
            probe.tried["tables"] = 1
        oldest = dates <= np.quantile(dates, 0.34)
        for info in self.project.history.tables.values():
            if info.kind not in {"events", "spells"} or info.name == self.project.params.churn.table:
                continue
            present = self.sample.had_row(info.name, rows.filter(pa.array(oldest)))
            presence = Presence(dates[oldest], present, gone[oldest])
            probe.add(*check_table(presence, column="", file=info.file))
            probe.tried["tables"] = probe.tried.get("tables", 0) + 1
        return probe

    def identifiers(self) -> Probe:
        probe, n_columns = Probe("identifiers"), 0
        history = self.project.history
        for info in history.tables.values():
            if info.kind == "calendar" or not (info.numbers or info.categories):
                continue
            table = self.sample.excerpt.held[info.name]
            if info.kind == "customers":
                table = pa.concat_tables([history.read(info.name, number) for number in range(history.n_buckets)])
            found, n = check_identifiers(table.unify_dictionaries(), info)
            probe.add(*found)
            n_columns += n
        probe.tried = {"columns": n_columns}
        return probe

    def filled_later(self) -> Probe:
        probe = Probe("filled_later")
        spells, events = (self.project.history.of_kind(kind) for kind in ("spells", "events"))
        probe.tried = {"columns": 0}
        leaving = self.project.params.churn.event
        for info in events:
            is_churn = leaving is not None and info.name == self.project.params.churn.table
            passed_over = (leaving.column,) if is_churn and leaving is not None else ()
            found, n = check_last_rows(self.sample.excerpt.held[info.name], info, passed_over=passed_over)
            probe.add(*found)
            probe.tried["columns"] += n
        for info in spells:
            found, n = check_filled_later(self.sample.excerpt.held[info.name], info, as_of=self.project.history.as_of)
            probe.add(*found)
            probe.tried["columns"] += n
        return probe

    def undated(self) -> Probe:
        if not self._has_dates:
            return Probe("undated", skipped="no_dates")
        observed = self._observed()
        files = {info.name: info.file for info in self.project.history.tables.values()}
        told, n_told = check_told([pair for pair, _, _ in observed], observed[0][2] if observed else [], files=files)
        probe = Probe("undated", {"attributes": 0, "pairs": n_told})
        probe.add(*self._attributes(probe, observed), *told)
        return probe

    def _attributes(self, probe: Probe, observed: Sequence[_Seen]) -> list[Finding]:
        if self.contract is None:
            return []
        name, table = self.contract
        info = self.project.history.tables[name]
        told = self.sample.excerpt.held[name]
        columns = {c: number_column(c) for c in info.numbers} | {c: category_column(c) for c in info.categories}
        found: dict[str, Finding] = {}
        for pair, customers, features in observed:
            place = pc.index_in(customers, value_set=told["customer_id"].cast(pa.string()).combine_chunks())
            attributes = {
                c: told[stored].take(place).combine_chunks() for c, stored in columns.items() if c not in found
            }
            dated = [f for f in features if f.family != "own"]
            findings, n = check_undated(attributes, [pair], dated, file=info.file, constant=table.constant)
            found |= {finding.column: finding for finding in findings}
            probe.tried["pairs"] += n
        probe.tried["attributes"] = len(columns)
        return list(found.values())

    def _observed(self) -> list[_Seen]:
        """Return features at earlier dates and at ``as_of`` of those listed and at risk at the earlier date."""
        as_of, earlier = self.project.history.as_of, self.sample.past_dates(3)
        at = {t: self.project.at_risk(self.sample.excerpt, t) for t in earlier}
        at = {t: ids.filter(pc.is_in(ids, value_set=self.listed)) for t, ids in at.items()}
        everybody = pc.unique(pa.chunked_array([*at.values()], pa.string()))
        if not len(everybody):
            return []
        # Nobody is asked for at a date before they were a customer: features of one's own need not bear that.
        asked = [spine_rows(ids, [t]) for t, ids in at.items()] + [spine_rows(everybody, [as_of])]
        spine = pa.concat_tables(asked)
        spine = spine.take(pc.sort_indices(spine, [(name, "ascending") for name in spine.column_names]))
        table, features = self.project.build(self.sample.excerpt, spine.combine_chunks(), dates=earlier)
        dated = {i.name for i in self.project.history.tables.values() if i.kind in {"events", "spells"}}
        features = [f for f in features if f.family == "own" or (f.source in dated and f.family != "btyd")]
        instants = table["observation_date"].cast(pa.int64()).to_numpy()
        found = []
        for t, customers in at.items():
            chosen = pc.is_in(table["customer_id"].cast(pa.string()), value_set=customers).to_numpy(
                zero_copy_only=False
            )
            then, now = (table.filter(pa.array(chosen & (instants == when))) for when in (t, as_of))
            found.append((Observed(then, now, t), customers, features))
        return found

    def single_features(self) -> Probe:
        probe = Probe("single_features")
        known, features = self.sample.known_outcomes, self.sample.features
        if not known.num_rows:
            return Probe("single_features", skipped="no_past")
        gone = self.sample.is_gone(known) if self._has_dates else None
        judged = Judged(
            known,
            known["observation_date"].cast(pa.int64()).to_numpy(),
            pc.rank(known["customer_id"].cast(pa.string()), tiebreaker="dense").to_numpy().astype(np.int64),
            known["is_churned"].cast(pa.int8()).to_numpy().astype(bool),
            gone,
            pc.is_in(known["customer_id"].cast(pa.string()), value_set=self.listed).to_numpy(),
            self.sample.silence(known) if self._has_dates else None,
        )
        files = {info.name: info.file for info in self.project.history.tables.values()}
        constant = self.contract[1].constant if self.contract is not None else ()
        sources = Sources(files, self.project.params.churn.table, constant)
        found, n = check_single_features(judged, features, sources, alarm=self.project.params.verify.alarm_auc)
        probe.add(*found)
        probe.tried = {"features": n, "snapshots": known.num_rows}
        if not n:
            probe.skipped = "too_few_outcomes"
        return probe
