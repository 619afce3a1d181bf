"""A closed DuckDB session: in memory, one thread, no files, no extensions, one SELECT of plain functions at a time."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from churnml.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import duckdb

__all__ = ["check_select", "open_session", "problem_of"]

_AT_OPENING: Mapping[str, str | bool | int] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "python_scan_all_frames": False,
    "preserve_insertion_order": True,
    "memory_limit": "512MB",
    "temp_directory": "",  # nothing is ever spilled; were it, it would be encrypted
    "temp_file_encryption": True,
    "threads": 1,
}
_THEN = ("SET TimeZone = 'UTC'", "SET lock_configuration = true")

_PARTS = {
    *("SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"),
    *("BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION"),
    *("ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"),
    *("ORDER_DEFAULT", "ASCENDING", "DESCENDING"),
}
"""Parts of a statement other than expressions; whatever is not named here is refused."""
_EXPRESSIONS = {
    *("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA"),
    *("LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"),
}
_SYSTEM = ("duckdb_", "information_schema", "pg_", "pragma_", "sqlite_")
_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
_REFUSED = re.compile(
    r"current_|get_current|local|pg_|has_|inet_|(ago|hash|parse_duckdb_log_message|reservoir_quantile|version)$"
    r"|json_(de)?serialize|user$|session_user$"
)
"""Functions that DuckDB calls constant although they read the clock or the session, or differ between versions."""
_PLAIN_MACROS = re.compile(
    r"(list|array)_|map_contains|(date_add|days_in_month|fdiv|fmod|geomean|geometric_mean|if|nullif|split_part"
    r"|wavg|weighted_avg)$"
)
_SPECIAL = {"unnest", "row", "struct_pack", "list_value", "coalesce", "ifnull", "grouping"}
"""Read by the parser itself; the catalogue of functions need not list them."""
_PRESENT = "Use observation_date for the present."
_CLOCKS = {"localtime", "localtimestamp", "user", "session_user", "today", "now"}


_of_thread = threading.local()


def open_session() -> duckdb.DuckDBPyConnection:
    """Return this thread's session, which sees nothing but the tables registered in it.

    A SELECT leaves nothing behind, so one session serves every bucket of a thread.
    """
    if not hasattr(_of_thread, "session"):
        _of_thread.session = _new_session()
    session: duckdb.DuckDBPyConnection = _of_thread.session
    return session


def _new_session() -> duckdb.DuckDBPyConnection:
    # Imported here because only projects with a SELECT of their own need it.
    import duckdb

    session = duckdb.connect(":memory:", config=dict(_AT_OPENING))
    for statement in _THEN:
        session.execute(statement)
    return session


def check_select(session: duckdb.DuckDBPyConnection, text: str, tables: Collection[str]) -> None:
    """Refuse what is not one SELECT, of plain functions, over some tables.

    Parameters
    ----------
    session : DuckDBPyConnection
    text : str
    tables : collection of str
        Names that may stand after FROM, besides those the statement defines by WITH.

    Raises
    ------
    ConfigError
        With rule, line and what to do; text from DuckDB is not passed on, since it may quote values.
    """
    import duckdb

    try:
        statements = session.extract_statements(text)
    except (duckdb.Error, RuntimeError) as error:
        raise problem_of(error) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise _refused(f"holds {len(statements)} statements" if len(statements) != 1 else "is no SELECT")
    nodes = _tree(session, text)
    known = {name.lower() for name in tables}
    known |= {entry["key"].lower() for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
    if any(name.startswith(_SYSTEM) for name in known):
        raise _refused("gives the name of a system table to another one")
    for node in nodes:
        problem = _problem(session, node, known, tables)
        if problem:
            raise _refused(problem[0], line=_line(text, node), next_step=problem[1])


def _tree(session: duckdb.DuckDBPyConnection, text: str) -> list[dict[str, Any]]:
    """Return every node of the parsed statement."""
    try:
        tree = json.loads(session.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
    except RecursionError:
        raise _refused("is nested too deeply") from None
    if tree["error"]:
        raise _refused("is no plain SELECT")
    found, left = [], [tree["statements"]]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            found.append(part)
            left += reversed(part.values())
        elif isinstance(part, list):
            left += reversed(part)
    return found


def problem_of(error: Exception) -> ConfigError:
    """Return what can be said of an error of DuckDB: its kind and its line."""
    found = re.search(r"\nLINE (\d{1,6}):", str(error))
    kind = type(error).__name__.removesuffix("Exception")
    return _refused(
        f"DuckDB refuses it ({kind} error)", line=int(found[1]) if found else None, next_step="Mend the SELECT."
    )


def _refused(problem: str, *, line: int | None = None, next_step: str | None = None) -> ConfigError:
    step = next_step or "Write one SELECT over the tables of the feature, and nothing else."
    return ConfigError(problem, rule="config.sql", line=line, next_step=step)


def _line(text: str, node: Mapping[str, Any]) -> int | None:
    place = node.get("query_location")
    data = text.encode()
    return data[:place].count(b"\n") + 1 if isinstance(place, int) and place <= len(data) else None


def _problem(
    session: duckdb.DuckDBPyConnection, node: Mapping[str, Any], known: set[str], tables: Collection[str]
) -> tuple[str, str | None] | None:
    """Return what is wrong with one node of the tree, and what to do, or None."""
    kind = node.get("class", node.get("type"))
    if not isinstance(kind, str):
        return None
    if kind not in (_EXPRESSIONS if "class" in node else _PARTS):
        return f"uses {kind.lower().replace('_', ' ')}, which is not allowed", None
    if node.get("sample") is not None or node.get("at_clause") is not None:
        return "draws a sample, or asks for a version of a table", None
    if kind == "BASE_TABLE":
        return _table_problem(node, known, tables)
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        return None if name in _TABLE_FUNCTIONS else ("reads from a table function", None)
    if kind in {"FUNCTION", "WINDOW"}:
        return _function_problem(session, node, is_window=kind == "WINDOW")
    if kind == "COLUMN_REF":
        name = node["column_names"][-1].lower()
        if len(node["column_names"]) == 1 and (name in _CLOCKS or name.startswith("current_")):
            return f"reads {name}", _PRESENT
    return None


def _table_problem(node: Mapping[str, Any], known: set[str], tables: Collection[str]) -> tuple[str, str | None] | None:
    path = node.get("qualified_name", {}).get("path", [node["table_name"]])
    if len(path) == 1 and not node["schema_name"] and not node["catalog_name"] and path[0].lower() in known:
        return None
    near = did_you_mean(str(path[-1]), sorted(tables))
    return "reads a table that the feature does not name", near or f"Tables here: {', '.join(sorted(tables))}."


def _function_problem(
    session: duckdb.DuckDBPyConnection, node: Mapping[str, Any], *, is_window: bool
) -> tuple[str, str | None] | None:
    name = str(node.get("function_name", "")).lower()
    if node.get("schema") or node.get("catalog"):
        return "names a function by its schema", None
    if _REFUSED.match(name) or (name == "age" and len(node.get("arguments", node.get("children", []))) < 2):
        return (
            f"uses the function {_shown(name)}, which reads more than the rows",
            _PRESENT,
        )
    kinds = _functions(session).get(name)
    if kinds is None:
        return None if is_window or name in _SPECIAL else ("uses an unknown function", None)
    if not kinds <= {"plain"} and not (kinds == {"macro"} and _PLAIN_MACROS.match(name)):
        return (
            f"uses the function {_shown(name)}, whose result is not decided by the rows",
            "Use observation_date for the present, and no chance.",
        )
    return None


def _shown(name: str) -> str:
    return name if re.fullmatch(r"\w{1,40}", name) else "named there"


_KINDS: dict[str, set[str]] = {}
"""Filled once a process: the functions of a DuckDB do not change."""


def _functions(session: duckdb.DuckDBPyConnection) -> Mapping[str, set[str]]:
    """Return name -> kinds of the functions there are; ``plain`` are those decided by their arguments alone."""
    if not _KINDS:
        found: dict[str, set[str]] = {}
        listed = "SELECT DISTINCT function_name, function_type, stability FROM duckdb_functions()"
        for name, kind, stability in session.execute(listed).fetchall():
            if kind not in {"table", "table_macro", "pragma"}:
                of_kind = "plain" if stability == "CONSISTENT" else "macro" if kind == "macro" else "other"
                found.setdefault(name.lower(), set()).add(of_kind)
        _KINDS.update(found)
    return _KINDS
