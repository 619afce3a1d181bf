"""Columns that were told: identifiers, today's values, what is filled in at the end, what is too good to be true."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from factories import DAY

from churnml.features.plan import Feature
from churnml.verification.alarm import Judged, Sources, check_single_features
from churnml.verification.evidence import auc_of, column_of, pure_pattern, silent_pattern, strength_of
from churnml.verification.filled_later import check_filled_later
from churnml.verification.identifiers import check_identifiers
from churnml.verification.last_rows import check_last_rows
from churnml.verification.undated import Observed, check_told, check_undated

N = 600
DRAW = np.random.default_rng(3)
GONE = DRAW.random(N) < 0.25
INFO = SimpleNamespace(name="customers", kind="customers", file="customers.csv", n_rows=N)


def rules(found: list) -> list[tuple[str, str]]:
    return [(finding.rule, finding.column) for finding in found]


def identified(values: object, *, kind: str = "n", ids: list[str] | None = None) -> list[tuple[str, str]]:
    ids = ids or [f"K{i}" for i in DRAW.permutation(9 * N)[:N]]
    info = SimpleNamespace(
        **vars(INFO), numbers=("x",) if kind == "n" else (), categories=("x",) if kind == "c" else ()
    )
    found, n = check_identifiers(pa.table({"customer_id": ids, f"{kind}:x": pa.array(values)}), info)
    assert n == 1
    return rules(found)


IDS = [f"K{i}" for i in DRAW.permutation(10**6)[:N]]
NAMES = {
    "customer number": ([float(name[1:]) for name in IDS], "n"),
    "row number": ((DRAW.permutation(N) + 4_000.0), "n"),
    "account number": (DRAW.choice(10**9, N, replace=False) % 10**8 + 10.0**8, "n"),
    "telephone": ([f"{i:07d}" for i in DRAW.choice(10**7, N, replace=False)], "c"),
    "hash as a number": (DRAW.choice(10**14, N, replace=False).astype(float), "n"),
    "a line of the id": ([int(name[1:]) / 7 for name in IDS], "n"),
    "hash": ([f"{hash((i, 7)):x}" for i in range(N)], "c"),
    "the id, spelt otherwise": ([f"k-{name[1:]}" for name in IDS], "c"),
}
MEASURES = {
    "income": (DRAW.lognormal(10, 0.5, N).round(), "n"),
    "balance": (DRAW.lognormal(6, 1, N).round(2), "n"),
    "year of birth": (DRAW.integers(1940, 2005, N).astype(float), "n"),
    "town": (DRAW.choice([f"town {i}" for i in range(80)], N).tolist(), "c"),
    "charges as text": ([f"{x:.2f}" for x in DRAW.lognormal(5, 1, N)], "c"),
}


@pytest.mark.parametrize("name", NAMES)
def test_an_identifier_is_found(name: str) -> None:
    values, kind = NAMES[name]
    assert identified(values, kind=kind, ids=IDS) == [("time.identifier", "x")]


@pytest.mark.parametrize("name", MEASURES)
def test_a_measurement_is_no_identifier(name: str) -> None:
    values, kind = MEASURES[name]
    assert identified(values, kind=kind, ids=IDS) == []


def judged(column: object, *, n_dates: int = 1) -> Judged:
    rows, table = np.arange(N), pa.table({"customers_x": pa.array(column)})
    dates = np.sort(rows % n_dates) * 30 * DAY
    return Judged(table, dates, rows, GONE, None, np.ones(N, dtype=bool))


def alarmed(column: object, *, family: str = "profile", constant: tuple[str, ...] = ()) -> list:
    feature = Feature("customers_x", "customers", family, "attribute", "number", detail="x")
    sources = Sources({"customers": "customers.csv"}, "orders", constant)
    return check_single_features(judged(column), [feature], sources, alarm=0.95)[0]


TOLD = {
    "near-perfect number": np.where(GONE, 5.0, 0.0) + DRAW.normal(0, 1, N),
    "one value of those who left": np.where(GONE, 3.0, DRAW.integers(1, 3, N) * 2.0),
    "text of why": [("price" if DRAW.random() < 0.5 else "moved") if gone else None for gone in GONE],
    "filled in for some who left": [7.5 if gone and DRAW.random() < 0.4 else None for gone in GONE],
    "zero for who stayed": np.where(GONE & (DRAW.random(N) < 0.5), DRAW.normal(80, 9, N), 0.0),
    "empty for those who left": [None if gone and DRAW.random() < 0.6 else float(DRAW.normal()) for gone in GONE],
    "closing date as text": ["2024-03-01" if gone else None for gone in GONE],
}
HONEST = {
    "noise": DRAW.normal(0, 1, N),
    "good number": GONE * 1.2 + DRAW.normal(0, 1, N),
    "levels": DRAW.choice(["a", "b", "c"], N).tolist(),
    "gaps at random": [None if DRAW.random() < 0.3 else 1.0 for _ in GONE],
}


@pytest.mark.parametrize("name", TOLD)
def test_tl_07_a_post_churn_field_is_found(name: str) -> None:
    (found,) = alarmed(TOLD[name])
    assert (found.severity, found.column, found.file) == ("error", "x", "customers.csv")


@pytest.mark.parametrize("name", HONEST)
def test_tl_07_an_honest_attribute_passes(name: str) -> None:
    assert alarmed(HONEST[name]) == []


@pytest.mark.parametrize("measure", ["total", "ratio", "per_day"])
def test_tl_07_what_is_made_of_a_told_attribute_is_not_told_again(measure: str) -> None:
    rows, gone_later = np.arange(2 * N) % N, np.tile(GONE, 2)
    told = gone_later + DRAW.normal(0, 0.01, 2 * N)
    table = pa.table({"customers_x": told, "customers_made": 2 * told})
    dates = np.repeat([0, 30 * DAY], N)
    known = Judged(table, dates, rows, DRAW.random(2 * N) < 0.3, gone_later, np.ones(2 * N, dtype=bool))
    features = [
        Feature("customers_x", "customers", "profile", "attribute", "number", detail="x"),
        Feature("customers_made", "customers", "ratios", measure, "ratio", detail="x / y"),
    ]
    found, n_looked_at = check_single_features(known, features, Sources({}, "orders"), alarm=0.995)
    assert rules(found) == [("time.single_feature", "x")]
    assert n_looked_at == 1


def test_tl_07_declared_constant_is_a_warning() -> None:
    assert [finding.severity for finding in alarmed(TOLD["near-perfect number"], constant=("x",))] == ["warning"]


def test_silence_may_decide_honestly() -> None:
    feature = Feature("orders_recency_days", "orders", "recency", "recency_days", "days")
    rows = judged(TOLD["near-perfect number"] + 100 * GONE)
    rows = Judged(rows.table.rename_columns(["orders_recency_days"]), *[getattr(rows, n) for n in list(vars(rows))[1:]])
    found, _ = check_single_features(rows, [feature], Sources({}, "orders"), alarm=0.95)
    assert [(finding.rule, finding.severity) for finding in found] == [("time.near_perfect", "warning")]


def test_areas_and_patterns_are_as_defined() -> None:
    y, who = np.array([1, 0, 1, 0], dtype=bool), np.arange(4)
    assert auc_of(y, np.array([0.9, 0.5, 0.5, 0.1])) == 0.875
    assert strength_of(column_of(pa.array([1.0, 2.0, 1.0, 2.0])), y, who).auc == 1.0
    pattern = pure_pattern(column_of(pa.array(["a", None, None, None])), y, who)
    assert (pattern.n_customers, pattern.precision, pattern.recall) == (1, 1.0, 0.5)


THEN, NOW = DRAW.gamma(2, 50, N), DRAW.gamma(2, 50, N)
PLAN_THEN = DRAW.choice(["basic", "plus", "pro"], N)
PLAN_NOW = np.where(DRAW.random(N) < 0.2, DRAW.choice(["basic", "plus", "pro"], N), PLAN_THEN)
DATED = [
    Feature("orders_amount_sum_all", "orders", "value", "sum", "money"),
    Feature("plans_tier_last", "plans", "spells", "last", "category", detail="tier"),
]
PAIR = Observed(
    pa.table({"orders_amount_sum_all": THEN, "plans_tier_last": PLAN_THEN}),
    pa.table({"orders_amount_sum_all": THEN + NOW, "plans_tier_last": PLAN_NOW}),
    19_000 * DAY,
)
TODAY = {
    "current plan": (PLAN_NOW.tolist(), "time.not_dated"),
    "spent to date": (THEN + NOW, "time.moves_with_today"),
    "spent to a later day": (THEN + NOW + DRAW.gamma(2, 5, N), "time.moves_with_today"),
    "rank by today": (np.argsort(np.argsort(THEN + NOW)) * 1.0, "time.moves_with_today"),
    "tier by today": (np.digitize(THEN + NOW, [140, 240]).astype(str).tolist(), "time.moves_with_today"),
}
CONSTANT = {
    "first plan": PLAN_THEN.tolist(),
    "spent by then": THEN,
    "segment": DRAW.choice(["a", "b"], N).tolist(),
    "taste for spending": THEN + NOW + DRAW.normal(0, 150, N),
}


@pytest.mark.parametrize("name", TODAY)
def test_tl_06_todays_value_is_not_dated(name: str) -> None:
    values, rule = TODAY[name]
    found, n_compared = check_undated({"x": pa.array(values)}, [PAIR], DATED, file="customers.csv")
    assert rules(found) == [(rule, "x")]
    assert n_compared == 2


@pytest.mark.parametrize("name", TODAY)
def test_tl_06_it_is_usable_when_declared_constant(name: str) -> None:
    attributes = {"x": pa.array(TODAY[name][0])}
    assert check_undated(attributes, [PAIR], DATED, file="customers.csv", constant=["x"])[0] == []


@pytest.mark.parametrize("name", CONSTANT)
def test_tl_06_what_was_known_then_passes(name: str) -> None:
    assert check_undated({"x": pa.array(CONSTANT[name])}, [PAIR], DATED, file="customers.csv")[0] == []


def spells(tier: object) -> tuple[pa.Table, SimpleNamespace]:
    draw = np.random.default_rng(8)
    started = draw.integers(0, 720, N) * DAY
    ended = started + draw.integers(20, 900, N) * DAY
    is_over = ended <= 720 * DAY
    time = pa.timestamp("us", tz="UTC")
    table = pa.table(
        {
            "started_at": pa.array(started).cast(time),
            "ended_at": pa.array(ended, mask=~is_over).cast(time),
            "c:x": pa.array(tier(draw, started, is_over), pa.string()),
        }
    )
    return table, SimpleNamespace(file="plans.csv", numbers=(), categories=("x",))


FILLED = {
    "why it ended": lambda draw, _, over: [str(draw.choice(["dear", "far"])) if o else None for o in over],
    "why some ended": lambda draw, _, over: ["dear" if o and draw.random() < 0.5 else None for o in over],
    "a flag": lambda _draw, _, over: ["True" if o else "False" for o in over],
}
KNOWN_FROM_THE_START = {
    "tier": lambda draw, _, over: draw.choice(["basic", "plus"], len(over)).tolist(),
    "given up long ago": lambda _draw, started, _: ["old" if s < 200 * DAY else None for s in started],
    "gaps at random": lambda draw, _, over: [None if draw.random() < 0.5 else "a" for _ in over],
}


@pytest.mark.parametrize("name", FILLED)
def test_tl_07_a_column_written_at_the_end_is_found(name: str) -> None:
    assert rules(check_filled_later(*spells(FILLED[name]), as_of=720 * DAY)[0]) == [("time.filled_later", "x")]


@pytest.mark.parametrize("name", KNOWN_FROM_THE_START)
def test_a_column_known_from_the_start_passes(name: str) -> None:
    assert check_filled_later(*spells(KNOWN_FROM_THE_START[name]), as_of=720 * DAY)[0] == []


def test_short_spells_are_no_leak() -> None:
    table, info = spells(lambda _draw, _, over: ["trial" if o else "paid" for o in over])
    started = np.arange(N) * 720 // N * DAY
    lengths = np.where(np.arange(N) % 2, 14, 2_000) * DAY
    is_over = started + lengths <= 720 * DAY
    kinds = np.where(np.arange(N) % 2, "trial", "paid").tolist()
    time = pa.timestamp("us", tz="UTC")
    ends = pa.array(started + lengths, mask=~is_over).cast(time)
    table = pa.table({"started_at": pa.array(started).cast(time), "ended_at": ends, "c:x": kinds})
    assert check_filled_later(table, info, as_of=720 * DAY)[0] == []


SILENCE = DRAW.exponential(60, N)


@pytest.mark.parametrize("least", [25.0, 62.0, 120.0])
def test_tl_07_a_mark_of_some_length_of_silence_is_found(least: float) -> None:
    marked = (least <= SILENCE) & (DRAW.random(N) < 0.5)
    found = silent_pattern(column_of(pa.array([1.0 if here else None for here in marked])), SILENCE)
    assert (found.n_customers, found.precision >= 0.98, found.recall > 0.3) == (marked.sum(), True, True)


def test_marks_at_random_or_of_one_season_say_nothing_of_silence() -> None:
    season = (SILENCE > 60) & (SILENCE < 75)
    for marked in (DRAW.random(N) < 0.3, season):
        assert silent_pattern(column_of(pa.array([1.0 if here else None for here in marked])), SILENCE) is None


def test_tl_06_rows_written_anew_are_found() -> None:
    count, total = DRAW.integers(1, 20, N) * 1.0, DRAW.integers(1, 90, N) * 1.0
    features = [
        Feature("orders_count_all", "orders", "frequency", "count", "count"),
        Feature("orders_total_last", "orders", "value", "last", "number", detail="total"),
    ]
    now = pa.table({"orders_count_all": count + total, "orders_total_last": count + total})
    then = {"orders_count_all": count}
    for told, expected in ((count + total, [("time.rows_rewritten", "total")]), (DRAW.random(N), [])):
        pair = Observed(pa.table({**then, "orders_total_last": told}), now, 0)
        assert rules(check_told([pair], features, files={"orders": "orders.csv"})[0]) == expected


def test_a_ratio_of_a_column_is_no_sign_that_its_rows_were_written_anew() -> None:
    last, count = DRAW.integers(1, 90, N) * 1.0, DRAW.integers(1, 20, N) * 1.0
    features = [
        Feature("orders_count_all", "orders", "frequency", "count", "count"),
        Feature("orders_total_last", "orders", "value", "last", "number", detail="total"),
        Feature("orders_amount_per_total_90d", "orders", "ratios", "price", "money", 90, "total"),
    ]
    then = {"orders_count_all": count, "orders_total_last": last, "orders_amount_per_total_90d": count}
    now = {"orders_count_all": count + 1, "orders_total_last": last, "orders_amount_per_total_90d": 1 / last}
    pair = Observed(pa.table(then), pa.table(now), 0)
    assert check_told([pair], features, files={"orders": "orders.csv"})[0] == []


LAST = [place % 5 == 4 for place in range(500)]


@pytest.mark.parametrize(
    ("values", "n_found"),
    [
        ([None if last else 3.5 + i for i, last in enumerate(LAST)], 1),
        ([float(last) for last in LAST], 1),
        ([float(DRAW.integers(0, 3)) for _ in LAST], 0),
        ([None if last and i % 2 else 1.0 for i, last in enumerate(LAST)], 0),
    ],
    ids=["days until the next", "flag", "noise", "half of the last"],
)
def test_tl_07_a_column_that_knows_the_next_row_is_found(values: list, n_found: int) -> None:
    table = pa.table({"customer_id": [f"c{i // 5:03d}" for i in range(500)], "n:x": pa.array(values, pa.float64())})
    info = SimpleNamespace(file="orders.csv", numbers=("x",), categories=())
    assert len(check_last_rows(table, info)[0]) == n_found


@pytest.mark.parametrize("agreed", [False, True])
def test_tl_07_a_number_that_grew_until_the_end_is_found(agreed: bool) -> None:
    begun, length = DRAW.integers(0, 500, N), DRAW.integers(20, 400, N)
    ended = begun + length < 600
    known = length if agreed else np.where(ended, length, 600 - begun)
    ends = [int(b + n) * DAY if over else None for b, n, over in zip(begun, length, ended, strict=True)]
    stamp = pa.timestamp("us", "UTC")
    table = pa.table(
        {"started_at": pa.array(begun * DAY).cast(stamp), "ended_at": pa.array(ends, pa.int64()).cast(stamp)}
    )
    info = SimpleNamespace(file="contracts.csv", numbers=("x",), categories=())
    found, _ = check_filled_later(table.append_column("n:x", pa.array(known // 30 * 1.0)), info, as_of=600 * DAY)
    assert rules(found) == ([] if agreed else [("time.filled_later", "x")])
