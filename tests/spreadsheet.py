"""A workbook as LibreOffice reads it: opened without a window, each sheet saved as text."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
_SECONDS = 300


def convert(path: Path, kind: str, folder: Path) -> list[Path]:
    """Return what LibreOffice makes of a file, for example ``pdf``."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = (folder / "profile").as_uri()
    command = [OFFICE, f"-env:UserInstallation={profile}", "--headless", "--norestore", "--convert-to", kind]
    subprocess.run([*command, "--outdir", str(folder), str(path)], check=True, capture_output=True, timeout=_SECONDS)
    return sorted(each for each in folder.iterdir() if each.is_file())


def sheets(path: Path, folder: Path) -> dict[str, list[list[str]]]:
    """Return title of each sheet -> its rows, cells as they are shown."""
    # Comma, double quote, UTF-8, from line 1, all as text, cells as shown, no formulas, every sheet.
    files = convert(path, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1", folder)
    stem = f"{path.stem}-"
    return {
        each.stem.removeprefix(stem): list(csv.reader(io.StringIO(each.read_text("utf-8-sig"), newline="")))
        for each in files
        if each.suffix == ".csv"
    }
