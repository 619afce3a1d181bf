"""What the registry knows of its versions, for the audit log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from churnml.timeline import us_to_iso
from churnml.tracking.store import Store, has_store, open_store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["registered"]

_MODELS = ("churn", "clv")
_TOLD = ("gate", "git_commit", "model_digest", "sha256.model.json")


def registered(root: Path) -> list[dict[str, Any]]:
    """Return every version of the registry, the oldest first.

    Parameters
    ----------
    root : Path
        The project's folder.

    Returns
    -------
    list of dict
        ``model``, ``version``, ``at`` (ISO time of its registration), ``run_id``, ``aliases``, ``tags`` (gate, commit,
        digests of model and data).

    Raises
    ------
    EnvironmentFault
        If the store cannot be reached or read.
    """
    if not has_store(root):
        return []
    with open_store(root) as store:
        return [told for model in _MODELS for told in _versions(store, model)]


def _versions(store: Store, model: str) -> list[dict[str, Any]]:
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = store.client.search_model_versions(f"name = '{model}'", max_results=200, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    if not found:
        return []
    aliases = dict(store.client.get_registered_model(model).aliases)
    return [_told(each, aliases) for each in sorted(found, key=lambda each: int(each.version))]


def _told(version: ModelVersion, aliases: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": version.name,
        "version": int(version.version),
        "at": us_to_iso(1000 * int(version.creation_timestamp)),
        "run_id": version.run_id,
        "aliases": sorted(name for name, number in aliases.items() if str(number) == str(version.version)),
        "tags": {
            key: value for key, value in sorted(version.tags.items()) if key in _TOLD or key.startswith("data_sha256.")
        },
    }
