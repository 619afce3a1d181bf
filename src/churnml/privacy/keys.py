"""The secret keys of pseudonyms: from the environment or a private file outside the project, and never in it.

The newest key comes first. Older ones stay behind it, so that what was made with them is still recognised.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from churnml.errors import PrivacyError
from churnml.storage import write_bytes

__all__ = ["FILE_VARIABLE", "KEY_VARIABLE", "Key", "add_key", "find_keys", "key_file", "require_keys"]

KEY_VARIABLE, FILE_VARIABLE = "CHURNML_KEY", "CHURNML_KEY_FILE"
"""The key itself, for CI; or the file that holds it. Without either, ``~/.config/churnml/keys`` is looked for."""

_MOST_BYTES = 64 << 10
_KEY = re.compile(r"[0-9a-fA-F]{64,1024}")
_LEAST_DISTINCT = 12
"""So many different bytes stand in any 32 bytes of chance; fewer are a text or a pattern that somebody typed."""
_HEAD = "# Keys of churnml, the newest first. Keep a copy apart from the data, and show it to nobody.\n"


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of at least 256 bits, and by which name it may be spoken of.

    Parameters
    ----------
    secret : bytes
    """

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Return the name of the key, which tells nothing about it."""
        return hmac.digest(self.secret, b"churnml:key-id", "sha256").hex()[:12]

    def pseudonym(self, value: str, *, purpose: str) -> str:
        """Return the HMAC-SHA-256 of a value, 64 hexadecimal digits; other purposes give others.

        Examples
        --------
        >>> key = Key(bytes(range(32)))
        >>> key.pseudonym("C1", purpose="suppressed") == key.pseudonym("C2", purpose="suppressed")
        False
        """
        return self.digest(value, purpose=purpose).hex()

    def digest(self, value: str, *, purpose: str) -> bytes:
        """Return the same as :meth:`pseudonym` as 32 bytes."""
        return hmac.digest(self.secret, f"churnml:{purpose}\0{value}".encode(), "sha256")


def key_file() -> Path:
    """Return where the keys lie: in ``CHURNML_KEY_FILE``, else in ``churnml/keys`` of the user's own settings."""
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    settings = os.environ.get("XDG_CONFIG_HOME")
    return Path(settings or os.path.expanduser("~/.config")) / "churnml" / "keys"


def find_keys(root: Path) -> tuple[Key, ...]:
    """Return the keys, the newest first; none where there is neither variable nor file.

    Parameters
    ----------
    root : Path
        Project folder, in which no key may lie.

    Raises
    ------
    PrivacyError
        If a key is shorter than 256 bits or no chance made it; if the file lies inside the project, others can read
        it, or it is not there although ``CHURNML_KEY_FILE`` names it.
    """
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return _parsed(given, name=KEY_VARIABLE)
    path = key_file()
    if not path.is_file():
        if os.environ.get(FILE_VARIABLE):
            raise _refused("there is no such file", "privacy.key_missing", "Correct the variable, or: churnml key.")
        return ()
    _check_place(path, root)
    with path.open("rb") as stream:
        text = stream.read(_MOST_BYTES).decode("utf-8", errors="replace")
    return _parsed(text, name=path.name)


def require_keys(root: Path) -> tuple[Key, ...]:
    """Return the keys, at least one.

    Raises
    ------
    PrivacyError
        If there is none, or as :func:`find_keys`.
    """
    keys = find_keys(root)
    if not keys:
        raise PrivacyError(
            "there is no key, and without one a pseudonym could be guessed",
            rule="privacy.key_missing",
            column=KEY_VARIABLE,
            next_step=f"Make one outside the project with: churnml key. Elsewhere, hand it over in {KEY_VARIABLE}, "
            f"or name its file in {FILE_VARIABLE}.",
        )
    return keys


def add_key(root: Path) -> tuple[Key, Path]:
    """Put a new key before those there are; returns it and the file.

    Raises
    ------
    PrivacyError
        If the key is given by ``CHURNML_KEY``, the file would lie inside the project, or as :func:`find_keys`.
    EnvironmentFault
        If the file cannot be written.
    """
    if os.environ.get(KEY_VARIABLE):
        step = "Put a new one before it there, with a space between: openssl rand -hex 32."
        raise _refused("the environment holds the key itself", "privacy.key_given", step, column=KEY_VARIABLE)
    path = key_file()
    if path.is_file():
        _check_place(path, root)
        known = path.read_text(encoding="utf-8")
        _parsed(known, name=path.name)
    else:
        known = _HEAD
        _check_outside(path, root)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Key(secrets.token_bytes(32))
    lines = known.splitlines()
    first = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    lines.insert(first, key.secret.hex())
    write_bytes(("\n".join(lines) + "\n").encode(), path)
    return key, path


def _parsed(text: str, *, name: str) -> tuple[Key, ...]:
    words = [word for line in text.splitlines() if not line.lstrip().startswith("#") for word in line.split()]
    for place, word in enumerate(words, start=1):
        if not _KEY.fullmatch(word) or len(word) % 2 or len(set(bytes.fromhex(word))) < _LEAST_DISTINCT:
            raise PrivacyError(
                "no key: at least 64 hexadecimal digits that chance made are needed",
                rule="privacy.key_weak",
                file=name,
                count=place,
                next_step="Make one with: churnml key, or openssl rand -hex 32.",
            )
    return tuple(Key(bytes.fromhex(word)) for word in dict.fromkeys(word.lower() for word in words))


def _check_place(path: Path, root: Path) -> None:
    _check_outside(path, root)
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _refused("others than its owner can read or change the file", "privacy.key_open", "chmod 600 it.")


def _check_outside(path: Path, root: Path) -> None:
    """Refuse a key inside the project, or inside the repository that the project is a part of."""
    here = root.resolve()
    homes = [here, *(folder for folder in here.parents if (folder / ".git").exists())]
    if any(path.resolve().is_relative_to(home) for home in homes):
        raise _refused("the key lies inside the project", "privacy.key_inside", "Move it out, and make a new one.")


def _refused(problem: str, rule: str, next_step: str, *, column: str = FILE_VARIABLE) -> PrivacyError:
    return PrivacyError(problem, rule=rule, column=column, next_step=next_step)
