"""``model.json``: everything about a model that is not a tree, sealed against any change."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from churnml.errors import ModelError
from churnml.storage import digest_bytes

__all__ = ["ModelRecord", "parse_record"]

_TEXT_NAME = re.compile(r"model(\.[a-z_]+)?\.txt")
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class _Calibrator(BaseModel):
    model_config = _STRICT
    slope: float = Field(gt=0)
    intercept: float


class _Carry(BaseModel):
    model_config = _STRICT
    shift: float
    power: float = Field(gt=0)
    of_silence: bool


class _Columns(BaseModel):
    model_config = _STRICT
    knots: dict[str, tuple[list[float], list[float]]]
    flagged: list[int]
    levels: dict[str, int]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for picked, score in self.knots.values():
            if not picked or len(picked) != len(score) or sorted(set(picked)) != picked or sorted(score) != score:
                raise ValueError("knots")
        return self

    @property
    def matrix_columns(self) -> set[int]:
        """Return the matrix columns that are looked at."""
        return {*map(int, self.knots), *self.flagged, *map(int, self.levels)}


class _Logistic(BaseModel):
    model_config = _STRICT
    columns: _Columns
    coef: list[float]
    intercept: float
    centre: list[float]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        columns = self.columns
        if (
            not len(self.centre)
            == len(self.coef)
            == len(columns.knots) + len(columns.flagged) + sum(columns.levels.values())
        ):
            raise ValueError("coefficients")
        return self


class _Hazard(BaseModel):
    model_config = _STRICT
    horizon_days: float = Field(gt=0)
    is_return: bool
    edges_days: list[float] = Field(min_length=2)
    offsets: list[float] = Field(min_length=1)
    slope: float = Field(gt=0)
    level: float
    n_features: int = Field(ge=1)
    columns: list[int] = Field(min_length=1)
    advancing: list[tuple[int, int]]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if sorted(set(self.edges_days)) != self.edges_days or len(self.offsets) != len(self.edges_days) - 1:
            raise ValueError("periods")
        if not set(self.columns) <= set(range(self.n_features)):
            raise ValueError("columns")
        return self


class _ChurnState(BaseModel):
    model_config = _STRICT
    calibrator: _Calibrator
    carry: _Carry
    weights: dict[str, Annotated[float, Field(ge=0)]]
    logistic: _Logistic | None
    hazard: _Hazard | None
    leaving: _Calibrator | None = None

    def check(self, *, n_features: int, trees: Container[str]) -> None:
        """Refuse parts that do not fit each other: a weight without its part, or a part of other features."""
        for name, part in (("logistic", self.logistic), ("hazard", self.hazard)):
            if part is None and self.weights.get(name):
                raise ValueError("weights")
        for name, held in (("hazard", self.hazard), ("leaving", self.leaving)):
            if (f"model.{name}.txt" in trees) != (held is not None):
                raise ValueError(name)
        if self.hazard and self.hazard.n_features != n_features:
            raise ValueError("hazard")
        if self.logistic and not self.logistic.columns.matrix_columns <= set(range(n_features)):
            raise ValueError("logistic")


class _Interval(BaseModel):
    model_config = _STRICT
    centre: list[float] = Field(min_length=1)
    low: list[float]
    high: list[float]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if not len(self.centre) == len(self.low) == len(self.high) or sorted(self.centre) != self.centre:
            raise ValueError("knots")
        return self


class _ValueState(BaseModel):
    model_config = _STRICT
    measure: Literal["amount", "count"]
    unit: float = Field(gt=0)
    base: float = Field(gt=0)
    level: float = Field(gt=0)
    weights: dict[str, float]
    roles: dict[str, int]
    line: tuple[float, float] | None
    interval: _Interval


class ModelRecord(BaseModel):
    """The parts of ``model.json``; unknown keys are refused.

    Parameters
    ----------
    format : int
        Version of this file's form.
    kind : {"churn", "clv"}
        Which model it is.
    features : tuple of str
        Feature names in matrix order.
    levels, dropped : mapping
        As in :class:`churnml.estimators.matrix.FeatureSpec`.
    state : mapping
        Calibration, or unit, level and interval.
    settings, n_rounds
        LightGBM parameters and number of trees.
    texts : mapping of str to str
        Digest of each booster's text, by its file name.
    meta : mapping
        Data window, digests, metrics and what else was recorded.
    seal : str
        SHA-256 of this file without the seal.
    """

    model_config = _STRICT
    format: Literal[2]
    kind: Literal["churn", "clv"]
    features: tuple[str, ...] = Field(min_length=1)
    levels: dict[str, tuple[str, ...]]
    dropped: dict[str, str]
    state: dict[str, Any]
    settings: dict[str, Any]
    n_rounds: int = Field(ge=1)
    texts: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    meta: dict[str, Any]
    seal: str = Field(pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.features)) < len(self.features) or not set(self.levels) <= set(self.features):
            raise ValueError("features and levels")
        if "model.txt" not in self.texts or not all(_TEXT_NAME.fullmatch(name) for name in self.texts):
            raise ValueError("texts")
        state = (_ChurnState if self.kind == "churn" else _ValueState).model_validate_json(json.dumps(self.state))
        if isinstance(state, _ChurnState):
            state.check(n_features=len(self.features), trees=self.texts)
        return self

    @staticmethod
    def sealed(facts: dict[str, Any]) -> bytes:
        """Return the file's bytes for the facts, with their seal."""
        return _canonical({**facts, "seal": digest_bytes(_canonical(facts))})


def parse_record(raw: bytes) -> ModelRecord:
    """Parse and check ``model.json``.

    Raises
    ------
    ModelError
        If a single bit differs from what was written, or the form is not the one known here.
    """
    try:
        facts = json.loads(raw)
        seal = facts.pop("seal")
        # One value has one spelling, so an altered byte shows even where the parsed value would be the same.
        is_whole = ModelRecord.sealed(facts) == raw and digest_bytes(_canonical(facts)) == seal
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise _altered() from error
    if not is_whole:
        raise _altered()
    try:
        return ModelRecord.model_validate_json(raw)
    except ValidationError as error:
        raise ModelError(
            "not a model record of a known form",
            rule="model.format",
            file="model.json",
            count=error.error_count(),
            next_step="Train again with this version.",
        ) from error


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _altered() -> ModelError:
    return ModelError(
        "altered since it was written",
        rule="model.digest",
        file="model.json",
        next_step="Fetch the model again or train it anew.",
    )
