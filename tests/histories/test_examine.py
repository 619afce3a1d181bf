"""Each rule with a table where it is broken and one where it is not, through the whole of reading."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churnml.errors import DataError
from churnml.histories.checks import Finding, Findings
from churnml.histories.contract import TableContract
from churnml.histories.cross_checks import active_missing_by_quarter
from churnml.histories.prepare import prepare
from churnml.histories.profile import HistoryProfile
from churnml.histories.rules import Limits, Rules
from churnml.histories.store import History, open_history
from churnml.timeline import DAY_US, parse_instant

ORDERS = TableContract("orders", "events", "orders.csv", id="id", time="at", amount=("paid",), categories=("shop",))
PEOPLE = TableContract("people", "customers", "people.csv", id="id")
SPELLS = TableContract("plans", "spells", "plans.csv", id="id", time="start", end="end")
START = date(2023, 1, 1)
Row = list[str]


def order_rows(n_days: int = 365, a_day: int = 40, seed: int = 0, n_customers: int = 300) -> list[Row]:
    """Rows of id, time, amount, shop, number of the row; most customers a few rows a month."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(n_days):
        for who in rng.integers(n_customers, size=rng.poisson(a_day)):
            clock = f"{START + timedelta(day)}T{rng.integers(8, 20):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}"
            row = [f"C{who:04d}", clock, f"{np.exp(rng.normal(3, 0.7)):.2f}", "abc"[who % 3], str(len(rows))]
            rows.append(row)
    return rows


CLEAN = order_rows()


def checked(
    folder: Path, tables: list[Any], rules: Rules | None = None, **options: object
) -> tuple[Findings, History | None]:
    """Prepare rows of orders, or (contract, rows) of tables, as of New Year; the history is None where it stops."""
    given = tables if isinstance(tables[0], tuple) else [(ORDERS, tables)]
    (folder / "raw").mkdir(parents=True)
    headers = {"events": "id,at,paid,shop,line", "customers": "id", "spells": "id,start,end"}
    for contract, rows in given:
        text = "\n".join([headers[contract.kind] + (",code" if contract.currency else ""), *map(",".join, rows), ""])
        (folder / "raw" / contract.file).write_text(text, encoding="utf-8")
    findings = Findings(rules or Rules())
    settings = {"as_of": parse_instant("2024-01-01", timezone="UTC"), "timezone": "UTC", "required": ["orders"]}
    settings |= {"root": folder, "folder": "raw", "target": folder / "out"} | options
    try:
        prepare([contract for contract, _ in given], findings=findings, **settings)
    except DataError:
        return findings, None
    return findings, open_history(folder / "out")


def rules_of(findings: Findings) -> dict[str, str]:
    return {finding.rule: finding.severity for finding in findings.all}


def one(findings: Findings, rule: str) -> Finding:
    (found,) = (finding for finding in findings.all if finding.rule == rule)
    return found


def changed(edit: object, every: int = 1, start: int = 0, stop: int | None = None) -> list[Row]:
    """Return the clean rows, some of them passed through ``edit``."""
    rows = [list(row) for row in CLEAN]
    for at in range(start, len(rows) if stop is None else stop, every):
        rows[at] = edit(rows[at])
    return rows


def on(row: Row, month: int) -> bool:
    return int(row[1][5:7]) == month


def test_clean_tables_raise_nothing(tmp_path: Path) -> None:
    people = [[f"C{who:04d}"] for who in range(300)]
    findings, history = checked(tmp_path, [(ORDERS, CLEAN), (PEOPLE, people)])
    assert rules_of(findings) == {}
    assert history is not None
    assert history.holes == ()


def test_in_41_a_missing_month_stops_and_is_named(tmp_path: Path) -> None:
    findings, history = checked(tmp_path, [row for row in CLEAN if not on(row, 5)])
    assert history is None
    found = one(findings, "data.gap")
    assert (found.severity, found.figures["first"], found.figures["last"]) == (
        "error",
        date(2023, 5, 1),
        date(2023, 5, 31),
    )
    assert "2023" in found.problem
    with pytest.raises(DataError, match=r"orders.csv: at: Hardly any rows from 1 May 2023 to 31 May 2023"):
        findings.raise_errors()


def test_in_41_a_hole_that_is_borne_is_remembered(tmp_path: Path) -> None:
    rules = Rules({"data.gap": Limits("warning")})
    findings, history = checked(tmp_path, [row for row in CLEAN if not on(row, 5)], rules)
    assert rules_of(findings) == {"data.gap": "warning"}
    assert history is not None
    days = [parse_instant(text, timezone="UTC") for text in ("2023-05-01", "2023-06-01")]
    assert history.holes == (("orders", *days),)


def test_in_41_a_hole_elsewhere_is_a_warning(tmp_path: Path) -> None:
    findings, history = checked(tmp_path, [row for row in CLEAN if not on(row, 5)], required=[])
    assert rules_of(findings) == {"data.gap": "warning"}
    assert history is not None
    assert len(history.holes) == 1


def test_in_41_a_half_loaded_last_day_stops(tmp_path: Path) -> None:
    rows = order_rows(a_day=200, n_customers=3000)
    last = [at for at, row in enumerate(rows) if row[1].startswith("2023-12-31")]
    # As of the day before: New Year's Eve may be quiet.
    cut = rows[: last[0]]
    before = [at for at, row in enumerate(cut) if row[1].startswith("2023-12-30")]
    half = cut[: before[len(before) // 3]]
    settings = {"as_of": parse_instant("2023-12-31", timezone="UTC")}
    findings, _ = checked(tmp_path / "half", half, **settings)
    assert one(findings, "data.last_days").severity == "error"
    assert one(findings, "data.last_days").figures["first"] == date(2023, 12, 30)
    assert rules_of(checked(tmp_path / "whole", cut, **settings)[0]) == {}


def test_in_41_half_of_a_quiet_last_day_is_worth_a_look_and_may_stop(tmp_path: Path) -> None:
    rows = order_rows(a_day=60, n_customers=3000)
    day = [at for at, row in enumerate(rows) if row[1].startswith("2023-11-30")]
    half = rows[: day[len(day) * 2 // 3]]
    settings = {"as_of": parse_instant("2023-12-01", timezone="UTC")}
    findings, history = checked(tmp_path / "half", half, **settings)
    found = one(findings, "data.last_day_low")
    assert (found.severity, found.figures["first"]) == ("warning", date(2023, 11, 30))
    assert found.figures["found"] < found.figures["low"] < found.figures["expected"]
    assert history is not None
    assert [hole[0] for hole in history.holes] == ["orders"]
    rules = Rules({"data.last_day_low": Limits("error")})
    with pytest.raises(DataError, match="The last day may not be loaded whole"):
        checked(tmp_path / "stopped", half, rules, **settings)[0].raise_errors()
    assert rules_of(checked(tmp_path / "whole", rows[: day[-1] + 1], **settings)[0]) == {}


@pytest.mark.parametrize("token", ["unknown", " N/A", "test", "-1", "99999", "0"])
def test_ids_of_nobody_are_counted_and_not_told(token: str, tmp_path: Path) -> None:
    findings, _ = checked(tmp_path, changed(lambda row: [token, *row[1:]], every=100))
    found = one(findings, "data.placeholder_ids")
    assert (found.severity, found.count) == ("warning", -(-len(CLEAN) // 100))
    assert token.strip() not in found.problem


def test_numbers_among_numbers_are_customers(tmp_path: Path) -> None:
    rows = [[str(int(row[0][1:]) + 9_850), *row[1:]] for row in CLEAN]
    rows += [[str(int(row[0][1:])), *row[1:]] for row in order_rows(seed=2)]
    assert "data.placeholder_ids" not in rules_of(checked(tmp_path, rows)[0])


def test_one_id_with_very_many_rows(tmp_path: Path) -> None:
    findings, _ = checked(tmp_path, changed(lambda row: ["K77", *row[1:]], every=3))
    assert one(findings, "data.heavy_id").severity == "warning"
    assert one(findings, "data.heavy_id").count == -(-len(CLEAN) // 3)


@pytest.mark.parametrize(("spell", "count"), [(lambda i: i.lower(), 1), (lambda i: f" {i}", 1), (lambda i: i + "x", 0)])
def test_ids_in_two_spellings(spell: object, count: int, tmp_path: Path) -> None:
    findings, _ = checked(tmp_path, changed(lambda row: [spell(row[0]), *row[1:]], start=500, stop=501))
    assert findings.count("data.id_variants", "orders") == count


def test_leading_zeros_lost_on_the_way_to_another_table(tmp_path: Path) -> None:
    rows = [[row[0][1:], *row[1:]] for row in CLEAN]
    people = [[str(who)] for who in range(300)]
    findings, _ = checked(tmp_path, [(ORDERS, rows), (PEOPLE, people)])
    assert findings.count("data.id_variants", "orders") == len(rows)


def test_placeholder_dates_are_told_apart_from_strays(tmp_path: Path) -> None:
    rows = changed(lambda row: [row[0], "1900-01-01T00:00:00", *row[2:]], every=1500)
    rows[3][1] = "2003-01-05T10:00:00"
    findings, _ = checked(tmp_path, rows)
    assert rules_of(findings) == {"data.sentinel_date": "warning", "data.stray_date": "warning"}
    assert one(findings, "data.sentinel_date").count == -(-len(rows) // 1500)


def test_many_placeholder_dates_stop(tmp_path: Path) -> None:
    rows = changed(lambda row: [row[0], "1970-01-01", *row[2:]], every=20)
    assert rules_of(checked(tmp_path, rows)[0])["data.sentinel_date"] == "error"


def test_a_day_that_holds_too_much(tmp_path: Path) -> None:
    rows = changed(lambda row: [row[0], "2023-03-03T00:00:00", *row[2:]], every=2)
    assert one(checked(tmp_path, rows)[0], "data.date_spike").severity == "warning"


def test_open_ends_far_ahead_are_a_note(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plans = [[f"C{i}", str(START + timedelta(int(rng.integers(300)))), ["9999-12-31", ""][i % 2]] for i in range(200)]
    findings, _ = checked(tmp_path, [(SPELLS, plans)], required=[])
    assert rules_of(findings) == {"data.open_end_date": "info", "data.end_after_as_of": "info"}
    assert one(findings, "data.open_end_date").count == 100


def test_rows_after_as_of_become_a_warning_above_a_share(tmp_path: Path) -> None:
    later = [[row[0], row[1].replace("2023", "2025"), *row[2:]] for row in CLEAN]
    assert rules_of(checked(tmp_path / "few", [*CLEAN, *later[:50]])[0]) == {"data.after_as_of": "info"}
    many = checked(tmp_path / "many", [*CLEAN, *later, *order_rows(3, seed=1)])[0]
    assert rules_of(many).get("data.after_as_of") in {"info", "warning"}
    assert one(many, "data.after_as_of").count == len(later)


def test_cents_from_some_month_on_stop(tmp_path: Path) -> None:
    rows = changed(lambda row: [*row[:2], f"{100 * float(row[2]):.0f}", *row[3:]] if row[1] >= "2023-09" else row)
    found = one(checked(tmp_path, rows)[0], "data.scale_jump")
    assert (found.severity, found.figures["factor"], found.figures["first"]) == ("error", "100", date(2023, 9, 1))


def test_another_currency_stops_by_count(tmp_path: Path) -> None:
    contract = dataclasses.replace(ORDERS, currency="code")
    rows = [[*row, ["EUR", " eur ", "EUR", "USD", ""][at % 5] if at < 100 else "EUR"] for at, row in enumerate(CLEAN)]
    findings, history = checked(tmp_path, [(contract, rows)])
    assert history is None
    assert one(findings, "data.currency_other").count == 40
    assert "USD" not in one(findings, "data.currency_other").problem


def test_a_day_delivered_twice_with_other_line_numbers(tmp_path: Path) -> None:
    again = [[*row[:4], f"x{row[4]}"] for row in CLEAN if row[1].startswith("2023-06-15")]
    found = one(checked(tmp_path, [*CLEAN, *again])[0], "data.day_twice")
    assert (found.severity, found.count, found.figures["first"]) == ("warning", len(again), date(2023, 6, 15))


def test_in_22_a_day_delivered_twice_as_it_was_is_a_note(tmp_path: Path) -> None:
    again = [row for row in CLEAN if row[1].startswith("2023-06-15")]
    findings, history = checked(tmp_path, [*CLEAN, *again])
    assert rules_of(findings) == {"data.duplicates": "info", "data.day_twice": "info"}
    assert history is not None
    assert history.tables["orders"].n_rows == len(CLEAN)


def test_lines_alike_in_customer_time_and_amount(tmp_path: Path) -> None:
    again = [[*row[:4], f"x{row[4]}"] for row in CLEAN[::100]]
    found = one(checked(tmp_path, [*CLEAN, *again])[0], "data.same_key")
    assert (found.severity, found.count) == ("info", len(again))


def test_refunds(tmp_path: Path) -> None:
    some = changed(lambda row: [*row[:2], f"-{row[2]}", *row[3:]], every=10)
    found = rules_of(checked(tmp_path / "some", some)[0])
    assert found["data.refunds"] == "info"
    assert "data.refund_too_large" not in found
    many = changed(lambda row: [*row[:2], f"-{row[2]}", *row[3:]], every=2)
    many[0][2] = "-999999"
    findings, _ = checked(tmp_path / "many", many)
    assert one(findings, "data.refunds").severity == "warning"
    assert one(findings, "data.refund_too_large").count == 1


def test_a_refund_before_any_purchase(tmp_path: Path) -> None:
    rows = [*CLEAN, ["C9999", "2023-02-01", "-5", "a", "x"], ["C9999", "2023-03-01", "5", "a", "y"]]
    assert one(checked(tmp_path, rows)[0], "data.refund_first").count == 1


def test_a_category_with_a_level_for_every_row(tmp_path: Path) -> None:
    contract = dataclasses.replace(ORDERS, categories=("shop", "line"))
    found = one(checked(tmp_path, [(contract, CLEAN)])[0], "data.category_like_id")
    assert (found.column, found.severity) == ("line", "warning")


def test_customers_the_table_lacks_and_customers_without_rows(tmp_path: Path) -> None:
    people = [[f"C{who:04d}"] for who in range(100, 350)]
    findings, _ = checked(tmp_path, [(ORDERS, CLEAN), (PEOPLE, people)])
    assert (one(findings, "data.orphans").count, one(findings, "data.orphans").severity) == (100, "warning")
    assert one(findings, "data.customers_without_rows").count == 50
    assert "data.survivors_only" not in rules_of(findings)


def test_tl_12_a_customers_table_of_survivors(tmp_path: Path) -> None:
    gone = [row for row in CLEAN if int(row[0][1:]) < 100 and row[1] < "2023-07"]
    rows = gone + [row for row in CLEAN if int(row[0][1:]) >= 100]
    people = [[f"C{who:04d}"] for who in range(100, 300)]
    findings, history = checked(tmp_path, [(ORDERS, rows), (PEOPLE, people)])
    assert one(findings, "data.survivors_only").figures == {"early": pytest.approx(1 / 3, abs=0.02), "late": 0.0}
    assert history is not None
    quarters = active_missing_by_quarter(history, "orders")
    assert [round(each.share, 1) for each in quarters] == [0.3, 0.3, 0.0, 0.0]
    assert quarters[0].n_missing == 100
    assert quarters[3].to_us == history.as_of


def test_files_beside_each_other(tmp_path: Path) -> None:
    profile = HistoryProfile(parse_instant("2024-01-01", timezone="UTC"))
    checked(tmp_path, CLEAN, profile=profile)
    seen = profile.of(ORDERS).files["orders.csv"]
    assert (seen.rows, sorted(seen.columns)) == (len(CLEAN), ["at", "id", "line", "paid", "shop"])
    assert seen.last // DAY_US == parse_instant("2023-12-31", timezone="UTC") // DAY_US
