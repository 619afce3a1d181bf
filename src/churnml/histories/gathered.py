"""What a profile has gathered, as plain values and the bytes of its arrays: kept and restored bit by bit, no pickle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from churnml.histories.day_counts import DayCounts, MonthLevels
from churnml.histories.placeholders import TokenCounter
from churnml.histories.profile import FileSeen, TableProfile
from churnml.histories.sketches import HeavySlots, KeySample, LevelCounter

__all__ = ["pack_profile", "restore_profile"]

_GIVEN = {"contract", "as_of", "timezone", "currency", "latest_days", "_lock", "_zone"}
"""Attributes that a new profile has of itself."""


def pack_profile(profile: TableProfile) -> tuple[dict[str, Any], bytes]:
    """Return what was gathered: values that JSON can hold, and the bytes of all arrays one behind the other."""
    arrays = bytearray()
    return {name: _pack(value, arrays) for name, value in _attributes(profile).items()}, bytes(arrays)


def restore_profile(profile: TableProfile, packed: dict[str, Any], arrays: bytes) -> None:
    """Give an empty profile what another one had gathered.

    Parameters
    ----------
    profile : TableProfile
        Of the same contract, zone and currency.
    packed, arrays
        As :func:`pack_profile` returned them.
    """
    for name, value in packed.items():
        setattr(profile, name, _unpack(value, arrays, profile.timezone))


def _attributes(value: object) -> dict[str, Any]:
    names = [field.name for field in fields(value)] if is_dataclass(value) else list(vars(value))
    return {name: getattr(value, name) for name in names if name not in _GIVEN}


def _pack(value: Any, arrays: bytearray) -> Any:
    if isinstance(value, np.ndarray):
        begin = len(arrays)
        arrays += np.ascontiguousarray(value).tobytes()
        return {"array": value.dtype.str, "shape": list(value.shape), "at": begin}
    if isinstance(value, dict):  # pairs, because JSON of ours sorts its keys and has only texts for them
        return {"pairs": [[key, _pack(each, arrays)] for key, each in value.items()]}
    if isinstance(value, list):
        return {"list": [_pack(each, arrays) for each in value]}
    if type(value).__name__ in _PARTS:
        attributes = {name: _pack(each, arrays) for name, each in _attributes(value).items()}
        return {"part": type(value).__name__, "attributes": [[name, each] for name, each in attributes.items()]}
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any, arrays: bytes, timezone: str) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        kind, count = np.dtype(value["array"]), math.prod(value["shape"])
        array = np.frombuffer(arrays, dtype=kind, count=count, offset=value["at"])
        return array.reshape(value["shape"]).copy()
    if "pairs" in value:
        return {key: _unpack(each, arrays, timezone) for key, each in value["pairs"]}
    if "list" in value:
        return [_unpack(each, arrays, timezone) for each in value["list"]]
    part = _PARTS[value["part"]](timezone)
    for name, each in value["attributes"]:
        setattr(part, name, _unpack(each, arrays, timezone))
    return part


_PARTS: dict[str, Callable[[str], Any]] = {
    "DayCounts": DayCounts,
    "FileSeen": lambda _: FileSeen(),
    "HeavySlots": lambda _: HeavySlots(),
    "KeySample": lambda _: KeySample(),
    "LevelCounter": lambda _: LevelCounter.empty(),
    "MonthLevels": lambda _: MonthLevels(),
    "TokenCounter": lambda _: TokenCounter(),
}
"""How an empty one of each kind is made, given the time zone."""
