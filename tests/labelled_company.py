"""A small company in memory whose outcomes are labelled: four customers who order every ten days."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from factories import AS_OF, DAY
from memory_history import memory_history

from churnml.config import Params
from churnml.flow.buckets import bucket_path
from churnml.flow.label import label
from churnml.flow.spine import make_spine
from churnml.histories.store import History
from churnml.parquet import read_parquet
from churnml.timeline import us_to_iso

EVENTS = {"kind": "events", "id": "id", "time": "occurred_at", "known_at": "known_at", "categories": ["channel"]}
TABLES = {
    "orders": {**EVENTS, "file": "orders.parquet", "amount": "amount"},
    "contacts": {**EVENTS, "file": "contacts.parquet"},
}
TREATED = {"table": "contacts", "column": "channel", "treated": ["treated"], "control": ["control"]}
CHURN = {"definition": "inactivity", "table": "orders", "horizon_days": 30, "active_within_days": 30}


def params(**blocks: Any) -> Params:
    histories = {"folder": "raw", "as_of": us_to_iso(AS_OF), "tables": TABLES}
    base = {"histories": histories, "churn": CHURN, "snapshots": {"count": 6}}
    return Params.model_validate({**base, **blocks})


def company(*, delay_days: int = 0, contacts: tuple[tuple[str, int, str], ...] = (), **more: Any) -> History:
    """Return four customers who order every ten days for 400 days; one order in ten comes in late."""
    orders = [
        {"id": f"c{i}", "occurred_at": t, "known_at": t + delay_days * DAY * (n % 10 == 0), "amount": 10}
        for i in range(4)
        for n, t in enumerate(range(AS_OF - (400 - i) * DAY, AS_OF, 10 * DAY))
        if t + delay_days * DAY * (n % 10 == 0) <= AS_OF
    ]
    touched = [{"id": name, "occurred_at": AS_OF - days * DAY, "channel": arm} for name, days, arm in contacts]
    tables = {"orders": ("events", orders), "contacts": ("events", touched)}
    return memory_history(AS_OF, tables, **more)


def labelled(history: History, project: Params, folder: Path, **more: Any) -> tuple[dict[str, Any], pa.Table]:
    """Return the counts, and the labels with ``days``: how long before as_of each snapshot lies."""
    make_spine(history, project, folder / "spine")
    report = label(history, project, folder / "spine", folder / "labels", **more)
    table = read_parquet(bucket_path(folder / "labels" / "churn", 0))
    days = (AS_OF - table["observation_date"].cast(pa.int64()).to_numpy()) // DAY
    return report, table.append_column("days", pa.array(days))


def known_days(table: pa.Table, customer: str = "c0") -> list[int]:
    rows = table.to_pylist()
    return [row["days"] for row in rows if row["customer_id"] == customer and row["is_churned"] is not None]


def delivered(folder: Path, days: int) -> Path:
    manifest = folder / "lists" / "retention" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"as_of": us_to_iso(AS_OF - days * DAY)}))
    return folder / "lists"
