"""Folders for data about people: made for their owner alone, and refused where others could change them."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from churnml.errors import PrivacyError

__all__ = ["make_private", "refuse_shared"]

_PRIVATE = 0o700


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are not there, for the owner alone.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=_PRIVATE, exist_ok=True)


def refuse_shared(folder: Path) -> None:
    """Refuse a folder in which others could put their file in the place of ours; one not there yet is no danger.

    A folder like ``/tmp``, where nobody can take away what is another's, is borne; so is one of the user's own group,
    to which nobody else belongs, as many systems make it.

    Raises
    ------
    PrivacyError
        If a group or everybody can write there.
    """
    try:
        found = folder.stat()
    except OSError:
        return
    by_all = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    by_group = found.st_mode & stat.S_IWGRP and not found.st_mode & stat.S_ISVTX and not _is_of_one(found.st_gid)
    if by_all or by_group:
        raise PrivacyError(
            f"{'every user' if by_all else 'a group'} of this machine can change the folder, and data about people "
            "would lie in it",
            rule="privacy.folder_shared",
            file=folder.name or str(folder),
            next_step="chmod go-w it, or write elsewhere.",
        )


def _is_of_one(group: int) -> bool:
    """Return whether a group is the user's own, with nobody else in it; the administrator has none."""
    user = os.geteuid()
    try:
        mine, its = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    return user != 0 and group == mine.pw_gid and its.gr_name == mine.pw_name and set(its.gr_mem) <= {mine.pw_name}
