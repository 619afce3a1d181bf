from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from churnml.errors import PrivacyError
from churnml.privacy.keys import FILE_VARIABLE, KEY_VARIABLE, Key, add_key, find_keys, key_file, require_keys

SECRET = hashlib.sha256(b"a key for tests").hexdigest()
OTHER = hashlib.sha256(b"another one").hexdigest()


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key of whoever runs the tests is found."""
    for name in (KEY_VARIABLE, FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_pseudonym_is_the_hmac_of_purpose_and_value() -> None:
    expected = hmac.new(bytes.fromhex(SECRET), b"churnml:purpose\0C1", "sha256").hexdigest()
    assert Key(bytes.fromhex(SECRET)).pseudonym("C1", purpose="purpose") == expected


def test_ep_20_all_numbers_of_a_prefix_are_no_hit_without_the_key() -> None:
    target = Key(bytes.fromhex(SECRET)).pseudonym("4917012345", purpose="suppressed")
    guesses = (f"49170{number:05}".encode() for number in range(100_000))
    plain = (hashlib.sha256(head + guess).hexdigest() for guess in guesses for head in (b"", b"churnml:suppressed\0"))
    assert target not in set(plain)


def test_ep_20_another_key_gives_no_hit_either() -> None:
    target = Key(bytes.fromhex(SECRET)).digest("4917012345", purpose="suppressed")
    other = Key(bytes.fromhex(OTHER))
    assert target not in {other.digest(f"49170{number:05}", purpose="suppressed") for number in range(100_000)}


def test_ep_20_without_a_key_nothing_is_made(project: Path) -> None:
    assert find_keys(project) == ()
    with pytest.raises(PrivacyError, match="there is no key") as caught:
        require_keys(project)
    assert (caught.value.exit_code, caught.value.rule) == (6, "privacy.key_missing")


def test_the_environment_gives_keys_newest_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, f"{SECRET} {OTHER.upper()}\n{SECRET}")
    assert find_keys(project) == (Key(bytes.fromhex(SECRET)), Key(bytes.fromhex(OTHER)))


def test_a_named_file_gives_keys(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(private(tmp_path / "keys", f"# mine\n{SECRET}\n")))
    assert require_keys(project) == (Key(bytes.fromhex(SECRET)),)


def test_a_named_file_must_be_there(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(PrivacyError, match="no such file"):
        find_keys(project)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_can_read_is_refused(settings: Path, project: Path, mode: int) -> None:
    private(settings / "churnml" / "keys", SECRET, mode)
    with pytest.raises(PrivacyError, match="others than its owner"):
        find_keys(project)


def test_a_key_inside_the_project_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(private(project / "keys", SECRET)))
    with pytest.raises(PrivacyError, match="inside the project"):
        find_keys(project)


def test_a_key_elsewhere_in_the_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / ".git").mkdir(parents=True)
    (tmp_path / "work" / "project").mkdir()
    monkeypatch.setenv(FILE_VARIABLE, str(private(tmp_path / "work" / "keys", SECRET)))
    with pytest.raises(PrivacyError, match="inside the project"):
        find_keys(tmp_path / "work" / "project")


@pytest.mark.parametrize("text", ["secret", "ab" * 31, "ab" * 40, SECRET[:-1] + "x", SECRET + "a", "0" * 64])
def test_a_weak_key_is_refused_without_showing_it(project: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(KEY_VARIABLE, text)
    with pytest.raises(PrivacyError, match="at least 64 hexadecimal digits") as caught:
        find_keys(project)
    assert text not in f"{caught.value}{caught.value.facts()}"


def test_a_new_key_comes_first_and_the_old_one_stays(settings: Path, project: Path) -> None:
    first, path = add_key(project)
    second, _ = add_key(project)
    assert path == key_file() == settings / "churnml" / "keys"
    assert find_keys(project) == (second, first)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_new_key_is_not_put_beside_one_of_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with pytest.raises(PrivacyError, match="the environment holds the key itself"):
        add_key(project)


def test_a_new_key_is_not_put_into_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(project / "keys"))
    with pytest.raises(PrivacyError, match="inside the project"):
        add_key(project)
    assert not (project / "keys").exists()


def test_a_key_does_not_show_itself() -> None:
    key = Key(bytes.fromhex(SECRET))
    assert SECRET not in repr(key)
    assert key.id not in SECRET
