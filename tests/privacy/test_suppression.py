from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from churnml.errors import PrivacyError
from churnml.privacy.keys import FILE_VARIABLE, KEY_VARIABLE
from churnml.privacy.suppression import SUPPRESSED, list_digest, load_suppression, suppress

OLD, NEW = (hashlib.sha256(word).hexdigest() for word in (b"the old key", b"the new key"))


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv(KEY_VARIABLE, OLD)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_who_is_on_the_list_is_recognised(project: Path) -> None:
    suppress(project, ["C1", "C2"])
    known = load_suppression(project)
    assert [known.holds(customer) for customer in ("C1", "C2", "C3", "c1")] == [True, True, False, False]


def test_the_list_carries_no_id_and_is_private(project: Path) -> None:
    suppress(project, ["CANARY-0001"])
    assert b"CANARY" not in (project / SUPPRESSED).read_bytes()
    assert (project / SUPPRESSED).stat().st_mode & 0o777 == 0o600
    assert (project / SUPPRESSED).parent.stat().st_mode & 0o777 == 0o700


def test_without_a_list_no_key_is_needed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    assert load_suppression(project) is None
    assert list_digest(project) is None


def test_ep_20_a_list_without_its_key_stops_everything(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suppress(project, ["C1"])
    monkeypatch.setenv(KEY_VARIABLE, NEW)
    with pytest.raises(PrivacyError, match=r"made with the key .{12}, which is not there") as caught:
        load_suppression(project)
    assert caught.value.exit_code == 6


def test_after_a_new_key_those_of_the_old_one_are_recognised(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suppress(project, ["C1"])
    monkeypatch.setenv(KEY_VARIABLE, f"{NEW} {OLD}")
    suppress(project, ["C1", "C2"])
    known = load_suppression(project)
    assert [known.holds(customer) for customer in ("C1", "C2", "C3")] == [True, True, False]
    assert len(json.loads((project / SUPPRESSED).read_text())["entries"]) == 2


def test_the_digest_tells_one_list_from_another(project: Path) -> None:
    suppress(project, ["C1"])
    one = list_digest(project)
    suppress(project, ["C1"])
    assert list_digest(project) == one == load_suppression(project).digest
    suppress(project, ["C2"])
    assert list_digest(project) != one


@pytest.mark.parametrize("change", [lambda b: b[:-9], lambda b: b.replace(b"HMAC", b"HNAC"), lambda b: b"[]"])
def test_a_damaged_list_stops_everything(project: Path, change: object) -> None:
    suppress(project, ["C1"])
    (project / SUPPRESSED).write_bytes(change((project / SUPPRESSED).read_bytes()))
    with pytest.raises(PrivacyError, match="not what was written"):
        load_suppression(project)
