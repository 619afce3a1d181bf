from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories import AS_OF, DAY, Company, random_company
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churnml.errors import ConfigError, DataError, ModelError, TimeContractError
from churnml.features.own import OwnFeature, learned_own, own_digests, own_features
from churnml.features.own_rows import UsableRows, visible_columns
from churnml.features.plan import FeaturePlan
from churnml.histories.bucket import Bucket
from churnml.histories.store import History
from churnml.timeline import NEVER

T = AS_OF - 60 * DAY
# Everything a function could see of its rows, memory included, as one number that float32 holds exactly.
SEES_ALL = """
import zlib
def f(rows, at):
    sizes = [buffer.size for column in rows for chunk in column.chunks for buffer in chunk.buffers() if buffer]
    return zlib.crc32(repr((rows.schema.names, rows.to_pylist(), sizes, at)).encode()) % 2**24
"""
SEES_ALL_SQL = """
SELECT snapshot, md5_number(string_agg(concat_ws(',', *COLUMNS(* EXCLUDE (snapshot))), ';')) % 16777216 AS seen
FROM {table} GROUP BY snapshot
"""


def own(code: str, *tables: str, function: str = "", name: str = "x") -> OwnFeature:
    file = "features/own.py" if function else "features/own.sql"
    meaning = {"en": "A", "zh": "B"}
    return OwnFeature(name, tables or ("orders",), file, code.encode(), function, "number", meaning, "features.own[0]")


def python(code: str, *tables: str) -> OwnFeature:
    return own(code, *tables, function="f")


def values(history: History, feature: OwnFeature, *dates: int) -> dict[tuple[str, int], float]:
    """Return the feature by (customer, date)."""
    found = {}
    for number in range(history.n_buckets):
        bucket = Bucket(history, number)
        customer = np.repeat(np.arange(len(bucket.customers)), len(dates))
        times = np.tile(np.array(dates, dtype=np.int64), len(bucket.customers))
        columns = own_features(bucket, Bucket(history, 0), history, [feature], customer, times)
        names = [bucket.customers[int(i)].as_py() for i in customer]
        found |= dict(zip(zip(names, times.tolist(), strict=True), columns.values["own_x"].tolist(), strict=True))
    return found


def numbered(history: History, feature: OwnFeature) -> list[float]:
    return [value for _, value in sorted(values(history, feature, T, AS_OF).items())]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return random_company(1).prepare(tmp_path_factory.mktemp("company"))


def disturbed(company: Company, t: int, seed: int) -> Company:
    """Replace what happens or becomes known after t by something else."""
    other = random_company(seed, boundaries=(t + 1, t + DAY))

    def later(row: dict, clock: str) -> bool:
        return max(row[clock], row["known_at"] or 0) > t

    def mixed(ours: list, theirs: list, clock: str) -> list:
        kept = [row for row in ours if not later(row, clock)]
        if "ended_at" in (ours + theirs + [{}])[0]:
            kept = [row if (row["ended_at"] or t + 1) <= t else row | {"ended_at": None} for row in kept]
        return kept + [row for row in theirs if later(row, clock)]

    return Company(
        company.customers,
        {name: mixed(rows, other.orders.get(name, []), "occurred_at") for name, rows in company.orders.items()},
        {
            name: [row if row["ended_at"] else row | {"end_reason": "new"} for row in mixed(rows, [], "started_at")]
            + [row for row in other.plans.get(name, []) if later(row, "started_at")]
            for name, rows in company.plans.items()
        },
        mixed(company.changes, other.changes, "occurred_at"),
    )


def assert_blind(seed: int, root: Path) -> None:
    company = random_company(seed, n_customers=3, boundaries=(T,))
    first = company.prepare(root / "first")
    second = disturbed(company, T, seed + 1).prepare(root / "second")
    for table in first.tables:
        for feature in (python(SEES_ALL, table), own(SEES_ALL_SQL.format(table=table), table)):
            then, later = values(first, feature, T), values(second, feature, T)
            np.testing.assert_equal({key: later[key] for key in then}, then)


@pytest.mark.parametrize("seed", range(4))
def test_tl_01_a_disturbed_future_is_never_seen(seed: int, tmp_path: Path) -> None:
    assert_blind(seed, tmp_path)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(10, 10**9))
def test_tl_01_many_disturbed_futures(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert_blind(seed, tmp_path_factory.mktemp("pair"))


def test_tl_01_the_whole_past_is_seen(history: History) -> None:
    # The counterpart: what blinds the proof above would show here.
    counted = values(history, python("def f(rows, at):\n    return rows.num_rows\n"), T)
    expected = random_company(1).orders
    for (name, _), value in counted.items():
        assert value == sum(max(row["occurred_at"], row["known_at"] or 0) <= T for row in expected.get(name, []))


def test_a_corrected_row_is_seen_until_its_correction_is_known(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = next(b for b in (Bucket(history, i) for i in range(history.n_buckets)) if b.table("orders").num_rows)
    known = bucket.known_at("orders")
    corrected = int(known[0]) + DAY
    until = np.where(np.arange(len(known)) == 0, corrected, NEVER)
    monkeypatch.setattr(Bucket, "known_until", lambda _self, _table: until)
    rows = UsableRows(bucket, bucket, history.tables["orders"])
    owner = bucket.rows_of(bucket.table("orders")["customer_id"])
    before, after = (rows.at(t, owner[:1]).num_rows for t in (corrected - 1, corrected))
    assert after == int(((known <= corrected) & (owner == owner[0])).sum()) - 1
    assert before == int(((known <= corrected - 1) & (owner == owner[0])).sum())


def test_an_end_and_its_reason_are_hidden_until_it_has_come(history: History) -> None:
    code = "def f(rows, at): return sum((r['ended_at'] is None) != (r['end_reason'] is None) for r in rows.to_pylist())"
    assert set(values(history, python(code, "plans"), T).values()) == {0.0}
    code = (
        "def f(rows, at):\n    return sum(r['ended_at'] is not None and r['ended_at'] > at for r in rows.to_pylist())"
    )
    assert set(values(history, python(code, "plans"), T).values()) == {0.0}


def test_declared_columns_give_way_to_those_of_the_contract(history: History) -> None:
    info = history.tables["orders"]
    clash = replace(info, n_rows=0, numbers=("Amount", "items"), categories=("snapshot", "items"))
    shown = [*visible_columns(clash)]
    assert shown[-4:] == ["n_Amount", "items", "c_snapshot", "c_items"]


GROUPED = """
import numpy as np
def f(rows, at, n_snapshots):
    return np.bincount(rows["snapshot"].to_numpy(), minlength=n_snapshots)
"""


@pytest.mark.parametrize(
    "feature",
    [
        python(GROUPED),
        own("SELECT s.snapshot, count(o.snapshot) FROM snapshots s LEFT JOIN orders o USING (snapshot) GROUP BY ALL"),
    ],
)
def test_all_ways_give_the_same_values(history: History, feature: OwnFeature) -> None:
    assert numbered(history, feature) == numbered(history, python("def f(rows, at): return rows.num_rows"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT snapshot, avg(g) FROM (SELECT snapshot, date_diff('day', lag(occurred_at) OVER (PARTITION BY snapshot "
        "ORDER BY occurred_at), occurred_at) AS g FROM orders) GROUP BY snapshot",
        "WITH recent AS (SELECT * FROM orders WHERE occurred_at > observation_date - INTERVAL 90 DAY) "
        "SELECT snapshot, sum(amount) / nullif(count(*), 0) FROM recent GROUP BY snapshot",
        "FROM orders SELECT snapshot, entropy(channel) FILTER (WHERE items BETWEEN 1 AND 5) GROUP BY ALL;",
        "SELECT snapshot, max(items) > 3 FROM orders GROUP BY snapshot",
        "SELECT DISTINCT ON (snapshot) snapshot, amount FROM orders ORDER BY snapshot, occurred_at DESC, amount",
        "SELECT snapshot, coalesce(n, 0) AS v FROM snapshots LEFT JOIN (SELECT snapshot, count(*) AS n FROM orders "
        "WHERE channel IN ('web', 'x') GROUP BY 1) USING (snapshot) WHERE EXISTS (SELECT 1 FROM range(3))",
        "SELECT snapshot, NULL FROM orders GROUP BY snapshot",
    ],
)
def test_ordinary_sql_is_run(history: History, sql: str) -> None:
    assert len(numbered(history, own(sql))) == 2 * 6


HOSTILE = [
    "COPY (SELECT 1) TO 'evil.csv'",
    "COPY orders TO 'evil.parquet'",
    "SELECT snapshot, 1 FROM orders; COPY (SELECT 1) TO 'evil.csv'",
    "ATTACH 'evil.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET threads = 8",
    "RESET lock_configuration",
    "CREATE TABLE evil AS SELECT 1",
    "CREATE MACRO now() AS 1",
    "INSERT INTO orders SELECT * FROM orders",
    "DELETE FROM orders",
    "EXPORT DATABASE 'evil'",
    "EXPLAIN ANALYZE SELECT 1",
    "CALL pragma_version()",
    "VACUUM",
    "SELECT snapshot, 1 FROM read_csv('/etc/passwd')",
    "SELECT snapshot, 1 FROM '/etc/passwd'",
    "SELECT snapshot, 1 FROM glob('*')",
    "SELECT snapshot, (SELECT count(*) FROM read_text('/etc/passwd')) FROM orders",
    "SELECT snapshot, 1 FROM query('COPY (SELECT 1) TO ''evil.csv''')",
    "SELECT snapshot, 1 FROM query_table('orders')",
    "SELECT snapshot, 1 FROM arrow_scan(1, 2, 3)",
    "SELECT snapshot, 1 FROM duckdb_settings()",
    "SELECT snapshot, 1 FROM duckdb_secrets",
    "WITH duckdb_tables AS (SELECT 1) SELECT 1, 2 FROM duckdb_tables",
    "SELECT snapshot, 1 FROM information_schema.tables",
    "SELECT snapshot, 1 FROM main.orders",
    "SELECT snapshot, 1 FROM history",
    "SELECT snapshot, 1 FROM plans",
    "SELECT snapshot, epoch(now()) FROM orders",
    "SELECT snapshot, epoch(current_timestamp) FROM orders",
    "SELECT snapshot, epoch(current_date::timestamp) FROM orders",
    "SELECT snapshot, epoch(current_localtimestamp()) FROM orders",
    "SELECT snapshot, epoch(age(occurred_at)) FROM orders",
    "SELECT snapshot, random() FROM orders",
    "SELECT snapshot, nextval('evil') FROM orders",
    "SELECT snapshot, getvariable('evil') FROM orders",
    "SELECT snapshot, current_setting('threads')::int FROM orders",
    "SELECT snapshot, error(channel) FROM orders",
    "SELECT snapshot, items FROM orders USING SAMPLE 1 ROWS",
    "SELECT snapshot, items FROM orders AT (VERSION => 1)",
    "SELECT snapshot, ? FROM orders",
    "SUMMARIZE orders",
    "PIVOT orders ON channel USING sum(items) GROUP BY snapshot",
    "WITH x AS (INSERT INTO orders SELECT * FROM orders RETURNING *) SELECT snapshot, 1 FROM x",
    "SELECT snapshot, no_such_function(items) FROM orders",
    "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT n, n FROM x",
    "SELECT snapshot, " + "(" * 700 + "1" + ")" * 700 + " + '",
    "SELECT snapshot, " + "abs(" * 700 + "items" + ")" * 700 + " FROM orders",
    "SELECT snapshot, 1 FROM orders\0; COPY (SELECT 1) TO 'evil.csv'",
    "SELEC",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_cf_06_hostile_sql_is_refused_and_nothing_is_written(
    history: History, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^features/own\.sql(:1)?: features\.own\[0\]: ") as caught:
        numbered(history, own(sql))
    assert caught.value.rule == "config.sql"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "SELECT snapshot, nothing FROM orders",
            r"Binder error.*Columns, besides observation_date: orders: snapshot, c",
        ),
        ("SELECT customer_id, 1 FROM orders", "does not return snapshot and one value"),
        ("SELECT snapshot, 1, 2 FROM orders", "does not return snapshot and one value"),
        ("SELECT snapshot, channel FROM orders", "returns something else than numbers"),
        ("SELECT snapshot, items FROM orders", "returns snapshots twice"),
        ("SELECT snapshot + 9 AS snapshot, 1 FROM snapshots", "snapshots twice or others than given"),
        ("SELECT 1.5 AS snapshot, 1", "returns something else than numbers"),
        ("SELECT snapshot,\n 1 FROM\n ordres", r"own\.sql:3: .* Did you mean orders\?"),
        ("SELECT snapshot, CAST(max(channel) AS INTEGER) FROM orders GROUP BY 1", r"\(Conversion error\)"),
    ],
)
def test_wrong_sql_says_what_to_do_without_values(history: History, sql: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        numbered(history, own(sql))
    assert "web" not in str(caught.value)
    assert "shop" not in str(caught.value)


def test_sql_that_is_no_text_is_refused(history: History) -> None:
    feature = OwnFeature("x", ("orders",), "a.sql", b"SELECT \xff", "", "number", {}, "features.own[0]")
    with pytest.raises(ConfigError, match="not written in UTF-8"):
        numbered(history, feature)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "def f(rows, at)\n    return 1",
            r"^features/own\.py:1: features\.own\[0\]: cannot be loaded with SyntaxError",
        ),
        ("import os\n\nimport nowhere", r"own\.py:3: .* cannot be loaded with ModuleNotFoundError"),
        ("import sys\nsys.exit(0)", r"own\.py:2: .* cannot be loaded with SystemExit"),
        ("g = 1", "holds no function f"),
        ("f = 1", "holds no function f"),
        ("\ndef f(rows):\n    return 1", r"own\.py:2: .* takes other arguments\. Write it as f\(rows, at\)"),
        ("def f(rows, at):\n    x = 1\n    return 1 / 0", r"own\.py:3: .* function f failed with ZeroDivisionError"),
        ("def f(rows, at):\n    raise KeyError(str(rows.to_pylist()))", r"own\.py:2: .* failed with KeyError\. Mend"),
        ("def f(rows, at):\n    return 'web'", "the function f returned something that is no number"),
        ("def f(rows, at):\n    return [1]", "the function f returned something that is no number"),
        ("def f(rows, at, n_snapshots):\n    return [1] * (n_snapshots + 1)", "returned not one value per snapshot"),
        ("def f(rows, at, n_snapshots):\n    return 3", "returned not one value per snapshot"),
        ("def f(rows, at, n_snapshots):\n    return ['web'] * n_snapshots", "returned something that is no number"),
    ],
)
def test_errors_of_a_function_name_file_and_line_and_no_values(history: History, code: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        numbered(history, python(code))
    assert "web" not in str(caught.value)


@pytest.mark.parametrize("result", ["None", "float('nan')", "pa.scalar(None, pa.float64())", "np.nan"])
def test_nothing_is_missing(history: History, result: str) -> None:
    code = f"import numpy as np\nimport pyarrow as pa\ndef f(rows, at): return {result}"
    assert np.isnan(numbered(history, python(code))).all()


@pytest.mark.parametrize("result", ["2", "2.0", "Decimal(2)", "np.float32(2)", "pa.scalar(2)", "True + True"])
def test_any_number_will_do(history: History, result: str) -> None:
    code = f"import numpy as np\nimport pyarrow as pa\nfrom decimal import Decimal\ndef f(rows, at): return {result}"
    assert set(numbered(history, python(code))) == {2.0}


@pytest.mark.parametrize(
    "feature", [python("def f(rows, at): return 1e39"), own("SELECT snapshot, 1 / 0 FROM snapshots")]
)
def test_infinite_values_are_refused(history: History, feature: OwnFeature) -> None:
    with pytest.raises(DataError, match="gives infinite values"):
        numbered(history, feature)


@pytest.mark.parametrize(
    "feature",
    [
        python("import random\ndef f(rows, at): return random.random()"),
        python("import time\ndef f(rows, at): return time.perf_counter_ns() % 10**6"),
        python("n = [0]\ndef f(rows, at):\n    n[0] += 1\n    return n[0]"),
        python("def f(rows, at, n_snapshots): return [n_snapshots] * n_snapshots"),
        own("SELECT snapshot, snapshot FROM snapshots"),
        own("SELECT snapshot, (SELECT count(*) FROM orders) FROM snapshots"),
        own("SELECT snapshot, count(*) OVER () FROM snapshots"),
    ],
)
def test_values_that_hang_on_chance_or_other_customers_are_refused(history: History, feature: OwnFeature) -> None:
    with pytest.raises(TimeContractError, match="another value when a snapshot is computed again alone"):
        numbered(history, feature)


def test_tiles_change_nothing(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    feature = python(GROUPED)
    whole = numbered(history, feature)
    monkeypatch.setattr("churnml.features.own._TILE_ROWS", 3)
    assert numbered(history, feature) == whole


def test_a_changed_file_is_refused_at_scoring() -> None:
    first, second = python("def f(rows, at): return 1"), python("def f(rows, at): return 2")
    plan = FeaturePlan((7,), own=own_digests([first]))
    assert learned_own(plan, [first]) == (first,)
    for other in ([second], []):
        with pytest.raises(ModelError, match="trained with another version of the own feature x") as caught:
            learned_own(plan, other)
        assert caught.value.exit_code == 5


def test_an_own_feature_that_came_later_is_left_out_at_scoring() -> None:
    assert learned_own(FeaturePlan((7,)), [python("def f(rows, at): return 1")]) == ()
