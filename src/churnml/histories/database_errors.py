"""What a user is told where a database refuses or stops: never the server's own text, which may quote a value."""

from __future__ import annotations

from churnml.errors import ChurnmlError, DataError, EnvironmentFault

__all__ = ["DATABASE_KEY", "broken_off", "denied", "fault_of", "no_connection", "not_computed"]

DATABASE_KEY = "histories.database"
_DENIED = "42501"
_TRANSIENT = ("08", "40", "53", "55", "57", "58", "XX")
"""Classes of SQLSTATE after which a later try may succeed: connection, conflict, resources, operator, system."""


def no_connection(error: Exception) -> EnvironmentFault:
    """Return the error for a server that was not reached or let nobody in."""
    is_refused = any(words in str(error) for words in ("authentication failed", "no password supplied"))
    return EnvironmentFault(
        "the database refuses the user or the password" if is_refused else "the database cannot be reached",
        rule="environment.database",
        file="params.yaml",
        column=DATABASE_KEY,
        next_step="Set PGPASSWORD or PGPASSFILE for that user."
        if is_refused
        else "Check the address, and that the server runs and lets this user in.",
    )


def fault_of(error: Exception, name: str) -> ChurnmlError:
    """Return the error for a statement the server did not finish; its own text may quote a value."""
    state = str(getattr(error, "sqlstate", None) or "")
    if state == _DENIED:
        return denied(name)
    words = f" (SQLSTATE {state})" if state else ""
    return broken_off(name, words) if not state or state.startswith(_TRANSIENT) else not_computed(name, words)


def broken_off(name: str, words: str = "") -> EnvironmentFault:
    """Return the error for rows that stopped coming; a later try may succeed."""
    return EnvironmentFault(
        f"reading from the database broke off{words}",
        rule="environment.database",
        file=name,
        next_step="Run again; where it stays so, ask who runs the server.",
    )


def not_computed(name: str, words: str = "") -> DataError:
    """Return the error for a relation whose rows the server cannot make."""
    return DataError(
        f"the database cannot compute its rows{words}",
        rule="data.database",
        file=name,
        count=1,
        next_step="Mend the view, or name a table.",
    )


def denied(name: str, column: str | None = None) -> EnvironmentFault:
    """Return the error for a relation or a column that the user may not read."""
    return EnvironmentFault(
        "the database user may not read it",
        rule="environment.permission",
        file=name,
        column=column,
        next_step="Grant SELECT on it to the user of histories.database.",
    )
