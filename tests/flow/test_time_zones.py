from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from small_company import run, write_params

from churnml.storage import digest_file


@pytest.mark.slow
def test_tl_15_features_are_the_same_whatever_the_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(tmp_path, {"histories": {"timezone": "Europe/Berlin"}})
    assert run(tmp_path, "configure", "simulate") == 0
    digests = set()
    for zone in ("UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Shanghai"):
        with monkeypatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            assert run(tmp_path, "prepare", "snapshots", "featurize") == 0
        places = [tmp_path / "data" / name for name in ("prepared", "snapshots", "features")]
        files = sorted(path for place in places for path in place.rglob("*") if path.is_file())
        digests.add(tuple(digest_file(path) for path in files))
        assert files
        for place in places:
            shutil.rmtree(place)
    time.tzset()
    assert len(digests) == 1
