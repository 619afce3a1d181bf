"""Rows that may be read: with a customer, with a time, and neither happened nor known after ``as_of``."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.histories.checks import Finding, Findings, Severity
from churnml.histories.conform import TIME
from churnml.histories.contract import TableContract

__all__ = ["usable_rows"]

_LONG_AGO = np.iinfo(np.int64).min
_EMPTY, _CONTROL, _EDGE = 1, 2, 4


def usable_rows(
    batch: pa.RecordBatch, contract: TableContract, *, as_of: int, findings: Findings, n_before: int
) -> pa.RecordBatch:
    """Leave out rows without a customer and rows that happened or became known after ``as_of``; count both."""
    keep = np.ones(batch.num_rows, dtype=bool)
    if contract.id:
        keep &= ~_blank_ids(batch["customer_id"], contract, findings=findings, n_before=n_before)
    is_announced = contract.kind == "calendar" and contract.has_known_at
    clocks = ["known_at"] if is_announced else [contract.event_time, "known_at"]
    late = np.zeros(batch.num_rows, dtype=bool)
    for clock in clocks:
        if clock in batch.schema.names:
            late |= pc.fill_null(batch[clock].view(pa.int64()), _LONG_AGO).to_numpy(zero_copy_only=False) > as_of
    if contract.kind != "customers" and batch[contract.event_time].null_count:
        keep &= pc.is_valid(batch[contract.event_time]).to_numpy(zero_copy_only=False)
    findings.add(
        Finding(
            "data.after_as_of", "info", contract.name, contract.file, contract.time, int((late & keep).sum()), n_before
        )
    )
    batch = _open_at_as_of(batch, contract, as_of=as_of, findings=findings, n_before=n_before)
    keep &= ~late
    return batch if keep.all() else batch.filter(pa.array(keep))


def _blank_ids(ids: pa.Array, contract: TableContract, *, findings: Findings, n_before: int) -> npt.NDArray[np.bool_]:
    """Return which rows name no customer; count them, and ids that look as if they were written by accident."""
    place = (contract.name, contract.file, contract.id)
    seen = _looked_at(ids)
    if ids.null_count:
        seen[pc.is_null(ids).to_numpy(zero_copy_only=False)] = _EMPTY
    blank: npt.NDArray[np.bool_] = seen == _EMPTY
    padded = np.zeros(len(seen), dtype=bool)
    unsure = np.flatnonzero(((seen & _EDGE) > 0) & ~blank)
    if len(unsure):  # only Arrow knows every kind of space
        some = ids.take(pa.array(unsure))
        trimmed = pc.utf8_trim_whitespace(some)
        blank[unsure] = pc.equal(trimmed, "").to_numpy(zero_copy_only=False)
        padded[unsure] = pc.not_equal(trimmed, some).to_numpy(zero_copy_only=False) & ~blank[unsure]
    rule = "data.guest_rows" if contract.drop_blank_ids else "data.id_blank"
    severity: Severity = "info" if contract.drop_blank_ids else "error"
    first = n_before - len(ids) + int(np.argmax(blank)) + 1
    findings.add(Finding(rule, severity, *place, int(blank.sum()), n_before, first))
    strange = (seen & _CONTROL) > 0
    findings.add(Finding("data.id_control", "error", *place, int(strange.sum()), n_before))
    findings.add(Finding("data.id_padded", "warning", *place, int(padded.sum()), n_before))
    return blank


def _looked_at(ids: pa.Array) -> npt.NDArray[np.uint8]:
    seen = np.zeros(len(ids), dtype=np.uint8)
    if len(ids):
        _, places, data = ids.buffers()
        offsets = np.frombuffer(places, dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
        _look(offsets, np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, np.uint8), seen)
    return seen


@numba.njit(cache=True, nogil=True)
def _look(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8], seen: npt.NDArray[np.uint8]) -> None:
    """Mark the texts that are empty, hold a control character, or begin or end in something other than plain ASCII."""
    for i in range(seen.shape[0]):
        low, high = offsets[i], offsets[i + 1]
        if low == high:
            seen[i] = _EMPTY
            continue
        if not (32 < data[low] < 127 and 32 < data[high - 1] < 127):
            seen[i] = _EDGE
        for k in range(low, high):
            if data[k] < 32 or data[k] == 127:
                seen[i] |= _CONTROL


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
    ahead = pc.fill_null(pc.greater(ended.view(pa.int64()), as_of), False)
    n_ahead = pc.sum(ahead).as_py() or 0
    findings.add(Finding("data.end_after_as_of", "info", contract.name, contract.file, contract.end, n_ahead, n_before))
    position = batch.schema.names.index("ended_at")
    return batch.set_column(position, "ended_at", pc.if_else(ahead, pa.scalar(None, TIME), ended))
