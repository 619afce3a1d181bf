"""FL-08: data many times the memory left to a stage; the right result below the cap, or 7, and never killed."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from small_company import PROJECT

sys.path.insert(0, str(PROJECT))
from benchmarks.project import Project
from benchmarks.work import Work

sys.path.remove(str(PROJECT))

ROOM = 24 << 20
"""What a stage may take beyond what it takes for a small table."""
BYTES_PER_EVENT = 44

CAPPED = """
    import json, resource, runpy, sys
    cap, script, *sys.argv[1:] = int(sys.argv[1]), *sys.argv[2:]
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmPeak"))
        print(json.dumps({"peak": int(peak.split()[1]) << 10}))
"""


def prepare(project: Project, params: Path, target: str, *, cap: int) -> tuple[int, int]:
    """Prepare under a limit of the address space; returns exit code and the most addresses taken, in bytes."""
    paths = ["--prepared", target, "--check", f"{target}.json", "--check-page", f"{target}.html"]
    command = [sys.executable, "-c", textwrap.dedent(CAPPED), str(cap)]
    command += [str(PROJECT / "pipelines" / "prepare.py"), "--params", str(params), *paths]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    return done.returncode, int(json.loads(done.stdout.splitlines()[-1])["peak"])


def manifest(project: Project, target: str) -> dict[str, object]:
    return json.loads((project.root / target / "manifest.json").read_text())


@pytest.mark.slow
def test_fl_08_data_many_times_the_memory_left(tmp_path: Path) -> None:
    small = Project(tmp_path, Work.of(10_000, form="csv"))
    code, base = prepare(small, small.configure(), "prepared", cap=64 << 30)
    assert code == 0
    for times in (4, 10):
        project = Project(tmp_path, Work.of(times * ROOM // BYTES_PER_EVENT, form="csv"))
        raw = (project.root / "raw" / "orders.csv").stat().st_size
        assert raw > 0.9 * times * ROOM
        code, peak = prepare(project, project.configure(), "capped", cap=base + ROOM)
        assert code in {0, 7}
        assert peak <= base + ROOM
        assert (project.root / "capped").exists() == (code == 0)
        if times == 4:
            assert prepare(project, project.configure(), "free", cap=64 << 30)[0] == 0
            assert code == 7 or manifest(project, "capped") == manifest(project, "free")
        project.remove()
