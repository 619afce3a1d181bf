"""README and docs: every block of code can be used as it stands, and every link leads somewhere."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from markdown_pages import MLFLOW, PAGES, CodeBlock, blocks, blocks_in, check_shell, page_name
from pydantic import TypeAdapter, ValidationError
from small_company import PROJECT

from churnml.config import CalendarTable, Csv, CustomersTable, EventsTable, Params, SpellsTable, load_params
from churnml.config.strict_yaml import parse_yaml
from churnml.reference import command_reference, exit_codes, output_reference

LANGUAGES = {"sh", "yaml", "python", "sql", "json", "text", "ini", "csv", "{toctree}"}


def name_of(block: CodeBlock) -> str:
    return f"{block.page}:{block.line}"


def each(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", blocks_in(*languages), ids=name_of)


def test_every_block_names_its_language() -> None:
    assert {name_of(block): block.language for block in blocks() if block.language not in LANGUAGES} == {}


@each("sh")
def test_shell_blocks_call_what_there_is(block: CodeBlock) -> None:
    check_shell(block.text)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MLFLOW))
def test_mlflow_has_these_commands(name: str) -> None:
    subprocess.run(["mlflow", name, "--help"], capture_output=True, check=True)


@each("python")
def test_python_blocks_compile_and_import_what_there_is(block: CodeBlock) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("churnml"):
            assert {alias.name for alias in node.names} <= set(dir(importlib.import_module(node.module)))


def as_an_excerpt(kind: object, value: object) -> None:
    """Validate a block of which some keys may be left out."""
    problems: list[str] = []
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        problems = [str(problem) for problem in error.errors() if problem["type"] != "missing"]
    assert problems == []


@each("yaml")
def test_yaml_blocks_are_read_as_parameters(block: CodeBlock, tmp_path: Path) -> None:
    found = parse_yaml(block.text.encode(), file="block.yaml").value
    if {"histories", "churn"} <= set(found):
        shutil.copy(PROJECT / "playbook.csv", tmp_path)
        (tmp_path / "params.yaml").write_text(block.text, "utf-8")
        load_params(tmp_path / "params.yaml")
    elif set(found) <= set(Params.model_fields):
        for name, value in found.items():
            as_an_excerpt(Params.model_fields[name].annotation, value)
    elif all(isinstance(value, dict) and "kind" in value for value in found.values()):
        for value in found.values():
            as_an_excerpt(CustomersTable | EventsTable | SpellsTable | CalendarTable, value)
    elif set(found) == {"csv"}:
        Csv.model_validate(found["csv"])
    else:
        assert block.page == "docs/crm.md"  # a target of one's own: tests/exports/crm/test_template.py


@each("json")
def test_json_blocks_are_read(block: CodeBlock) -> None:
    assert json.loads(block.text)


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    for link in (link for link in links if not re.match(r"[a-z]+:", link)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_references_are_those_of_the_code() -> None:
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    made = {"commands.md": command_reference(), "outputs.md": output_reference(stages)}
    for name, text in made.items():
        assert (PROJECT / "docs" / name).read_text(encoding="utf-8") == text, f"make docs renews docs/{name}"


def test_exit_codes_are_those_of_the_errors() -> None:
    assert list(exit_codes()) == [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
    assert [code for code, (_, later) in exit_codes().items() if later == "yes"] == [7, 130, 143]


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = re.findall(r"^([\w./-]+)$", (PROJECT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    pages = {path.relative_to(PROJECT / "docs").with_suffix("").as_posix() for path in (PROJECT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(pages - {"index"})


def test_the_manual_is_built_without_a_warning_or_a_network(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "sphinx-build",
            "-q",
            "-W",
            "--keep-going",
            "-b",
            "html",
            "-d",
            str(tmp_path / "trees"),
            "docs",
            str(tmp_path),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": f"{PROJECT / '.venv' / 'bin'}:/usr/bin:/bin",
            "https_proxy": "http://127.0.0.1:9",
            "LC_ALL": "C.UTF-8",
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    loaded = re.compile(r"""(?:src|<link[^>]*href)=["'](https?:)?//""")
    assert [page.name for page in tmp_path.glob("*.html") if loaded.search(page.read_text(encoding="utf-8"))] == []
