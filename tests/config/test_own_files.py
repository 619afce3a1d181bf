from pathlib import Path

import pytest

from churnml.config import load_params, own_file, resolved, with_own_digests, write_resolved
from churnml.errors import ConfigError

OWN = "{name: variety, function: 'features/own.py:variety', table: orders, meaning: {en: Kinds, zh: 种类}}"


def digest_of(params):
    return resolved(params)["features"]["own"][0]["digest"]


def test_a_changed_file_changes_the_resolved_parameters(load_with, tmp_path: Path):
    params = load_with(f"features: {{own: [{OWN}]}}\n")
    (tmp_path / "features").mkdir()
    (tmp_path / "features/own.py").write_text("def variety(rows, at): return 1\n")
    first = with_own_digests(params, root=tmp_path)
    write_resolved(first, tmp_path / "params.json")
    assert load_params(tmp_path / "params.json") == first
    (tmp_path / "features/own.py").write_text("def variety(rows, at): return 2\n")
    assert digest_of(with_own_digests(params, root=tmp_path)) != digest_of(first)


def test_without_own_features_nothing_is_read(load_with):
    params = load_with()
    assert with_own_digests(params, root=Path("nowhere")) is params


def test_a_missing_file_is_named(load_with, tmp_path: Path):
    own = load_with(f"features: {{own: [{OWN}]}}\n").features.own[0]
    with pytest.raises(ConfigError, match=r"^features/own\.py: features\.own\[0\]: file not found"):
        own_file(own, root=tmp_path, key="features.own[0]")


def test_a_link_out_of_the_project_is_refused(load_with, tmp_path: Path):
    own = load_with(f"features: {{own: [{OWN}]}}\n").features.own[0]
    (tmp_path / "out").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "out/own.py").write_text("x = 1")
    (tmp_path / "project/features").symlink_to(tmp_path / "out")
    with pytest.raises(ConfigError, match=r"features\.own\[0\]: not a plain path inside the project"):
        own_file(own, root=tmp_path / "project", key="features.own[0]")


def test_a_huge_file_is_refused(load_with, tmp_path: Path):
    own = load_with(f"features: {{own: [{OWN}]}}\n").features.own[0]
    (tmp_path / "features").mkdir()
    (tmp_path / "features/own.py").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        own_file(own, root=tmp_path, key="features.own[0]")
