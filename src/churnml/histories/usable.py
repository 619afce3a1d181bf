"""Rows that may be read: with a customer, with a time, and neither happened nor known after ``as_of``."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.checks import Finding, Findings, Severity
from churnml.histories.conform import TIME
from churnml.histories.contract import TableContract

__all__ = ["usable_rows"]

_LONG_AGO = np.iinfo(np.int64).min
_CONTROL = "[\\x00-\\x1f\\x7f]"


def usable_rows(
    batch: pa.RecordBatch, contract: TableContract, *, as_of: int, findings: Findings, n_before: int
) -> pa.RecordBatch:
    """Leave out rows without a customer and rows that happened or became known after ``as_of``; count both."""
    keep = np.ones(batch.num_rows, dtype=bool)
    if contract.id:
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(batch["customer_id"]), ""), True)
        blank = blank.to_numpy(zero_copy_only=False)
        rule = "data.guest_rows" if contract.drop_blank_ids else "data.id_blank"
        severity: Severity = "info" if contract.drop_blank_ids else "error"
        first = n_before - batch.num_rows + int(np.argmax(blank)) + 1
        place = (contract.name, contract.file, contract.id)
        findings.add(Finding(rule, severity, *place, int(blank.sum()), n_before, first))
        keep &= ~blank
        ids = pc.fill_null(batch["customer_id"], "")
        strange = pc.match_substring_regex(ids, _CONTROL).to_numpy(zero_copy_only=False)
        findings.add(Finding("data.id_control", "error", *place, int(strange.sum()), n_before))
        padded = pc.not_equal(ids, pc.utf8_trim_whitespace(ids)).to_numpy(zero_copy_only=False) & ~blank
        findings.add(Finding("data.id_padded", "warning", *place, int(padded.sum()), n_before))
    time_column = {"customers": "joined", "spells": "started_at"}.get(contract.kind, "occurred_at")
    clocks = ["known_at"] if contract.kind == "calendar" and contract.known_at else [time_column, "known_at"]
    late = np.zeros(batch.num_rows, dtype=bool)
    for clock in clocks:
        if clock in batch.schema.names:
            late |= pc.fill_null(batch[clock].cast(pa.int64()), _LONG_AGO).to_numpy(zero_copy_only=False) > as_of
            keep &= pc.is_valid(batch[clock]).to_numpy(zero_copy_only=False) | (
                clock not in {"occurred_at", "started_at"}
            )
    findings.add(
        Finding(
            "data.after_as_of", "info", contract.name, contract.file, contract.time, int((late & keep).sum()), n_before
        )
    )
    batch = _open_at_as_of(batch, contract, as_of=as_of, findings=findings, n_before=n_before)
    return batch.filter(pa.array(keep & ~late))


def _open_at_as_of(
    batch: pa.RecordBatch, contract: TableContract, *, as_of: int, findings: Findings, n_before: int
) -> pa.RecordBatch:
    """Forget ends that had not happened at ``as_of``; a planned end stays."""
    if contract.kind != "spells" or not contract.end:
        return batch
    ended = batch["ended_at"]
    reversed_spells = pc.sum(pc.less(ended, batch["started_at"])).as_py() or 0
    place = (contract.name, contract.file, contract.end)
    findings.add(Finding("data.spell_reversed", "error", *place, reversed_spells, n_before))
    ahead = pc.fill_null(pc.greater(ended.cast(pa.int64()), as_of), False)
    n_ahead = pc.sum(ahead).as_py() or 0
    findings.add(Finding("data.end_after_as_of", "info", contract.name, contract.file, contract.end, n_ahead, n_before))
    position = batch.schema.names.index("ended_at")
    return batch.set_column(position, "ended_at", pc.if_else(ahead, pa.scalar(None, TIME), ended))
