from __future__ import annotations

from pathlib import Path

import pytest

from churnml.flow.compile import compile_all


def test_every_loop_is_compiled_and_nothing_else_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    compile_all()
    assert list(tmp_path.iterdir()) == []
    source = Path(__file__).resolve().parents[2] / "src" / "churnml"
    with_loops = {p for p in source.rglob("*.py") if "@numba.njit" in p.read_text(encoding="utf-8")}
    kept = {p.name.split(".")[0] for p in source.rglob("__pycache__/*.nbi")}
    assert {p.stem for p in with_loops} <= kept
