"""Backtests of earlier models, kept in private by the model's digest, so that a later one can be compared with them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from churnml.storage import digest_file, new_folder

__all__ = ["BACKTESTS", "KEPT", "keep_backtests", "kept_backtest"]

BACKTESTS = Path(".churnml") / "backtests"
"""Folder of a project with one folder a model, and in it one a backtest."""

KEPT = 12
"""Backtests kept of each model; older ones are removed."""
_FILES = ("predictions.parquet", "facts.json")


def keep_backtests(root: Path, *, models: Mapping[str, Path], backtests: Mapping[str, Path]) -> None:
    """Keep the backtest of each model under ``.churnml/backtests``, which no output depends on.

    Predictions are of single customers, so they stay in the project's private folder and go into no registry.

    Parameters
    ----------
    root : Path
    models, backtests : mapping of str to Path
        Folders by model.
    """
    for name, folder in models.items():
        if not (folder / "model.json").exists() or not (backtests[name] / _FILES[0]).exists():
            continue
        target = _folder(root, name) / digest_file(folder / "model.json")
        _folder(root, name).mkdir(mode=0o700, parents=True, exist_ok=True)
        with new_folder(target) as temp:
            for file in _FILES:
                shutil.copyfile(backtests[name] / file, temp / file)
                (temp / file).chmod(0o600)
        _keep_newest(_folder(root, name))


def kept_backtest(root: Path, name: str, digest: str) -> Path | None:
    """Return the folder of the backtest of the model whose ``model.json`` has a digest; None where none was kept."""
    folder = _folder(root, name) / digest
    return folder if (folder / _FILES[-1]).exists() else None


def _folder(root: Path, name: str) -> Path:
    return root / BACKTESTS / name


def _keep_newest(folder: Path) -> None:
    kept = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)
