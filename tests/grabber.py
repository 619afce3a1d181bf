"""A watcher in a process of its own: grabs whatever appears under a final name, and holds it against its manifest.

Usage: python grabber.py FOLDER STOP, where the file STOP ends it. Says how many results it saw, and which were partial.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys


def grabbed(folder: str) -> dict[str, bytes] | None:
    """Return the files of a folder as it is at this moment; None where another took its place meanwhile."""
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found = {}
        for name in os.listdir(held):
            with open(os.open(name, os.O_RDONLY, dir_fd=held), "rb") as stream:
                found[name] = stream.read()
        return found if os.stat(folder).st_ino == os.fstat(held).st_ino else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    finally:
        os.close(held)


def named(manifest: dict[str, object]) -> dict[str, str]:
    """Return file -> digest of a manifest, a list's or an export's."""
    if "files" in manifest:
        return {name: entry["sha256"] for name, entry in manifest["files"].items()}
    return {part["file"]: part["sha256"] for part in (*manifest["parts"], manifest["rejected_file"])}


def is_whole(files: dict[str, bytes]) -> bool:
    said = named(json.loads(files["manifest.json"])) if "manifest.json" in files else {}
    return said == {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"}


def main(folder: str, stop: str) -> int:
    seen: dict[int, str] = {}
    bad: list[str] = []
    while not os.path.exists(stop):
        for name in os.listdir(folder):
            files = None if name.startswith(".") else grabbed(os.path.join(folder, name))
            if files is not None:
                digest = hashlib.sha256(files.get("manifest.json", b"")).hexdigest()
                seen[digest] = name
                bad += [] if is_whole(files) else [name]
    sys.stdout.write(json.dumps({"seen": len(seen), "bad": sorted(set(bad))}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
