"""Packages that only some commands need: which extra of churnml brings them."""

from __future__ import annotations

from churnml.errors import EnvironmentFault

__all__ = ["EXTRA_OF", "missing_package"]

EXTRA_OF = {
    "duckdb": "sql",
    "dvc": "pipeline",
    "email_validator": "pipeline",
    "mlflow": "registry",
    "openpyxl": "pipeline",
    "optuna": "pipeline",
    "phonenumbers": "pipeline",
    "sqlalchemy": "pipeline",
    "statsmodels": "pipeline",
}
"""Extra of ``pyproject.toml`` by the name under which a package is imported; the smallest one that has it.

A project's own tracking store is a database, so it takes ``sqlalchemy``; a tracking server takes ``mlflow`` alone.
"""


def missing_package(error: ModuleNotFoundError) -> EnvironmentFault | None:
    """Return what to tell of a package that was not found; None where it is not one of these."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRA_OF.get(package)
    if extra is None:
        return None
    return EnvironmentFault(
        f"this installation has no {package}, which this command needs",
        rule="environment.package_missing",
        next_step=f"Install it with: pip install 'churnml[{extra}]'",
    )
