"""The run-lines of a workflow, one after the other on this machine, as an unprepared one would run them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_NETWORK = re.compile(r"UV_(?!PROJECT|PYTHON)|PIP_|SSL_|LANG|LC_|.*_CA_|.*_CERT|.*_proxy$|.*_PROXY$")
_WORD = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Job:
    """One job of a workflow in a checkout.

    Parameters
    ----------
    workflow : Path
    name : str
    checkout : Path
        Working directory of every step.
    home : Path
        Made; holds what the steps are told to write beside the checkout.
    context : mapping
        ``secrets``, ``vars``, ``inputs``, ``matrix``, ``github``: name -> value.
    environment : mapping
        What the machine itself has, such as where caches lie.
    """

    workflow: Path
    name: str
    checkout: Path
    home: Path
    context: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    ran: dict[str, subprocess.CompletedProcess[str]] = field(init=False, default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(init=False, default_factory=dict)

    def run(self) -> int:
        """Run the steps with commands, those for failures where one failed; return the first code that is not 0."""
        whole = yaml.safe_load(self.workflow.read_text(encoding="utf-8"))
        job = whole["jobs"][self.name]
        self.home.mkdir(parents=True, exist_ok=True)
        code = 0
        for number, step in enumerate(job["steps"]):
            if "run" not in step or not self._is_due(str(step.get("if", "")), failed=code != 0):
                continue
            given = [whole.get("env", {}), job.get("env", {}), step.get("env", {})]
            values = {key: self._filled(str(value)) for block in given for key, value in block.items()}
            done = self._step(str(step["run"]), values, number)
            self.ran[str(step.get("name", number))] = done
            self.outputs[str(step.get("id", number))] = _pairs(self.home / f"output-{number}")
            code = code or done.returncode
        return code

    @property
    def said(self) -> str:
        """Return everything that was printed."""
        return "".join(f"{name}: {done.returncode}\n{done.stdout}{done.stderr}" for name, done in self.ran.items())

    def _step(self, script: str, values: Mapping[str, str], number: int) -> subprocess.CompletedProcess[str]:
        places = {name: self.home / name for name in ("path", "summary")} | {"out": self.home / f"output-{number}"}
        for place in places.values():
            place.touch()
        added = places["path"].read_text("utf-8").split()[::-1]
        path = os.pathsep.join([*added, self.environment.get("PATH", os.environ["PATH"])])
        told = {"GITHUB_PATH": places["path"], "GITHUB_OUTPUT": places["out"], "GITHUB_STEP_SUMMARY": places["summary"]}
        machine = {"HOME": str(self.home), **self.environment, **{name: str(place) for name, place in told.items()}}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.checkout,
            env={**machine, **values, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )

    def _is_due(self, condition: str, *, failed: bool) -> bool:
        if condition == "failure()":
            return failed
        if failed:
            return False
        left, _, right = condition.partition(" == ")
        return not condition or self._value(left) == right.strip("'")

    def _filled(self, text: str) -> str:
        return _WORD.sub(lambda found: self._value(found[1]), text)

    def _value(self, words: str) -> str:
        """Return what an expression is: the first of its alternatives that is not empty."""
        return next((value for part in words.split(" || ") if (value := self._one(part.strip()))), "")

    def _one(self, word: str) -> str:
        if word.startswith("'"):
            return word.strip("'")
        scope, *rest = word.split(".")
        if scope == "steps":
            return self.outputs.get(rest[0], {}).get(rest[2], "")
        return str(self.context.get(scope, {}).get(".".join(rest), ""))


def _pairs(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines() if "=" in line)


def machine(folder: Path, **tools: str) -> dict[str, Any]:
    """Return the environment of a machine on which nothing of the project is installed, with some tools made up.

    Parameters
    ----------
    folder : Path
        Made; the tools lie there.
    **tools : str
        Name -> shell script.
    """
    folder.mkdir(parents=True)
    for name, script in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (folder / name).chmod(0o755)
    # How this machine reaches a registry is none of the project's business: certificates, proxies, mirrors stay.
    kept = {name: value for name, value in os.environ.items() if _NETWORK.match(name)}
    kept = {"UV_CACHE_DIR": str(Path.home() / ".cache" / "uv")} | kept | {"UV_LINK_MODE": "copy"}
    ours = Path(os.environ.get("VIRTUAL_ENV", "/nowhere")) / "bin"
    path = [str(folder), *(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != ours)]
    return {**kept, "PATH": os.pathsep.join(path), "RETRY_PAUSES": "0"}
