"""Which outcomes are learned from: settled, untreated, and nowhere near missing rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from factories import AS_OF, DAY
from labelled_company import CHURN, TABLES, TREATED, company, delivered, known_days, labelled, params
from memory_history import memory_history

from churnml.config import Params
from churnml.errors import DataError, TimeContractError
from churnml.flow.buckets import bucket_path
from churnml.flow.spine import make_spine, read_plan
from churnml.flow.treatments import treatment_limits
from churnml.histories.store import History
from churnml.parquet import read_parquet
from churnml.timeline import us_to_iso
from churnml.wording import words


def test_tl_21_outcomes_wait_until_late_rows_are_in(tmp_path: Path) -> None:
    report, table = labelled(company(delay_days=12), params(), tmp_path)
    assert report["settle_days"] == 12
    assert known_days(table) == [192, 162, 132, 102, 72, 42]
    assert report["outcomes_known_until"] == us_to_iso(AS_OF - 12 * DAY)


@pytest.mark.parametrize(("settle_days", "newest"), [(0, 30), (5, 35)])
def test_tl_21_the_wait_can_be_set(settle_days: int, newest: int, tmp_path: Path) -> None:
    project = params(churn={**CHURN, "settle_days": settle_days})
    assert min(known_days(labelled(company(delay_days=12), project, tmp_path)[1])) == newest


def test_tl_21_what_is_not_settled_is_counted_and_never_called_stayed(tmp_path: Path) -> None:
    report, table = labelled(company(), params(clv={"table": "orders", "horizon_days": 60}), tmp_path)
    scored = report["by_date"][us_to_iso(AS_OF)]
    assert scored == {"churned": 0, "stayed": 0, "censored": 4, "treated": 0, "in_hole": 0, "unpreventable": 0}
    settled = table.filter(pa.array(table["days"].to_numpy() < 30))
    assert settled["is_churned"].null_count == settled.num_rows > 0
    assert report["value"]["labelled"] + report["value"]["censored"] == table.num_rows


def test_tl_27_treated_outcomes_are_left_out_and_counted_and_the_control_group_stays(tmp_path: Path) -> None:
    contacts = (("c0", 50, "treated"), ("c1", 50, "control"), ("c2", 31, "treated"))
    report, table = labelled(company(contacts=contacts), params(treatments=TREATED), tmp_path)
    everything = [180, 150, 120, 90, 60, 30]
    assert known_days(table, "c0") == [day for day in everything if day != 60]
    assert known_days(table, "c1") == everything
    assert known_days(table, "c2") == [day for day in everything if day != 60]
    counted = {date: counts["treated"] for date, counts in report["by_date"].items() if counts["treated"]}
    assert counted == {us_to_iso(AS_OF - 60 * DAY): 2}


def test_tl_27_value_is_left_alone_unless_named(tmp_path: Path) -> None:
    history, clv = company(contacts=(("c0", 75, "treated"),)), {"table": "orders", "horizon_days": 30}
    alone, _ = labelled(history, params(clv=clv, treatments=TREATED), tmp_path / "a")
    both = {**TREATED, "outcomes": ["churn", "value"]}
    named, _ = labelled(history, params(clv=clv, treatments=both), tmp_path / "b")
    assert (alone["value"]["treated"], named["value"]["treated"]) == (0, 1)


def test_tl_27_treated_outcomes_can_be_kept(tmp_path: Path) -> None:
    project = params(treatments={**TREATED, "mode": "keep"})
    report, _ = labelled(company(contacts=(("c0", 50, "treated"),)), project, tmp_path)
    assert sum(counts["treated"] for counts in report["by_date"].values()) == 0
    assert treatment_limits(project) == [{"key": "treated_kept", "table": "contacts"}]


def test_tl_27_without_a_log_a_list_inside_learned_outcomes_is_refused(tmp_path: Path) -> None:
    lists = delivered(tmp_path, 45)
    with pytest.raises(TimeContractError, match=r"a list was delivered on .*Name the table of contacts in treatments"):
        labelled(company(), params(), tmp_path, lists=lists)


@pytest.mark.parametrize("days", [0, 181, -30])
def test_tl_27_lists_outside_learned_outcomes_do_not_matter(days: int, tmp_path: Path) -> None:
    assert known_days(labelled(company(), params(), tmp_path, lists=delivered(tmp_path, days))[1])


def test_tl_27_an_override_is_told_in_the_model_card(tmp_path: Path) -> None:
    project = params(treatments={"ignore": True})
    labelled(company(), project, tmp_path, lists=delivered(tmp_path, 45))
    (said,) = treatment_limits(project)
    assert "Past campaigns were ignored" in words(f"card.limit_{said['key']}", "en")


def hole(first_day: int, last_day: int, table: str = "orders") -> tuple[tuple[str, int, int], ...]:
    """Return a hole that begins and ends so many days before as_of."""
    return ((table, AS_OF - first_day * DAY, AS_OF - last_day * DAY),)


@pytest.mark.parametrize(
    ("first_day", "last_day", "lost"),
    [(95, 91, {120, 90}), (90, 89, {120, 90, 60}), (60, 59, {90, 60, 30}), (210, 209, {180}), (211, 210, set())],
)
def test_in_41_no_label_is_computed_across_a_hole(
    first_day: int, last_day: int, lost: set[int], tmp_path: Path
) -> None:
    report, table = labelled(company(holes=hole(first_day, last_day)), params(), tmp_path)
    kept = set(known_days(table))
    assert {180, 150, 120, 90, 60, 30} - kept == lost - ({150} if first_day == 95 else set())
    assert sum(counts["in_hole"] for counts in report["by_date"].values()) == 4 * (6 - len(kept))


def test_in_41_a_hole_of_another_table_does_not_matter(tmp_path: Path) -> None:
    assert len(known_days(labelled(company(holes=hole(95, 60, "contacts")), params(), tmp_path)[1])) == 6


def test_in_41_a_hole_up_to_as_of_moves_the_dates_back(tmp_path: Path) -> None:
    history = company(holes=hole(2, 0))
    report, table = labelled(history, params(), tmp_path)
    assert known_days(table) == [183, 153, 123, 93, 63, 33]
    assert report["outcomes_known_until"] == us_to_iso(AS_OF - 3 * DAY)


def test_in_41_holes_that_leave_no_outcome_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"orders.parquet: rows are missing from .* every outcome needs that period"):
        labelled(company(holes=hole(399, 1)), params(), tmp_path)


def test_own_clocks_begin_once_there_are_rows_to_decide_from(tmp_path: Path) -> None:
    project = params(snapshots={"anchor": "joined", "at_days": [0, 40, 200]})
    _, table = labelled(company(), project, tmp_path)
    plan = read_plan(tmp_path / "spine")
    dates = np.unique(table["observation_date"].cast(pa.int64()).to_numpy())
    assert AS_OF - 400 * DAY < plan.decided_at <= dates[0]
    assert plan.fitted_dates[0] == plan.decided_at
    assert plan.fitted_dates[-1] == AS_OF
    assert len(plan.fitted_dates) <= 25
    assert set(known_days(table)) == {360, 200}


def test_later_rows_do_not_move_the_date_at_which_own_clocks_begin(tmp_path: Path) -> None:
    project = params(snapshots={"anchor": "joined", "at_days": [90]})
    begins = set()
    for n_later in (0, 50, 5000):
        times = [AS_OF - 400 * DAY + n * (DAY // 10) for n in range(3000)]
        times += [AS_OF - 100 * DAY + n for n in range(n_later)]
        times += [AS_OF - n * DAY for n in range(20)]
        orders = [{"id": f"c{i % 9}", "occurred_at": t, "amount": 10} for i, t in enumerate(times)]
        history = memory_history(AS_OF, {"orders": ("events", orders), "contacts": ("events", [])})
        begins.add(make_spine(history, project, tmp_path / str(n_later)).decided_at)
    assert begins == {AS_OF - 390 * DAY}


def durations(folder: Path, customer: str = "c0") -> dict[int, tuple[float | None, float | None]]:
    """Return event and observed days of one customer's snapshots, by days before as_of."""
    table = read_parquet(bucket_path(folder / "labels" / "duration", 0))
    spine = read_parquet(bucket_path(folder / "spine", 0))
    assert table.select(spine.column_names).equals(spine)
    return {
        (AS_OF - int(row["observation_date"].timestamp() * 1e6)) // DAY: (row["event_days"], row["observed_days"])
        for row in table.to_pylist()
        if row["customer_id"] == customer
    }


def test_tl_21_durations_stand_beside_the_labels_up_to_what_is_settled(tmp_path: Path) -> None:
    labelled(company(delay_days=12), params(clv={"table": "orders", "horizon_days": 14}), tmp_path)
    found = durations(tmp_path)
    assert found[42] == (2.0, 30.0)
    assert {days: observed for days, (_, observed) in found.items() if days < 42} == {0: None}


def test_tl_27_treated_snapshots_have_no_duration_and_later_treatment_ends_it(tmp_path: Path) -> None:
    labelled(company(contacts=(("c0", 50, "treated"),)), params(treatments=TREATED), tmp_path)
    found = durations(tmp_path)
    assert found[60] == (None, None)
    assert found[90] == (10.0, 40.0)
    assert found[30] == (10.0, 30.0)


def test_in_41_no_duration_is_measured_across_a_hole(tmp_path: Path) -> None:
    labelled(company(holes=hole(60, 59)), params(), tmp_path)
    found = durations(tmp_path)
    assert {days for days, (_, observed) in found.items() if observed is None} == {90, 60, 30, 0}
    assert found[120] == (10.0, 60.0)


LONG = {**CHURN, "horizon_days": 600}
"""The history has 400 days: 140 of them can be labelled, three months and a step before two such outcomes."""


def test_a_horizon_longer_than_any_label_is_labelled_shorter(tmp_path: Path) -> None:
    _, table = labelled(company(), params(churn=LONG), tmp_path)
    plan = read_plan(tmp_path / "spine")
    assert plan.churn_horizon_us == 140 * DAY
    assert min(known_days(table)) == 140
    assert max(known_days(table)) >= 280
    assert set(table.filter(pa.array(table["days"].to_numpy() >= 140))["is_churned"].to_pylist()) == {0}


def test_durations_beside_a_shortened_horizon_are_seen_to_the_end(tmp_path: Path) -> None:
    labelled(company(), params(churn=LONG, clv={"table": "orders", "horizon_days": 30}), tmp_path)
    found = durations(tmp_path)
    assert {days: observed for days, (_, observed) in found.items()} == {
        days: float(days) if days else None for days in found
    }
    assert max(found) >= 280
    assert all(event == (days % 10 or 10) for days, (event, _) in found.items() if days)


def test_tl_27_treatments_in_a_shortened_horizon_take_the_label_and_later_ones_end_the_duration(tmp_path: Path) -> None:
    history, project = company(contacts=(("c0", 100, "treated"),)), params(churn=LONG, treatments=TREATED)
    _, table = labelled(history, project, tmp_path)
    found, known = durations(tmp_path), known_days(table)
    inside = [days for days in found if 100 < days <= 240]
    before = [days for days in found if days > 240]
    assert inside
    assert before
    assert not set(inside) & set(known)
    assert {found[days] for days in inside} == {(None, None)}
    assert set(before) <= set(known)
    assert {found[days][1] for days in before} == {float(days - 100) for days in before}


def test_in_41_a_hole_before_a_shortened_horizon_spoils_nothing(tmp_path: Path) -> None:
    labelled(company(holes=hole(60, 55)), params(churn=LONG), tmp_path)
    found = durations(tmp_path)
    early = [days for days in found if days > 200]
    assert early
    assert {found[days][1] for days in early} == {float(days - 60) for days in early}


def test_ready_labels_have_no_durations(tmp_path: Path) -> None:
    people = [{"id": f"c{i}", "joined": AS_OF - DAY, "segment": "a"} for i in range(4)]
    history = memory_history(AS_OF, {"people": ("customers", people)})
    labels = pa.array(["yes", "no", "yes", "no"])
    history = history.with_rows({"people": history.held["people"].append_column("label", labels)})
    tables = {"people": {"kind": "customers", "file": "people.csv", "id": "id", "categories": ["segment"]}}
    project = params(
        histories={"folder": "raw", "as_of": us_to_iso(AS_OF), "tables": tables},
        churn={"definition": "label", "table": "people", "label": "left"},
    )
    labelled(history, project, tmp_path)
    assert not (tmp_path / "labels" / "duration").exists()


@pytest.mark.parametrize(("asked_days", "halves"), [(300, True), (60, False)])
def test_half_the_value_is_written_where_value_has_to_be_carried(asked_days: int, halves: bool, tmp_path: Path) -> None:
    clv = {"table": "orders", "margin": 1.0, "discount_rate_yearly": 0.0, "horizon_days": asked_days}
    labelled(company(), params(clv=clv), tmp_path)
    table = read_parquet(bucket_path(tmp_path / "labels" / "value", 0))
    assert ("value_half" in table.column_names) is halves
    if halves:
        plan = read_plan(tmp_path / "spine")
        value, half = (table[name].drop_null().to_numpy() for name in ("value", "value_half"))
        # An order of 10 every ten days.
        np.testing.assert_allclose(half, plan.value_half_us // DAY, atol=10.0)
        np.testing.assert_allclose(value, plan.value_horizon_us // DAY, atol=10.0)
        assert table["value_half"].null_count == table["value"].null_count


SPELLS = {"kind": "spells", "id": "id", "start": "started_at", "end": "ended_at", "file": "plans.csv"}


def contract_company(reasons: dict[str, tuple[int, str | None]]) -> History:
    """Return customers who order every ten days until they stop, and whose contract ended that day for a reason."""
    orders, spells = [], []
    for name, (stop, reason) in reasons.items():
        orders += [
            {"id": name, "occurred_at": AS_OF - d * DAY, "known_at": AS_OF - d * DAY, "amount": 10}
            for d in range(400, stop - 1, -10)
        ]
        if reason:
            end = AS_OF - stop * DAY
            spells.append({"id": name, "started_at": AS_OF - 400 * DAY, "ended_at": end, "end_reason": reason})
    return memory_history(AS_OF, {"orders": ("events", orders), "plans": ("spells", spells)})


def with_contracts(**causes: Any) -> Params:
    tables = {"orders": TABLES["orders"], "plans": {**SPELLS, "end_reason": "reason"}}
    histories = {"folder": "raw", "as_of": us_to_iso(AS_OF), "tables": tables}
    base = {"histories": histories, "churn": CHURN, "snapshots": {"count": 6}, "causes": causes}
    return Params.model_validate(base)


def churned(history: History, params: Params, folder: Path) -> set[str]:
    _, table = labelled(history, params, folder)
    return {r["customer_id"] for r in table.to_pylist() if r["is_churned"] == 1}


def test_losses_nobody_could_prevent_can_be_left_out_of_training(tmp_path: Path) -> None:
    history = contract_company({"a": (100, "price"), "b": (100, "deceased"), "c": (100, None), "d": (0, None)})
    assert churned(history, with_contracts(), tmp_path / "all") == {"a", "b", "c"}
    assert churned(history, with_contracts(learn_from_uncontrollable=False), tmp_path / "some") == {"a", "c"}
    report, _ = labelled(history, with_contracts(learn_from_uncontrollable=False), tmp_path / "counted")
    assert sum(counts["unpreventable"] for counts in report["by_date"].values()) > 0
