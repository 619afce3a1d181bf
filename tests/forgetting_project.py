"""A person, and files in which a person could be."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churnml.forgetting.traces import Traces, traces_of

ID, EMAIL, NAME, PHONE = "CANARY-0001", "zoe.canary@example.org", "Zoe Canary", "+1 202 555 0163"
OTHER = "CANARY-00012"
WHO = traces_of([ID], {"email": [EMAIL], "name": [NAME], "phone": [PHONE]})
SHORT = Traces(frozenset({"17"}), frozenset())


def table(path: Path, **columns: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode(encoding))
    return path


def zipped(path: Path, content: str, name: str = "xl/sharedStrings.xml") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def squeezed(path: Path, content: str) -> Path:
    path.write_bytes(gzip.compress(content.encode()))
    return path


def database(path: Path, *values: str) -> Path:
    with closing(sqlite3.connect(path)) as store:
        store.execute('CREATE TABLE "pa""rams" (run TEXT, value TEXT, n INTEGER)')
        store.executemany('INSERT INTO "pa""rams" VALUES (?, ?, 1)', [("r", value) for value in values])
        store.commit()
    return path


def cached(cache: Path, content: bytes, ending: str = "") -> Path:
    """Put an object into DVC's cache."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = cache / "files" / "md5" / digest[:2] / (digest[2:] + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return path


def digest_of(path: Path) -> str:
    return path.parent.name + path.name


def folder_object(cache: Path, *members: Path) -> Path:
    entries = [{"md5": digest_of(path), "relpath": f"part-{n}"} for n, path in enumerate(members)]
    return cached(cache, json.dumps(entries).encode(), ".dir")
