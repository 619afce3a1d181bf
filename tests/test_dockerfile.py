"""The image cannot be built here; what its file says is held against the rules and against the project."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines() if line.strip()]


def of(kind: str) -> list[str]:
    return [text for name, text in instructions() if name == kind]


def test_the_base_is_pinned_and_the_project_allows_its_python() -> None:
    bases = {text.split(" ")[0] for text in of("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.1[12]\.\d+-slim-[a-z]+", bases.pop())


def test_nothing_runs_as_root_and_the_program_is_what_starts() -> None:
    last = instructions()[[name for name, _ in instructions()].index("USER") :]
    assert last[0] == ("USER", "10001:10001")
    assert ("ENTRYPOINT", '["churnml"]') in last
    assert not {"RUN", "COPY", "ADD"} & {name for name, _ in last}


def test_packages_are_few_locked_and_leave_no_lists() -> None:
    for text in of("RUN"):
        if "apt-get install" in text:
            assert "apt-get update" in text
            assert "--no-install-recommends" in text
            assert "rm -rf /var/lib/apt/lists/*" in text
    (sync,) = (part for text in of("RUN") for part in text.split("&&") if "uv sync" in part)
    assert {"--frozen", "--no-default-groups", "--no-editable"} <= set(sync.split())
    assert not {"--all-extras", "pipeline"} & set(sync.split())
    version = re.search(r"^version=(\S+)$", (ROOT / ".ci" / "uv").read_text(), re.MULTILINE)
    assert f"uv=={version[1]}" in " ".join(of("RUN"))


def test_the_libraries_that_lightgbm_loads_are_there_in_both_stages() -> None:
    assert sum("libgomp1" in text for text in of("RUN")) == len(of("FROM")) == 2


def test_loops_are_compiled_for_any_processor_where_the_user_finds_them() -> None:
    assert any("python -m churnml.flow.compile" in text for text in of("RUN"))
    caches = [re.findall(r"NUMBA_\w+=\S+", text) for text in of("ENV")]
    assert caches[0] == caches[1] == ["NUMBA_CACHE_DIR=/opt/numba", "NUMBA_CPU_NAME=generic"]


def test_telemetry_is_off() -> None:
    made = (ROOT / "Makefile").read_text()
    for name in ("DO_NOT_TRACK", "DVC_NO_ANALYTICS", "MLFLOW_DISABLE_TELEMETRY"):
        assert f"{name}=true" in of("ENV")[-1]
        assert f"{name}=true" in made


def test_what_is_copied_exists_and_nothing_else_is_sent() -> None:
    copied = [word for text in of("COPY") if not text.startswith("--from") for word in text.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = {line.removeprefix("!") for line in rules if line.startswith("!")}
    assert sent == set(copied)
    assert not any(fnmatch(name, secret) for name in sent for secret in ("data*", "models*", ".git*", ".env*"))
