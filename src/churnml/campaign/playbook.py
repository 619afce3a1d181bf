"""The playbook: which actions fit which cause, value tier and segment, as a table that a manager reads and edits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.errors import ConfigError, did_you_mean

__all__ = ["COLUMNS", "NONE", "REQUIRED", "TIERS", "UNKNOWN_CAUSE", "Playbook", "PlaybookRow", "make_playbook"]

REQUIRED = ("cause", "action")
COLUMNS = (*REQUIRED, "value_tier", "segment", "priority", "words_en", "words_zh")
"""Columns of a playbook; those that are left out hold for everybody."""

NONE = "none"
"""Action of a case in which nothing is to be done."""

UNKNOWN_CAUSE = "unknown"
"""Cause of customers whose risk has none that can be named."""

TIERS = ("A", "B", "C")

_ANY = "*"
_OR = "|"
_LATEST = 9

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PlaybookRow:
    """One row as written: its line and its texts by column."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Case:
    line: int
    actions: tuple[str, ...]
    priority: int
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Playbook:
    """What to do in each case.

    The row that names a case most precisely counts: one that names the cause before one that does not, then the value
    tier, then the segment. So the order of the rows means nothing, and the table may be sorted in any way.

    Parameters
    ----------
    cases : mapping
        (cause, value tier, segment), each a name or ``*``, -> what its row says.
    file : str
        For messages.
    """

    cases: Mapping[tuple[str, str, str], _Case]
    file: str

    def find(self, cause: str | None, tier: str | None, segment: str | None) -> _Case | None:
        """Return what counts for a customer; None where no row fits, which only an unknown cause can meet."""
        named = (cause or UNKNOWN_CAUSE, tier or TIERS[-1], segment)
        for is_named in product((True, False), repeat=3):
            key = tuple(n if said and n else _ANY for n, said in zip(named, is_named, strict=True))
            if (case := self.cases.get((key[0], key[1], key[2]))) is not None:
                return case
        return None

    def apply(
        self, cause: pa.Array, tier: pa.Array, segment: pa.Array, *, actions: Sequence[str]
    ) -> tuple[Bools, npt.NDArray[np.int64], dict[str, pa.Array]]:
        """Return what is allowed for each customer.

        Parameters
        ----------
        cause, tier, segment : Array of string, shape (n_customers,)
        actions : sequence of str
            Names of the campaign's actions.

        Returns
        -------
        allowed : ndarray of bool, shape (n_customers, n_actions)
        priority : ndarray of int, shape (n_customers,)
            1 = first; 9 where none is given.
        labels : dict
            Language -> words for the action where the row gives them, else null.
        """
        cases = pa.table({"cause": cause, "tier": tier, "segment": segment})
        texts = [pc.fill_null(cases[name], "") for name in cases.column_names]
        keys = pc.binary_join_element_wise(*texts, "\x1f")
        distinct = pc.unique(keys)
        places = pc.index_in(keys, value_set=distinct).to_numpy()
        found = [self.find(*(part or None for part in key.split("\x1f"))) for key in distinct.to_pylist()]
        allowed = np.array([[c is not None and a in c.actions for a in actions] for c in found], dtype=bool)
        priority = np.array([c.priority if c else _LATEST for c in found], dtype=np.int64)
        labels = {
            language: pa.array([c.label.get(language) if c else None for c in found], pa.string()).take(places)
            for language in ("en", "zh")
        }
        return allowed.reshape(len(found), len(actions))[places], priority[places], labels

    def check_segments(self, levels: Sequence[str]) -> None:
        """Refuse a segment that no customer has ever had.

        Raises
        ------
        ConfigError
            Naming line and the nearest level.
        """
        for (_, _, segment), case in sorted(self.cases.items(), key=lambda item: item[1].line):
            if segment != _ANY and segment not in levels:
                near = did_you_mean(segment, levels) or f"There are: {', '.join(sorted(levels)[:20])}."
                raise _refused("no customer is of this segment", self.file, case.line, "segment", near)


def make_playbook(
    rows: Sequence[PlaybookRow], *, file: str, actions: Sequence[str], causes: Sequence[str], has_segment: bool
) -> Playbook:
    """Check the rows of a playbook and put them in order.

    Parameters
    ----------
    rows : sequence of PlaybookRow
        Cells by name of column; ``*`` or an empty cell is any, and ``|`` stands between several names.
    file : str
        For messages.
    actions : sequence of str
        Names of the campaign's actions.
    causes : sequence of str
        All causes there are; each must have an action, or ``none``.
    has_segment : bool
        Whether the campaign tells segments apart.

    Raises
    ------
    ConfigError
        If a cause has no action for some customers, a name is unknown, two rows say the same case, or a cell cannot be
        read.

    Examples
    --------
    >>> rows = [PlaybookRow(2, {"cause": "*", "action": "email"}), PlaybookRow(3, {"cause": "price", "action": "call"})]
    >>> made = make_playbook(rows, file="p.csv", actions=["call", "email"], causes=["price"], has_segment=False)
    >>> made.find("price", "A", None).actions, made.find("silence", "A", None).actions
    (('call',), ('email',))
    """
    known = {
        "cause": [*causes, UNKNOWN_CAUSE],
        "value_tier": list(TIERS),
        "action": [*actions, NONE],
    }
    cases: dict[tuple[str, str, str], _Case] = {}
    for row in rows:
        case = _case(row, known["action"], file)
        for key in _keys(row, known, has_segment, file):
            if (first := cases.get(key)) is not None:
                words = f"says a case that line {first.line} says already"
                raise _refused(words, file, row.line, None, "Keep one of the two rows.")
            cases[key] = case
    found = Playbook(cases, file)
    _check_complete(found, causes)
    return found


def _case(row: PlaybookRow, known: Sequence[str], file: str) -> _Case:
    actions = _names(row, "action", known, file)
    if not actions or (NONE in actions and len(actions) > 1):
        words = "has no action" if not actions else f"says {NONE} and an action"
        raise _refused(words, file, row.line, "action", f"Name an action, several with {_OR}, or {NONE}.")
    written = row.cells.get("priority", "").strip()
    if written and not (written.isascii() and written.isdigit() and 1 <= int(written) <= _LATEST):
        raise _refused("is no whole number from 1 to 9", file, row.line, "priority", "1 is first.")
    label = {language: text for language in ("en", "zh") if (text := row.cells.get(f"words_{language}", "").strip())}
    if label and len(actions) > 1:
        words = "has words, which would have to fit several actions"
        raise _refused(words, file, row.line, "action", "Name one action, or leave the words to the campaign.")
    for language, text in label.items():
        if len(text) > 200 or not text.isprintable():
            raise _refused("is longer than 200 characters or not printable", file, row.line, f"words_{language}", None)
    return _Case(row.line, actions, int(written) if written else _LATEST, label)


def _keys(
    row: PlaybookRow, known: Mapping[str, Sequence[str]], has_segment: bool, file: str
) -> Iterator[tuple[str, str, str]]:
    segments = _names(row, "segment", None, file) or (_ANY,)
    if not has_segment and segments != (_ANY,):
        next_step = "Name the category of the customers table in campaign.segment."
        raise _refused("the campaign tells no segments apart", file, row.line, "segment", next_step)
    causes, tiers = (_names(row, name, known[name], file) or (_ANY,) for name in ("cause", "value_tier"))
    yield from product(causes, tiers, segments)


def _names(row: PlaybookRow, column: str, known: Sequence[str] | None, file: str) -> tuple[str, ...]:
    """Return the names in a cell; none where it is empty or ``*``."""
    names = [name.strip() for name in row.cells.get(column, "").split(_OR) if name.strip()]
    if column != "action" and names in ([], [_ANY]):
        return ()
    for name in names:
        if known is not None and name not in known:
            near = did_you_mean(name, known) or f"There are: {', '.join(known)}."
            raise _refused(f"no such {column.replace('_', ' ')}", file, row.line, column, near)
        if name == _ANY:
            raise _refused("names * beside others", file, row.line, column, "* alone stands for all.")
    return tuple(dict.fromkeys(names))


def _check_complete(found: Playbook, causes: Sequence[str]) -> None:
    """Refuse a playbook that leaves a case open."""
    segments = [None, *sorted({segment for _, _, segment in found.cases} - {_ANY})]
    for cause, tier, segment in product(causes, TIERS, segments):
        if found.find(cause, tier, segment) is None:
            where = f" for value tier {tier}" + (" in segments it does not name" if segment is None else "")
            is_absent = not any(key[0] in {cause, _ANY} for key in found.cases)
            raise ConfigError(
                f"cause {cause} has no action" + ("" if is_absent else where),
                rule="config.playbook",
                file=found.file,
                next_step=f"Add a row for it; action {NONE} where nothing is to be done.",
            )


def _refused(problem: str, file: str, line: int, column: str | None, next_step: str | None) -> ConfigError:
    return ConfigError(problem, rule="config.playbook", file=file, line=line, column=column, next_step=next_step)
