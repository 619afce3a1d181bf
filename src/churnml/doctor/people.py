"""Whether the key of the pseudonyms and the list of whose they are fit what was prepared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from churnml.doctor.findings import NOTE, PRIVACY, Ailment
from churnml.errors import ChurnmlError, PrivacyError
from churnml.histories.identities import IDENTITIES, Names
from churnml.histories.store import open_history
from churnml.privacy.keys import find_keys

__all__ = ["look_at_pseudonyms"]


def look_at_pseudonyms(root: Path, *, wanted: bool) -> Iterator[Ailment]:
    """Yield what keeps customers from being hidden, or from being named where they must be.

    Parameters
    ----------
    root : Path
        Project folder.
    wanted : bool
        Whether ``privacy.pseudonyms`` is set.
    """
    try:
        known = [key.id for key in find_keys(root)]
    except PrivacyError as error:
        yield Ailment("doctor.key", f"the key cannot be used ({error.problem})", "churnml key", PRIVACY)
        return
    if wanted and not known:
        yield Ailment("doctor.key", "there is no key for the pseudonyms", "churnml key", PRIVACY)
        return
    try:
        used = open_history(root / "data" / "prepared").key_id
    except ChurnmlError:  # not there, or damaged: others say so
        return
    if used is None:
        if wanted:
            yield Ailment("doctor.pseudonyms", "what was prepared has ids as delivered", "churnml run", NOTE)
        return
    if used not in known[:1]:
        what = f"what was prepared has pseudonyms of the key {used}, which is not the one in use"
        yield Ailment("doctor.pseudonyms", what, "churnml run", PRIVACY)
    elif not wanted:
        yield Ailment("doctor.pseudonyms", "what was prepared has pseudonyms", "churnml run", NOTE)
    try:
        names = Names(root / IDENTITIES, key_id=used)
        for number in range(names.n_buckets):
            names.pairs(number)
    except PrivacyError as error:
        yield Ailment("doctor.identities", error.problem, "churnml identities", PRIVACY)
