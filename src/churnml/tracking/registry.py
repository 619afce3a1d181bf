"""Versions, aliases, and fetching a registered model as the plain files that were registered, or not at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from churnml.errors import ConfigError, ModelError
from churnml.storage import new_folder
from churnml.tracking.files import refuse_other_files, require_plain_files
from churnml.tracking.store import Store, has_store, open_store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

__all__ = [
    "EXISTS",
    "champion_version",
    "fetch",
    "require_model_name",
    "set_alias",
    "tag_version",
    "tags_of",
    "version_of",
]

_NAME = r"[a-z][a-z0-9_]{0,39}"
_REFERENCE = re.compile(rf"models:/(?P<model>{_NAME})(?:@(?P<alias>{_NAME})|/(?P<version>[1-9][0-9]{{0,8}}))")
_SOURCE = re.compile(r"runs:/(?P<run_id>[0-9a-f]{32})/model")
EXISTS = "RESOURCE_ALREADY_EXISTS"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""What MLflow answers for an unknown model or version, and for an unknown alias."""


def require_model_name(name: str) -> None:
    """Refuse a name that could not stand in a reference.

    Raises
    ------
    ModelError
        If it is anything but lower-case letters, digits and underscores.
    """
    if not re.fullmatch(_NAME, name):
        raise ModelError("not a name for a model", rule="model.name", next_step="Use churn or clv.")


def champion_version(root: Path, model: str) -> int | None:
    """Return the version of a model with the alias ``champion``, or None where there is none yet.

    Raises
    ------
    EnvironmentFault
        If the store cannot be reached or read.
    """
    if not has_store(root):
        return None
    with open_store(root) as store:
        found = _find(store, model, alias="champion")
        return None if found is None else int(found.version)


def set_alias(root: Path, model: str, alias: str, version: int) -> None:
    """Give a version of a model an alias, which it takes from the version that had it.

    Raises
    ------
    ModelError
        If there is no such version, or the alias is no name.
    EnvironmentFault
        If the store cannot be reached or written.
    """
    require_model_name(alias)
    with open_store(root) as store:
        if _find(store, model, version=version) is None:
            raise _no_such(model)
        store.client.set_registered_model_alias(model, alias, str(version))


def tags_of(
    root: Path, model: str, *, alias: str | None = None, version: int | None = None
) -> tuple[int, dict[str, str]]:
    """Return a version's number and its tags: digests of its files, what its gate said, how it was promoted.

    Raises
    ------
    ModelError
        If there is no such version.
    EnvironmentFault
        If the store cannot be reached or read.
    """
    if not has_store(root):
        raise _no_such(model)
    with open_store(root) as store:
        found = _find(store, model, alias=alias, version=version)
        if found is None and alias is not None:
            raise ModelError(
                f"the model {model} has no {alias}",
                rule="model.not_registered",
                next_step="Train another one that passes its gate, or name a version.",
            )
        if found is None:
            raise _no_such(model)
        return int(found.version), dict(found.tags)


def tag_version(root: Path, model: str, version: int, tags: dict[str, str]) -> None:
    """Add tags to a version, as a trace of what was done with it.

    Raises
    ------
    EnvironmentFault
        If the store cannot be reached or written.
    """
    with open_store(root) as store:
        for name, value in sorted(tags.items()):
            store.client.set_model_version_tag(model, str(version), name, value)


def _no_such(model: str) -> ModelError:
    return ModelError(
        f"the registry has no such version of the model {model}",
        rule="model.not_registered",
        next_step="Train it first, or name a version that the registry lists.",
    )


def _find(store: Store, model: str, *, alias: str | None = None, version: int | None = None) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException

    try:
        if alias is not None:
            return store.client.get_model_version_by_alias(model, alias)
        return store.client.get_model_version(model, str(version))
    except MlflowException as error:
        if error.error_code in _ABSENT:
            return None
        raise


def version_of(store: Store, model: str, *, run_id: str, tags: dict[str, str]) -> int:
    """Return the version of a model recorded by a run: an earlier one of the same files, or else a new one."""
    from mlflow.exceptions import MlflowException

    with store.alone():
        try:
            store.client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            _create(store, model)
        same = store.client.search_model_versions(
            f"name = '{model}' AND tags.model_digest = '{tags['model_digest']}'", max_results=100
        )
        usable = [int(version.version) for version in same if _is_complete(store, version)]
        if usable:
            # The same model may be judged anew, by other limits.
            store.client.set_model_version_tag(model, str(max(usable)), "gate", tags.get("gate", ""))
            return max(usable)
        made = store.client.create_model_version(model, f"runs:/{run_id}/model", run_id, tags=tags)
        return int(made.version)


def _create(store: Store, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(model)
    except MlflowException as error:
        # Of a server another project may have made it meanwhile.
        if error.error_code != EXISTS:
            raise


def _is_complete(store: Store, version: ModelVersion) -> bool:
    """Return whether a version's files are still where they were put."""
    try:
        return set(_listed(store, _source_run(store, version))) == set(_digests(version))
    except ModelError:
        return False


def _digests(version: ModelVersion) -> dict[str, str]:
    prefix = "sha256."
    return {key.removeprefix(prefix): value for key, value in version.tags.items() if key.startswith(prefix)}


def _source_run(store: Store, version: ModelVersion) -> str:
    """Return the run whose files a version is made of.

    Raises
    ------
    ModelError
        If its files are not a run's, or lie outside the folder for artefacts.
    """
    source = _SOURCE.fullmatch(version.source or "")
    if source is not None and _lies_inside(store, source["run_id"]):
        return source["run_id"]
    raise ModelError(
        f"format not allowed: the registered version {version.version} of {version.name} does not point to files of a "
        "recorded run in the folder for artefacts",
        rule="model.source",
        next_step="Train the model with churnml and register it by that; models of other programs are never loaded.",
    )


def _lies_inside(store: Store, run_id: str) -> bool:
    """Return whether a run's files lie where its store keeps them: the own folder, or that of a server's experiment."""
    run = store.client.get_run(run_id).info
    if not store.is_served:
        return _is_in_folder(run.artifact_uri, store.artifacts)
    location = str(store.client.get_experiment(run.experiment_id).artifact_location).rstrip("/") + "/"
    return str(run.artifact_uri).startswith(location) and ".." not in unquote(run.artifact_uri).split("/")


def _is_in_folder(uri: str, folder: Path) -> bool:
    parts = urlparse(uri)
    if parts.scheme not in ("", "file") or parts.netloc:
        return False
    return Path(url2pathname(parts.path)).resolve().is_relative_to(folder)


def _listed(store: Store, run_id: str) -> list[str]:
    found = store.client.list_artifacts(run_id, "model")
    return [item.path.removeprefix("model/") + ("/" if item.is_dir else "") for item in found]


def fetch(root: Path, reference: str, destination: Path) -> Path:
    """Copy a registered model's files into a folder, after proving that they are what was registered.

    Parameters
    ----------
    root : Path
        The project's folder.
    reference : str
        ``models:/churn@champion`` or ``models:/churn/3``.
    destination : Path
        Folder that appears whole with `MODEL_FILES` in it, in place of what was there, or not at all.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    ConfigError
        If the reference is not of that form.
    ModelError
        If there is no such version, it holds other files, or a file differs from its registered digest.
    EnvironmentFault
        If the store cannot be reached, or the folder not written.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise ConfigError(
            "not a reference to a model",
            rule="config.model_reference",
            next_step="Write it as models:/churn@champion or models:/churn/3.",
        )
    if not has_store(root):
        raise _no_such(parts["model"])
    with open_store(root) as store:
        number = int(parts["version"]) if parts["version"] else None
        version = _find(store, parts["model"], alias=parts["alias"], version=number)
        if version is None:
            raise _no_such(parts["model"])
        run_id = _source_run(store, version)
        names = _listed(store, run_id)
        refuse_other_files(names)
        with new_folder(destination) as temp:
            received = temp / "received"
            received.mkdir(mode=0o700)
            for name in names:
                Path(store.client.download_artifacts(run_id, f"model/{name}", str(received))).rename(temp / name)
            shutil.rmtree(received)
            _require_registered(require_plain_files(temp), _digests(version))
    return destination


def _require_registered(found: dict[str, str], registered: dict[str, str]) -> None:
    different = [name for name in sorted(found | registered) if found.get(name) != registered.get(name)]
    if different:
        raise ModelError(
            "differs from what was registered",
            rule="model.digest",
            file=different[0],
            count=len(different),
            next_step="Restore the artefacts from a backup, or train the model again.",
        )
