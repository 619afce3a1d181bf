from __future__ import annotations

import json

import pytest

from churnml.errors import (
    ChurnmlError,
    ConfigError,
    DataError,
    EnvironmentFault,
    ModelError,
    PrivacyError,
    TimeContractError,
    did_you_mean,
)

CODES = {
    ConfigError: 2,
    DataError: 3,
    TimeContractError: 4,
    ModelError: 5,
    PrivacyError: 6,
    EnvironmentFault: 7,
}


@pytest.mark.parametrize("kind", CODES)
def test_each_kind_has_its_exit_code(kind: type[ChurnmlError]) -> None:
    assert kind("x", rule="r").exit_code == CODES[kind]


def test_every_kind_is_listed() -> None:
    assert set(ChurnmlError.__subclasses__()) == set(CODES)


@pytest.mark.parametrize("kind", CODES)
def test_each_kind_is_the_built_in_a_caller_expects(kind: type[ChurnmlError]) -> None:
    assert issubclass(kind, OSError if kind is EnvironmentFault else ValueError)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "broken."),
        ({"file": "a.csv"}, "a.csv: broken."),
        ({"file": "a.csv", "line": 7}, "a.csv:7: broken."),
        ({"file": "a.csv", "line": 7, "column": "id"}, "a.csv:7: id: broken."),
        ({"column": "churn.table"}, "churn.table: broken."),
        ({"file": "a.csv", "next_step": "Mend it."}, "a.csv: broken. Mend it."),
    ],
)
def test_sentence_names_place_problem_and_next_step(parts: dict[str, object], sentence: str) -> None:
    assert str(DataError("broken", rule="data.x", **parts)) == sentence


def test_facts_are_plain_values() -> None:
    error = DataError("broken", rule="data.x", file="a.csv", line=7, column="id", count=3, next_step="Mend it.")
    assert json.loads(json.dumps(error.facts())) == {
        "exit_code": 3,
        "rule": "data.x",
        "file": "a.csv",
        "line": 7,
        "column": "id",
        "count": 3,
        "problem": "broken",
        "next_step": "Mend it.",
    }


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("Kunde", ["kunde_id", "kunde"], "Did you mean kunde?"),
        ("AMOUT", ["Amount", "id"], "Did you mean Amount?"),
        ("x", ["amount"], None),
        ("amount", [], None),
    ],
)
def test_nearest_word_is_offered_as_it_is_written(word: str, known: list[str], hint: str | None) -> None:
    assert did_you_mean(word, known) == hint
