"""`churnml doctor`: every look at the installation and the project folder, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from churnml.config import load_params
from churnml.doctor.environment import look_at_disk, look_at_machine, look_at_packages
from churnml.doctor.findings import NOTE, Ailment
from churnml.doctor.integrity import look_at_lists, look_at_models, look_at_prepared, stale_stages
from churnml.doctor.locks import look_at_locks, look_for_leftovers
from churnml.doctor.objects import look_at_cache
from churnml.doctor.people import look_at_pseudonyms
from churnml.doctor.permissions import look_at_permissions
from churnml.doctor.records import look_at_records
from churnml.errors import ConfigError

__all__ = ["diagnose"]

_STATUS_SECONDS = 300
_QUIET = {"DVC_NO_ANALYTICS": "true", "DO_NOT_TRACK": "true"}


def diagnose(root: Path, *, home: Path, targets: Sequence[str], rehash: bool = False) -> list[Ailment]:
    """Return everything that is wrong; nothing is changed, and no network is asked.

    Parameters
    ----------
    root : Path
        Project folder; one without ``dvc.yaml`` is not looked into.
    home : Path
        Folder of the installation, with ``uv.lock`` where it is a clone.
    targets : sequence of str
        Last stages of a run.
    rehash : bool, optional
        Read every object of DVC's cache as well.
    """
    found = [*look_at_machine(), *look_at_packages(home / "uv.lock")]
    if not (root / "dvc.yaml").is_file():
        return [*found, Ailment("doctor.no_project", "no pipeline in this folder", "churnml init FILES", NOTE)]
    raw, problem = _raw_folder(root)
    found += [*problem, *look_at_disk(root, raw), *look_at_locks(root), *look_for_leftovers(root)]
    found += [*look_at_pseudonyms(root, wanted=_wants_pseudonyms(root)), *look_at_permissions(root)]
    found += look_at_prepared(root / "data" / "prepared")
    found += [*look_at_models(root / "models"), *look_at_lists(root / "data" / "lists"), *look_at_records(root)]
    if rehash:
        found += look_at_cache(root)
    return [*found, *_look_at_stages(root, targets)]


def _wants_pseudonyms(root: Path) -> bool:
    try:
        return load_params(root / "params.yaml").privacy.pseudonyms
    except ConfigError:
        return False


def _raw_folder(root: Path) -> tuple[Path | None, list[Ailment]]:
    try:
        folder = load_params(root / "params.yaml").histories.folder
    except ConfigError as error:
        what = f"params.yaml cannot be used ({error.problem})"
        return None, [Ailment("doctor.params", what, "churnml check", ConfigError.exit_code)]
    return (root / folder if folder is not None else None), []


def _look_at_stages(root: Path, targets: Sequence[str]) -> Iterator[Ailment]:
    """Yield which stages are out of date, as DVC sees it."""
    if not (root / ".dvc").is_dir():
        yield Ailment("doctor.never_run", "nothing was run here yet", "churnml run", NOTE)
        return
    command = [sys.executable, "-m", "churnml.dvc_with_dates", "status", "--json", "--with-deps", *targets]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env={**os.environ, **_QUIET},
            capture_output=True,
            text=True,
            timeout=_STATUS_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield Ailment("doctor.dvc", "DVC did not answer in five minutes", "dvc status")
        return
    if done.returncode:
        yield Ailment("doctor.dvc", "DVC cannot say what is out of date", "dvc status -v")
        return
    stale = stale_stages(done.stdout)
    if stale:
        yield Ailment("doctor.stale", f"out of date: {', '.join(stale)}", "churnml run", NOTE)
