"""Who must not come back: keyed hashes of customer ids, in a small file of the project that may be kept in Git."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from churnml.errors import DataError, PrivacyError
from churnml.privacy.keys import Key, find_keys, require_keys
from churnml.storage import digest_bytes, read_sealed_json, write_sealed_json

__all__ = ["SUPPRESSED", "Suppression", "list_digest", "load_suppression", "suppress"]

SUPPRESSED = Path("privacy") / "suppressed.json"
"""The list, relative to the project folder; it carries no id."""

_PURPOSE = "suppressed"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Persons who must not come back.

    Parameters
    ----------
    keys : sequence of Key
        Those with which the list was made.
    hashes : frozenset of bytes
    """

    keys: Sequence[Key]
    hashes: frozenset[bytes]

    @property
    def digest(self) -> str:
        """Return what tells this list from any other."""
        return _digest(self.hashes)

    def holds(self, customer: str) -> bool:
        """Return whether a customer id stands on the list."""
        return any(key.digest(customer, purpose=_PURPOSE) in self.hashes for key in self.keys)


def load_suppression(root: Path) -> Suppression | None:
    """Return the list of a project, or None where it has none; without one no key is needed.

    Parameters
    ----------
    root : Path
        Project folder.

    Raises
    ------
    PrivacyError
        If the list is damaged, or a key it was made with is not there: nobody could be recognised.
    """
    entries = _entries(root)
    if not entries:
        return None
    known = {key.id: key for key in find_keys(root)}
    wanted = sorted({key_id for key_id, _ in entries})
    missing = [key_id for key_id in wanted if key_id not in known]
    if missing:
        raise PrivacyError(
            f"the list was made with the key {missing[0]}, which is not there; those who asked to be forgotten could "
            "not be recognised",
            rule="privacy.key_missing",
            file=SUPPRESSED.as_posix(),
            count=len(missing),
            next_step="Hand the key over in CHURNML_KEY, or name its file in CHURNML_KEY_FILE.",
        )
    return Suppression([known[key_id] for key_id in wanted], frozenset(bytes.fromhex(h) for _, h in entries))


def suppress(root: Path, customers: Iterable[str]) -> dict[str, str]:
    """Add customers to the list; returns id -> keyed hash, whether new or there already.

    Raises
    ------
    PrivacyError
        If there is no key, or as :func:`load_suppression`.
    EnvironmentFault
        If the list cannot be written.
    """
    newest, known, entries = require_keys(root)[0], load_suppression(root), _entries(root)
    hashes: dict[str, str] = {}
    for customer in customers:
        hashes[customer] = newest.pseudonym(customer, purpose=_PURPOSE)
        if known is None or not known.holds(customer):
            entries.add((newest.id, hashes[customer]))
    (root / SUPPRESSED).parent.mkdir(mode=0o700, exist_ok=True)
    rows = [{"key": key_id, "hash": digest} for key_id, digest in sorted(entries)]
    write_sealed_json({"format": "HMAC-SHA-256", "entries": rows}, root / SUPPRESSED)
    return hashes


def list_digest(root: Path) -> str | None:
    """Return a digest of who stands on the list, so that a stage runs again once somebody was added; None = nobody."""
    entries = _entries(root)
    return _digest(bytes.fromhex(digest) for _, digest in entries) if entries else None


def _digest(hashes: Iterable[bytes]) -> str:
    return digest_bytes(b"".join(sorted(hashes)))


def _entries(root: Path) -> set[tuple[str, str]]:
    """Return (id of the key, keyed hash) of everybody on the list."""
    if not (root / SUPPRESSED).exists():
        return set()
    try:
        rows = read_sealed_json(root / SUPPRESSED)["entries"]
        entries = {(str(row["key"]), str(row["hash"])) for row in rows}
        if any(len(bytes.fromhex(digest)) != 32 for _, digest in entries):
            raise ValueError
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise PrivacyError(
            "the list of those who asked to be forgotten is not what was written",
            rule="privacy.list_damaged",
            file=SUPPRESSED.as_posix(),
            next_step="Fetch it from Git or a backup; they must not come back.",
        ) from error
    return entries
