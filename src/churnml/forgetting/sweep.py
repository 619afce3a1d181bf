"""The order in which a person leaves a project: what is made again, what is kept, caches, and the sources last.

Sources come last because they say by which contact data the person is found: whatever stops the work on its way, the
same command finds everything again and goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from churnml.dated import name_anew
from churnml.doctor.objects import cache_folder
from churnml.forgetting.cache import clean_cache
from churnml.forgetting.places import Layout, files_below
from churnml.forgetting.rows import Columns, is_table, without_rows
from churnml.forgetting.seeing import holds, perhaps_holds
from churnml.forgetting.traces import Traces
from churnml.forgetting.tracked import clean_database
from churnml.storage import as_fault
from churnml.temporary import remove

__all__ = ["Swept", "still_there", "sweep"]

_MADE = ("reports", "models", "mlartifacts", "logs", ".dvc/tmp")
"""Folders of results outside of stages: a file of theirs goes as a whole."""
_PROGRAM = {
    *("src", "pipelines", "tests", "benchmarks", "docs", "examples", "notebooks", "build"),
    *("README.md", "CHANGELOG.md"),
}
_DATA, _OWN = "data", ".churnml"
_MADE_DATA = tuple(
    f"data/{name}" for name in ("customers", "drills", "exports", "lists", "notices", "receipts", "resolved", "scored")
)


@dataclass(slots=True)
class Swept:
    """What was done.

    Parameters
    ----------
    counts : Counter of str
        ``sources``, ``kept``: rows; ``made``, ``caches``, ``objects``: folders and files; ``record``: cells.
    removed : list of str
        Results that went as a whole, relative to the project.
    """

    counts: Counter[str] = field(default_factory=Counter)
    removed: list[str] = field(default_factory=list)

    @property
    def found(self) -> bool:
        """Return whether the persons stood anywhere."""
        return any(self.counts.values())


def sweep(layout: Layout, traces: Traces) -> Swept:
    """Take persons out of a project.

    Every step can be done again, and each file changes whole or not at all.

    Raises
    ------
    EnvironmentFault
        If something cannot be written or removed; the same call goes on from there.
    """
    done = Swept()
    with as_fault(layout.root):
        for path in layout.outs:
            if path != layout.raw and _is_held(path, traces):
                _drop(path, layout, done, "made")
        for path in layout.caches:
            if path.name and (_is_rows(path) or _is_held(path, traces)):
                _drop(path, layout, done, "caches")
        for path in list(_named_folders(layout, traces)):
            _drop(path, layout, done, "made")
        for path in list(_loose(layout)):
            _clean_loose(path, layout, traces, done)
        cache = cache_folder(layout.root)
        if cache.resolve().is_relative_to(layout.root.resolve()):  # one for several projects is not ours to change
            done.counts["objects"] += clean_cache(cache, traces)
        done.counts["record"] += clean_database(layout.root / "mlflow.db", traces)
        _clean_sources(layout, traces, done)
    return done


def _is_rows(path: Path) -> bool:
    """Return whether a folder holds rows as they were read: they are always those of the files before."""
    return path.parent.name == "parts"


def _is_held(path: Path, traces: Traces) -> bool:
    return any(
        traces.in_text(each.relative_to(path.parent).as_posix()) or perhaps_holds(each, traces)
        for each in files_below(path)
    )


def _drop(path: Path, layout: Layout, done: Swept, kind: str) -> None:
    remove(path)
    done.counts[kind] += 1
    done.removed.append(path.relative_to(layout.root).as_posix())


def _loose(layout: Layout) -> Iterator[Path]:
    """Yield the files that are no stage's: lists on demand, exports, records, reports, logs."""
    raw = layout.raw
    for place in (_DATA, _OWN, *_MADE):
        for path in files_below(layout.root / place):
            is_raw = raw is not None and path.is_relative_to(raw)
            if not is_raw and not any(path.is_relative_to(out) for out in (*layout.outs, *layout.caches)):
                yield path


def _named_folders(layout: Layout, traces: Traces) -> Iterator[Path]:
    """Yield folders about one person, by their names: an explanation is kept under the id."""
    for place in (*_MADE, *_MADE_DATA):
        for folder in sorted((layout.root / place).rglob("*")):
            if folder.is_dir() and not folder.is_symlink() and _is_named(folder, layout, traces):
                yield folder


def _is_named(path: Path, layout: Layout, traces: Traces) -> bool:
    name = path.relative_to(layout.root)
    return traces.in_text(name.as_posix()) or not traces.ids.isdisjoint(name.parts[2:])


def _clean_loose(path: Path, layout: Layout, traces: Traces, done: Swept) -> None:
    """Take persons out of one file; what was written as a folder with a manifest goes as that folder.

    What somebody else put beside our results loses rows at most.
    """
    if not path.is_file():  # its folder is gone already
        return
    is_named = _is_named(path, layout, traces)
    has_manifest = path.is_relative_to(layout.root / _DATA) and (path.parent / "manifest.json").is_file()
    is_made = has_manifest or any(path.is_relative_to(layout.root / place) for place in (*_MADE, *_MADE_DATA, _OWN))
    if is_table(path) and not is_named and (layout.is_kept(path) or not is_made):
        done.counts["kept"] += without_rows(path, traces)
        name_anew(path)
    elif is_made and (is_named or perhaps_holds(path, traces)):
        _drop(path.parent if has_manifest else path, layout, done, "made")


def _clean_sources(layout: Layout, traces: Traces, done: Swept) -> None:
    raw = layout.raw
    if raw is None or not raw.exists():
        return
    if layout.raw_is_made:
        if _is_held(raw, traces):
            _drop(raw, layout, done, "made")
        return
    others = [path for path in files_below(raw) if path not in layout.tables and is_table(path)]
    for path in [*others, *layout.tables]:
        if path.is_file():
            done.counts["sources"] += without_rows(path, traces, layout.tables.get(path, Columns()))


def still_there(layout: Layout, traces: Traces) -> list[str]:
    """Return the files of a project that still hold one of the persons, by their names without them.

    The program's own code and pages are not searched: their examples name invented customers.
    """
    found = []
    is_ours = (layout.root / "src" / "churnml").is_dir()
    for path in files_below(layout.root):
        name = path.relative_to(layout.root).as_posix()
        if is_ours and name.partition("/")[0] in _PROGRAM:
            continue
        if traces.in_text(name) or holds(path, traces, columns=layout.tables.get(path, Columns()).ids):
            found.append(traces.scrubbed(name))
    return found
