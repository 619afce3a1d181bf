"""``params.yaml``, its schema, ``dvc.yaml`` and the stage scripts name the same things."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from small_company import PROJECT, STAGES, options

from churnml.config import Params, load_params, resolved
from churnml.workspace import TARGETS

SOURCE = PROJECT / "src" / "churnml"
SHARED = {"__init__", "errors", "storage", "private_folders", "temporary", "dated", "parquet", "timeline", "families"}
SHARED |= {"config", "confined", "stage", "extras", "memory", "processes", "progress"}
"""Under everything, or made of names only: a change of their meaning comes with a change of who uses it."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> frozenset[Path]:
    """Return the files of churnml that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "churnml":
            found |= {file_of(node.module), *(file_of(f"{node.module}.{alias.name}") for alias in node.names)}
    return frozenset(found - {None})


def file_of(module: str) -> Path | None:
    base = SOURCE.joinpath(*module.split(".")[1:])
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def reached(start: Path) -> set[Path]:
    """Return every file of churnml that a script imports, directly or through others."""
    known, open_ends = set(), [start]
    while open_ends:
        new = imports(open_ends.pop()) - known
        known |= new
        open_ends += new
    return known


def given(name: str, part: str) -> list[str]:
    """Return the paths under ``deps``, ``outs``, ``metrics`` or ``plots`` of a stage."""
    return [path if isinstance(path, str) else next(iter(path)) for path in STAGES[name].get(part, [])]


def outputs(name: str) -> list[str]:
    return [path for part in ("outs", "metrics", "plots") for path in given(name, part)]


def parsed_options(name: str) -> tuple[set[str], set[str]]:
    """Return the inputs and outputs that a script declares."""
    call = next(
        node
        for node in ast.walk(tree(PROJECT / "pipelines" / f"{name}.py"))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "parse_paths"
    )
    found = {word.arg: {item.value for item in word.value.elts} for word in call.keywords}
    return tuple({"--" + item.replace("_", "-") for item in found[key]} for key in ("inputs", "outputs"))


def keys_of(value: Any, prefix: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {prefix}
    inner = {key for name, part in value.items() for key in keys_of(part, f"{prefix}.{name}" if prefix else name)}
    return inner | ({prefix} if prefix else set())


def test_every_script_is_a_stage_of_the_same_name() -> None:
    assert {path.stem for path in (PROJECT / "pipelines").glob("*.py")} == set(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_stage_runs_its_script_and_depends_on_it(name: str) -> None:
    assert STAGES[name]["cmd"].split()[:2] == ["python", f"pipelines/{name}.py"]
    assert f"pipelines/{name}.py" in given(name, "deps")


@pytest.mark.parametrize("name", STAGES)
def test_stage_says_what_it_does(name: str) -> None:
    assert len(STAGES[name]["desc"].split()) >= 4


@pytest.mark.parametrize("name", STAGES)
def test_command_gives_exactly_the_options_of_the_script(name: str) -> None:
    inputs, outs = parsed_options(name)
    assert set(options(name)) == {"--params"} | inputs | outs


@pytest.mark.parametrize("name", STAGES)
def test_paths_of_the_command_are_tracked(name: str) -> None:
    inputs, outs = parsed_options(name)
    paths = options(name)
    assert {paths[option] for option in inputs} <= set(given(name, "deps"))
    assert {paths[option] for option in outs} == set(outputs(name))


@pytest.mark.parametrize("name", STAGES)
def test_keys_a_stage_depends_on_exist(name: str) -> None:
    known = keys_of(resolved(load_params(PROJECT / "params.yaml")))
    entries = [keys for entry in STAGES[name].get("params", []) for keys in entry.values()]
    assert {key for keys in entries for key in keys} <= known


@pytest.mark.parametrize("name", [name for name in STAGES if "params" in STAGES[name]])
def test_stage_reads_the_file_whose_keys_it_depends_on(name: str) -> None:
    assert [*STAGES[name]["params"][0]] == [options(name)["--params"]] == [options("configure")["--resolved"]]


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_cover_the_imports(name: str) -> None:
    deps = [PurePosixPath(path) for path in given(name, "deps") if path.startswith("src/")]
    needed = {path.relative_to(PROJECT) for path in reached(PROJECT / "pipelines" / f"{name}.py")}
    needed = {path for path in needed if path.relative_to("src/churnml").parts[0].removesuffix(".py") not in SHARED}
    needed -= {path for path in needed if path.name == "__init__.py" and len(tree(PROJECT / path).body) == 1}
    uncovered = {path.as_posix() for path in needed if not any(path.is_relative_to(dep) for dep in deps)}
    assert uncovered == set()


@pytest.mark.parametrize("name", STAGES)
def test_words_are_a_dependency_of_who_writes_them(name: str) -> None:
    files = {path for path in given(name, "deps") if path.startswith("src/churnml/wording")}
    assert files in ({"src/churnml/wording.json", "src/churnml/wording.py"}, set())


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_on_code_exist(name: str) -> None:
    paths = [path for path in given(name, "deps") if path.startswith(("src/", "pipelines/"))]
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_no_two_stages_write_the_same_place() -> None:
    outs = [PurePosixPath(path) for name in STAGES for path in outputs(name)]
    clashes = [(a, b) for i, a in enumerate(outs) for j, b in enumerate(outs) if i != j and a.is_relative_to(b)]
    assert clashes == []


def test_every_file_a_stage_reads_is_made_by_another_or_delivered() -> None:
    made = {path for name in STAGES for path in outputs(name)}
    read = {path for name in STAGES for path in given(name, "deps") if not path.startswith(("src/", "pipelines/"))}
    assert read - made == {"params.yaml", "${histories.folder}"}


def test_the_last_stages_need_all_others() -> None:
    maker = {path: name for name in STAGES for path in outputs(name)}
    folder = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))["histories"]["folder"]
    known: set[str] = set()
    open_ends = list(TARGETS)
    while open_ends:
        name = open_ends.pop()
        known.add(name)
        files = [path.replace("${histories.folder}", folder) for path in given(name, "deps")]
        files += [path for entry in STAGES[name].get("params", []) for path in entry]
        open_ends += [maker[path] for path in files if path in maker and maker[path] not in known]
    assert known | {"fetch"} == set(STAGES)


def test_metrics_and_plots_are_kept_in_git() -> None:
    entries = [*STAGES["evaluate"]["metrics"], *STAGES["evaluate"]["plots"]]
    assert [entry for entry in entries if next(iter(entry.values())) != {"cache": False}] == []


def test_parameter_file_shows_every_block() -> None:
    written = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    assert set(written) == set(Params.model_fields)


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "examples").glob("*/params.yaml")), ids=lambda path: path.parent.name
)
def test_examples_are_valid(path: Path) -> None:
    assert load_params(path).histories.folder == "data/raw"
