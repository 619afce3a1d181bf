"""``model.json``: everything about a model that is not a tree, sealed against any change."""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from churnml.errors import ModelError
from churnml.storage import digest_bytes

__all__ = ["ModelRecord", "parse_record"]

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class _Calibrator(BaseModel):
    model_config = _STRICT
    slope: float = Field(gt=0)
    intercept: float


class _ChurnState(BaseModel):
    model_config = _STRICT
    calibrator: _Calibrator


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
    level: float = Field(gt=0)
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
    model_txt_sha256 : str
        Digest of the trees' text.
    meta : mapping
        Data window, digests, metrics and what else was recorded.
    seal : str
        SHA-256 of this file without the seal.
    """

    model_config = _STRICT
    format: Literal[1]
    kind: Literal["churn", "clv"]
    features: tuple[str, ...] = Field(min_length=1)
    levels: dict[str, tuple[str, ...]]
    dropped: dict[str, str]
    state: dict[str, Any]
    settings: dict[str, Any]
    n_rounds: int = Field(ge=1)
    model_txt_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    meta: dict[str, Any]
    seal: str = Field(pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.features)) < len(self.features) or not set(self.levels) <= set(self.features):
            raise ValueError("features and levels")
        (_ChurnState if self.kind == "churn" else _ValueState).model_validate(self.state)
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
