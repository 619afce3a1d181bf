"""Simulate a company chunk by chunk and write what it would deliver, and apart from it the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ConfigError
from churnml.parquet import write_parquet
from churnml.simulation.clock import Clock
from churnml.simulation.columns import customer_ids, instants, numbers, strings
from churnml.simulation.contacts import customers_table
from churnml.simulation.delivery import Delivery
from churnml.simulation.lives import live
from churnml.simulation.mechanism import Mechanism
from churnml.simulation.orders import draw_orders, orders_table
from churnml.simulation.people import draw_people
from churnml.simulation.setting import change_step, lay_out
from churnml.simulation.subscriptions import subscriptions_table
from churnml.simulation.touchpoints import campaigns_table, surveys_table, tickets_tables, visits_table
from churnml.simulation.truth import parameters, truth_table
from churnml.storage import new_folder, write_json
from churnml.timeline import days_to_us

__all__ = ["EVENT_TABLES", "SimulationSummary", "chunks", "simulate"]

EVENT_TABLES = ("orders", "subscriptions", "visits", "tickets", "ticket_answers", "surveys", "campaigns")
"""Tables whose rows count as events."""

LeaveOut = Callable[[pa.Array], npt.NDArray[np.bool_]]

_CHUNK = 2_000
_MOST_CUSTOMERS = 9_999_999
_MOST_MONTHS = 240
_PURPOSES = ("people", "lives", "contacts", "orders", "subscriptions", "visits", "tickets", "surveys", "campaigns")


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What was written.

    Parameters
    ----------
    n_rows : dict of str to int
        Rows per delivered table.
    n_events : int
        Rows of all event and spell tables together.
    n_alive : int
        Customers who had not left at the end.
    """

    n_rows: dict[str, int]
    n_events: int
    n_alive: int


def chunks(
    *, n_customers: int, months: int, seed: int, end: str, mechanism: Mechanism
) -> Iterator[dict[str, pa.Table]]:
    """Yield the tables of 2,000 customers at a time, the truth among them.

    A chunk is always lived whole and cut afterwards, and every purpose has random numbers of its own: the
    first customers are the same however many follow.
    """
    clock = Clock.before(end, months=months)
    n_orders = 0
    for number, first in enumerate(range(0, n_customers, _CHUNK)):
        tables = _chunk(seed, number, first_order=n_orders + 1, mechanism=mechanism, clock=clock)
        if first + _CHUNK > n_customers:
            beyond = customer_ids(n_customers + 1, 1)[0]
            tables = {name: table.filter(pc.less(table["customer_id"], beyond)) for name, table in tables.items()}
        n_orders += tables["orders"].num_rows
        yield tables


def _chunk(seed: int, number: int, *, first_order: int, mechanism: Mechanism, clock: Clock) -> dict[str, pa.Table]:
    seeds = np.random.SeedSequence([seed, number]).spawn(len(_PURPOSES))
    rng = {p: np.random.Generator(np.random.Philox(s)) for p, s in zip(_PURPOSES, seeds, strict=True)}
    ids = customer_ids(number * _CHUNK + 1, _CHUNK)
    people = draw_people(rng["people"], _CHUNK, mechanism=mechanism, clock=clock)
    setting = lay_out(people, mechanism=mechanism, clock=clock)
    lives = live(rng["lives"], people, setting, mechanism=mechanism, clock=clock)
    orders = draw_orders(rng["orders"], people, setting, lives, mechanism=mechanism, clock=clock)
    tickets, answers = tickets_tables(rng["tickets"], people, lives, ids=ids, clock=clock)
    return {
        "customers": customers_table(rng["contacts"], people, ids=ids, mechanism=mechanism),
        "orders": orders_table(orders, ids=ids, first_number=first_order, clock=clock),
        "subscriptions": subscriptions_table(rng["subscriptions"], people, setting, lives, ids=ids, clock=clock),
        "visits": visits_table(rng["visits"], people, lives, ids=ids, mechanism=mechanism, clock=clock),
        "tickets": tickets,
        "ticket_answers": answers,
        "surveys": surveys_table(rng["surveys"], people, lives, ids=ids, mechanism=mechanism, clock=clock),
        "campaigns": campaigns_table(rng["campaigns"], lives, ids=ids, mechanism=mechanism, clock=clock),
        "truth": truth_table(people, setting, lives, orders, ids=ids, mechanism=mechanism, clock=clock),
    }


def _without(table: pa.Table, leave_out: LeaveOut) -> pa.Table:
    ids = table["customer_id"].combine_chunks()
    return table.filter(pa.array(~leave_out(ids))) if len(ids) else table


def _changes_table(mechanism: Mechanism, clock: Clock) -> pa.Table:
    changes = mechanism.changes
    starts = np.array([clock.at_step(change_step(change, clock)) for change in changes], dtype=np.int64)
    before = np.array([days_to_us(change.announced_days_before) for change in changes], dtype=np.int64)
    lasts = np.array([days_to_us(change.lasts_days) for change in changes], dtype=np.int64)
    value = np.array([change.value for change in changes])
    return pa.table(
        {
            "change_id": strings([change.change_id for change in changes]),
            "type": strings([change.type for change in changes]),
            "announced_at": instants(starts - before),
            "starts_at": instants(starts),
            "ends_at": instants(starts + lasts, missing=(lasts == 0) | (starts + lasts > clock.end_us)),
            "scope": strings([change.scope for change in changes]),
            "value": numbers(value, missing=value == 0),
        }
    )


def _check(*, n_customers: int, months: int, seed: int, folder: Path, truth: Path) -> None:
    for name, number, least, most in (
        ("n_customers", n_customers, 1, _MOST_CUSTOMERS),
        ("months", months, 1, _MOST_MONTHS),
        ("seed", seed, 0, 2**63 - 1),
    ):
        if not least <= number <= most:
            raise ConfigError(f"must lie between {least} and {most}", rule="config.range", column=name)
    inner, outer = truth.resolve(), folder.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ConfigError(
            "the truth must be kept apart from the delivered tables",
            rule="config.path",
            column="truth",
            next_step="Name two folders of which neither contains the other.",
        )
    for place, known in ((folder, _DELIVERED), (truth, _TRUTH)):
        strange = [path for path in place.iterdir() if path.name not in known] if place.is_dir() else []
        if strange:
            raise ConfigError(
                "the folder holds files that are not the simulation's and would be lost",
                rule="config.folder_in_use",
                file=place.name,
                count=len(strange),
                next_step="Name an empty or a new folder.",
            )


_DELIVERED = {f"{name}.parquet" for name in ("customers", "company_changes", *EVENT_TABLES)}
_TRUTH = {"customers.parquet", "truth.json"}


def simulate(
    *,
    n_customers: int,
    months: int,
    seed: int,
    end: str,
    folder: Path,
    truth: Path,
    mechanism: Mechanism | None = None,
    leave_out: LeaveOut | None = None,
) -> SimulationSummary:
    """Simulate a company and write its tables to one folder and the truth to another.

    The same arguments give the same bytes. Memory does not grow with ``n_customers``.

    Parameters
    ----------
    n_customers : int
        Customers who ever joined, 1 to 9,999,999.
    months : int
        Length of the history in months of 30 days, 1 to 240.
    seed : int
        Seed of all random numbers, not negative.
    end : str
        ISO date; the history ends at its first instant (UTC), use it as ``as_of``.
    folder, truth : Path
        Where the delivered tables and the truth go; both are replaced as a whole.
    mechanism : Mechanism, optional
        Planted numbers; absent = the documented ones.
    leave_out : callable, optional
        Gets customer ids and says which of them are not written.

    Returns
    -------
    SimulationSummary
        Row counts.

    Raises
    ------
    ConfigError
        If a number is out of range, ``end`` is no date, one folder contains the other, or a folder holds
        files of somebody else.
    EnvironmentFault
        If the disk is full or a folder cannot be written.
    """
    _check(n_customers=n_customers, months=months, seed=seed, folder=folder, truth=truth)
    mechanism = mechanism or Mechanism()
    clock = Clock.before(end, months=months)
    n_alive = 0
    with new_folder(folder) as delivered, new_folder(truth) as apart:
        paths = {name: delivered / f"{name}.parquet" for name in ("customers", *EVENT_TABLES)}
        with Delivery(paths | {"truth": apart / "customers.parquet"}) as delivery:
            for tables in chunks(n_customers=n_customers, months=months, seed=seed, end=end, mechanism=mechanism):
                if leave_out is not None:
                    tables = {name: _without(table, leave_out) for name, table in tables.items()}
                delivery.add(tables)
                n_alive += int(pc.sum(tables["truth"]["is_alive"]).as_py())
        changes = _changes_table(mechanism, clock)
        write_parquet(changes, delivered / "company_changes.parquet")
        planted = parameters(mechanism, n_customers=n_customers, months=months, seed=seed, end=end)
        write_json(planted, apart / "truth.json")
    n_rows = delivery.n_rows() | {"company_changes": changes.num_rows}
    del n_rows["truth"]
    return SimulationSummary(n_rows=n_rows, n_events=sum(n_rows[name] for name in EVENT_TABLES), n_alive=n_alive)
