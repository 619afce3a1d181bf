"""Small random histories for tests: raw tables as a company would deliver them, boundaries included."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from churnml.histories.contract import TableContract
from churnml.histories.prepare import prepare
from churnml.histories.store import History, open_history

DAY = 86_400_000_000
AS_OF = 19_000 * DAY
TIME = pa.timestamp("us", tz="UTC")
WINDOWS = (7, 30, 90)
Row = dict[str, Any]

CUSTOMERS = TableContract(
    "customers", "customers", "customers.parquet", id="id", time="joined", categories=("segment",), numbers=("age",)
)
ORDERS = TableContract(
    "orders",
    "events",
    "orders.parquet",
    id="id",
    time="occurred_at",
    known_at="known_at",
    amount=("amount",),
    numbers=("items",),
    categories=("channel",),
)
PLANS = TableContract(
    "plans",
    "spells",
    "plans.parquet",
    id="id",
    time="started_at",
    known_at="known_at",
    end="ended_at",
    planned_end="planned_end",
    amount=("amount",),
    categories=("tier",),
    end_reason="end_reason",
)
CHANGES = TableContract(
    "changes",
    "calendar",
    "changes.parquet",
    time="occurred_at",
    known_at="known_at",
    end="ended_at",
    type="type",
    scope="scope",
    value="value",
)


@dataclass
class Company:
    """Raw rows by table; ``orders`` and ``plans`` by customer."""

    customers: dict[str, Row] = field(default_factory=dict)
    orders: dict[str, list[Row]] = field(default_factory=dict)
    plans: dict[str, list[Row]] = field(default_factory=dict)
    changes: list[Row] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        people = [{"id": name, **row} for name, row in self.customers.items()]
        orders = [{"id": name, **row} for name, rows in self.orders.items() for row in rows]
        plans = [{"id": name, **row} for name, rows in self.plans.items() for row in rows]
        _write(people, folder / "customers.parquet", ("id", "joined", "segment", "age"))
        names = ("id", "occurred_at", "known_at", "amount", "items", "channel")
        _write(orders, folder / "orders.parquet", names)
        names = ("id", "started_at", "known_at", "ended_at", "planned_end", "amount", "tier", "end_reason")
        _write(plans, folder / "plans.parquet", names)
        names = ("occurred_at", "known_at", "ended_at", "type", "scope", "value")
        _write(self.changes, folder / "changes.parquet", names)

    def prepare(self, root: Path, *, as_of: int = AS_OF) -> History:
        self.write(root / "raw")
        tables = [CUSTOMERS, ORDERS, PLANS, CHANGES]
        prepare(tables, root=root, folder="raw", target=root / "prepared", as_of=as_of, timezone="UTC")
        return open_history(root / "prepared")


_TYPES = {
    "amount": pa.decimal128(18, 2),
    "age": pa.float64(),
    "items": pa.float64(),
    "value": pa.float64(),
    **dict.fromkeys(("joined", "occurred_at", "known_at", "started_at", "ended_at", "planned_end"), TIME),
}


def _write(rows: list[Row], path: Path, names: tuple[str, ...]) -> None:
    columns = {name: pa.array([row[name] for row in rows], _TYPES.get(name, pa.string())) for name in names}
    pq.write_table(pa.table(columns), path)


def random_company(seed: int, *, n_customers: int = 6, boundaries: tuple[int, ...] = ()) -> Company:
    """Return a company whose times crowd around ``boundaries``, a microsecond either side included."""
    rng = np.random.default_rng(seed)
    company = Company()
    for i in range(n_customers):
        name = f"c{i}"
        company.customers[name] = {
            "joined": AS_OF - int(rng.integers(100, 800)) * DAY,
            "segment": str(rng.choice(["a", "b"])),
            "age": float(rng.integers(18, 80)) if rng.random() < 0.8 else None,
        }
        company.orders[name] = [_order(rng, boundaries) for _ in range(int(rng.integers(0, 14)))]
        company.plans[name] = [_plan(rng, boundaries) for _ in range(int(rng.integers(0, 4)))]
    company.orders["c0"].append(_order(rng, boundaries) | {"amount": Decimal("5.00")})
    company.changes = [_change(rng, boundaries) for _ in range(int(rng.integers(1, 5)))]
    return company


def _time(rng: np.random.Generator, boundaries: tuple[int, ...]) -> int:
    if boundaries and rng.random() < 0.5:
        offset = int(rng.choice([0, *(-days * DAY for days in WINDOWS), 30 * DAY, 33 * DAY]))
        return int(rng.choice(boundaries)) + offset + int(rng.integers(-1, 2))
    return AS_OF - int(rng.integers(0, 400 * DAY))


def _order(rng: np.random.Generator, boundaries: tuple[int, ...]) -> Row:
    time = _time(rng, boundaries)
    late = int(rng.choice([0, 1, 5 * DAY, 40 * DAY])) if rng.random() < 0.4 else None
    return {
        "occurred_at": time,
        "known_at": None if late is None else time + late,
        "amount": None if rng.random() < 0.1 else Decimal(int(rng.integers(-4000, 20000))) / 100,
        "items": None if rng.random() < 0.2 else float(rng.integers(0, 9)),
        "channel": [None, "web", "shop"][int(rng.integers(0, 3))],
    }


def _plan(rng: np.random.Generator, boundaries: tuple[int, ...]) -> Row:
    start = _time(rng, boundaries)
    length = int(rng.integers(1, 200)) * DAY + int(rng.integers(-1, 2))
    return {
        "started_at": start,
        "known_at": start + 3 * DAY if rng.random() < 0.2 else None,
        "ended_at": start + length if rng.random() < 0.7 else None,
        "planned_end": start + 120 * DAY if rng.random() < 0.5 else None,
        "amount": Decimal(int(rng.integers(100, 5000))) / 100,
        "tier": str(rng.choice(["basic", "plus"])),
        "end_reason": str(rng.choice(["price", "moved"])),
    }


def _change(rng: np.random.Generator, boundaries: tuple[int, ...]) -> Row:
    start = _time(rng, boundaries)
    return {
        "occurred_at": start,
        "known_at": start - int(rng.integers(0, 30)) * DAY,
        "ended_at": start + int(rng.integers(1, 30)) * DAY if rng.random() < 0.5 else None,
        "type": str(rng.choice(["price", "outage"])),
        "scope": str(rng.choice(["", "segment=a", "segment=b"])),
        "value": float(rng.integers(1, 10)),
    }
