"""Which column names the customer: by its name, by how it repeats, by what other files share with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Choice, Question, Source
from churnml.onboarding.names import beside, hints, words_of

__all__ = ["choose_ids", "is_id_like", "overlap"]

_MOST_IDS = 100_000
_CLOSE = 0.4
_SURE = 2.5
_SHORT = 3
_LEAST_SHARED = 0.3


def is_id_like(facts: Facts, n_rows: int) -> bool:
    """Return whether cells could name customers: whole numbers or short words, many of them."""
    if facts.kind not in {"text", "number"} or facts.n_distinct < min(10, n_rows):
        return False
    if facts.kind == "number" and not facts.is_whole:
        return False
    return facts.mean_length <= 64 and facts.missing_share < 0.9 and facts.share_like(r"\s\S+\s") < 0.2


def choose_ids(sources: Sequence[Source]) -> tuple[dict[str, Choice], list[Question]]:
    """Return per table the column of the customer's id and the reason, and what could be another one.

    Returns
    -------
    chosen : dict of str to Choice
        Without the tables in which no column names a customer.
    questions : list of Question
    """
    candidates = {s.name: {n: f for n, f in s.facts.items() if is_id_like(f, s.n_rows)} for s in sources}
    scores = {s.name: {n: _score(s, f) for n, f in candidates[s.name].items()} for s in sources}
    for source in sources:
        for name, facts in candidates[source.name].items():
            if scores[source.name][name] > 0:
                scores[source.name][name] += _shared(source, facts, sources, candidates, scores)
    _drop_other_things(sources, candidates, scores)
    is_sure = True
    if not any(score > 0 for own in scores.values() for score in own.values()):
        scores = {s.name: _last_resort(s, candidates[s.name]) for s in sources}
        is_sure = False
    chosen: dict[str, Choice] = {}
    questions: list[Question] = []
    for source in sources:
        ranked = sorted(
            ((score, name) for name, score in scores[source.name].items() if score > 0),
            key=lambda pair: (-pair[0], source.facts[pair[1]].missing_share, pair[1]),
        )
        if not ranked:
            continue
        score, name = ranked[0]
        chosen[source.name] = Choice(name, _why(source, name, sources, candidates))
        others = [other for value, other in ranked[1:] if score - value < _CLOSE]
        if others or not is_sure:
            text = f"which column of {source.name} names the customer?"
            questions.append(Question(f"histories.tables.{source.name}.id", text, (name, *others[:4])))
    return chosen, questions


def _last_resort(source: Source, candidates: Mapping[str, Facts]) -> dict[str, float]:
    """Score columns where no name helps: addresses of e-mail, else what repeats as customers do."""
    emails = {name: 1.0 for name, facts in source.facts.items() if facts.is_email}
    if emails:
        return emails
    scores = {}
    for name, facts in candidates.items():
        is_plain = facts.kind == "text" or (
            facts.values is not None and bool((facts.values.astype(np.float64) >= 0).all())
        )
        is_other = facts.hints - {"id", "customer", "row_key", "customers_table", "purchases_table"}
        if is_plain and not is_other and facts.n_distinct >= 20 and 1.2 <= facts.repeats <= 1000:
            scores[name] = 1.0
    return scores


def _drop_other_things(
    sources: Sequence[Source],
    candidates: Mapping[str, Mapping[str, Facts]],
    scores: Mapping[str, dict[str, float]],
) -> None:
    """Where some table names customers without doubt, another id stands for a customer only if it is one of these."""
    sure = [
        (source, candidates[source.name][name])
        for source in sources
        for name, score in scores[source.name].items()
        if score >= _SURE
    ]
    if not sure:
        return
    for source in sources:
        for name, score in scores[source.name].items():
            if 0 < score < _SURE:
                facts = candidates[source.name][name]
                known = [other for place, other in sure if place is not source]
                if not any(_names_the_same(facts, other) for other in known):
                    scores[source.name][name] = 0.0


def _names_the_same(facts: Facts, other: Facts) -> bool:
    """Return whether two columns name the same things; small numbers are alike by chance, so their names count."""
    if overlap(facts, other) < 0.5 or facts.n_distinct < 0.02 * other.n_distinct:
        return False
    own = set(words_of(facts.name)) - {"id", "ids", "nr", "no", "key", "number", "nummer"}
    return facts.kind == "text" or not own or bool(own & set(words_of(other.name)))


def _score(source: Source, facts: Facts) -> float:
    found, words = facts.hints, words_of(facts.name)
    if ("name" in found and "id" not in found) or facts.is_email or found & {"address", "birth"}:
        return 0.0
    is_unique = facts.repeats < 1.001
    if "customer" in found:
        is_level = facts.n_distinct < 50 and facts.repeats > 20 and source.n_rows > 1000
        is_other = bool(set(words) & {"type", "segment", "group", "status", "level", "last", "editor", "parent", "typ"})
        is_something_of_theirs = "id" not in found and len(beside(facts.name, "customer")) > _SHORT
        if is_something_of_theirs:  # the length of an account, the age of a customer
            return 0.2 if facts.kind == "number" else 1.5
        return 0.2 if is_level or is_other else 3.0 + ("id" in found) * 1.0 - ("row_key" in found) * 0.5
    if "customers_table" in hints(source.name) and is_unique and ("id" in found or words == ["key"]):
        return 2.6 if "row_key" not in found else 1.0
    if ("row_key" in found and "id" in found) or "phone" in found:
        return 0.3
    if "id" in found and not found & {"amount", "quantity", "unit_price", "time"}:
        return 1.0
    if found & {"amount", "quantity", "unit_price", "time", "age_like", "value", "discount", "net"}:
        return 0.0
    # Without any word: codes of letters and figures, or numbers of which every row has its own, may name customers.
    is_coded = facts.kind == "text" and facts.share_like(r"\d") > 0.9
    return 0.5 if is_coded or (facts.kind == "number" and is_unique) else 0.0


def _shared(
    source: Source,
    facts: Facts,
    sources: Sequence[Source],
    candidates: Mapping[str, Mapping[str, Facts]],
    scores: Mapping[str, Mapping[str, float]],
) -> float:
    """Return what it counts that other files know these ids: numbers from 1 to n meet by chance, texts do not."""
    weight = 0.3 if facts.kind == "number" else 0.6
    n_shared = 0
    for other in sources:
        if other is source:
            continue
        near = [f for n, f in candidates[other.name].items() if scores[other.name][n] > 0]
        n_shared += any(overlap(facts, each) >= _LEAST_SHARED for each in near)
    return weight * min(n_shared, 3)


def _why(source: Source, name: str, sources: Sequence[Source], candidates: Mapping[str, Mapping[str, Facts]]) -> str:
    facts = source.facts[name]
    parts = [f"{facts.n_distinct:,} different in {facts.n_there:,} rows"]
    if "customer" in facts.hints:
        parts.insert(0, "its name speaks of customers")
    for other in sources:
        if other is source:
            continue
        best = max((overlap(facts, f) for f in candidates[other.name].values()), default=0.0)
        if best >= _LEAST_SHARED:
            parts.append(f"{best:.0%} are in {other.name}")
    return "; ".join(parts)


def _distinct(facts: Facts) -> pa.Array:
    return pc.drop_null(pc.unique(facts.texts))[:_MOST_IDS]


def overlap(facts: Facts, other: Facts, *, normal: bool = False) -> float:
    """Return the share of the smaller set of ids that the other set has.

    Parameters
    ----------
    facts, other : Facts
    normal : bool, optional
        Compare without case, blanks and leading zeros.
    """
    a, b = _distinct(facts), _distinct(other)
    if normal:
        a, b = _normal(a), _normal(b)
    small, large = (a, b) if len(a) <= len(b) else (b, a)
    return float(pc.mean(pc.is_in(small, value_set=large).cast(pa.float64())).as_py() or 0.0)


def _normal(ids: pa.Array) -> pa.Array:
    plain = [re.sub(r"\.0$", "", text.strip().lower()).lstrip("0") for text in ids.to_pylist()]
    return pa.array(sorted(set(plain)), pa.string())
