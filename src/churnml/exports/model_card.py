"""The model card: what a model is for, what it learned from, how good it is, where it ends, and who answers for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from churnml.exports import evaluation_parts as parts
from churnml.exports.evaluation_charts import plot
from churnml.exports.evaluation_figures import cell, label, metric_names
from churnml.exports.markdown import render_markdown
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.wording import LANGUAGES, figure, has_words, words

__all__ = ["CARDS", "card_files", "card_page", "card_view"]

CARDS = {"en": "card.md", "zh": "card.zh.md"}
"""The card as Markdown, by language; ``card.html`` holds every language."""

Facts = Mapping[str, Any]
_CHARTS = ("reliability_latest", "reliability", "value_deciles")
_S21 = ("purpose", "human", "reasons", "price", "objection", "law")


def card_files(facts: Facts, digest: str) -> dict[str, bytes]:
    """Return the files of a card that lie beside the model, by name.

    Parameters
    ----------
    facts : mapping
        The parts of ``model.json``; shown from ``meta`` is what is there.
    digest : str
        Of ``model.json``.
    """
    views = {language: card_view(facts, digest, language) for language in LANGUAGES}
    texts = {name: render_markdown(views[language]) for language, name in CARDS.items()}
    return texts | {"card.html": render_views(list(views.values()))}


def card_page(facts: Facts, digest: str, *, approvals: Sequence[Facts], language: str = "en") -> bytes:
    """Return the card with what the record of promotions says of the model, as one self-contained page.

    Parameters
    ----------
    facts, digest
        As for :func:`card_files`.
    approvals : sequence of mapping
        Lines of the record of promotions that are about this digest, the oldest first.
    language : str, optional
        The language shown first.
    """
    order = [language, *(other for other in LANGUAGES if other != language)]
    return render_views([card_view(facts, digest, each, approvals=approvals) for each in order])


def card_view(facts: Facts, digest: str, language: str, *, approvals: Sequence[Facts] | None = None) -> View:
    """Return the card in one language; without ``approvals`` it says where they stand."""
    meta, kind = facts["meta"], facts["kind"]
    figures = meta.get("figures", {})
    made: dict[str, list[Block]] = {
        "glance": [*_glance(facts, digest, language)],
        "approval": [*_approval(approvals, language)],
        "learned_from": [*_learned_from(meta, kind, language)],
        "quality": [*_quality(figures, language)],
        "calibration": [*_calibration(kind, figures, language)],
        "slices": [*_slices(kind, figures, language)],
        "weights": [*_weights(facts.get("state", {}).get("weights"), meta, language)],
        "left_out": [*_left_out(facts["dropped"], meta.get("forbidden", ()), language)],
        "limits": [*_limits(meta, language)],
        "decisions": [Paragraph(words(f"card.s21_{name}", language)) for name in _S21],
    }
    sections = [Section(words(f"card.{name}", language), blocks) for name, blocks in made.items() if blocks]
    return View(words(f"card.title_{kind}", language), language, sections, words(f"card.answers_{kind}", language))


def _glance(facts: Facts, digest: str, language: str) -> Iterator[Block]:
    meta, whole = facts["meta"], "whole"
    told = {
        "digest": digest[:12],
        "trees": figure(facts["n_rounds"], whole, language),
        "features": figure(len(facts["features"]), whole, language),
        "categories": figure(len(facts["levels"]), whole, language),
        "customers": figure(meta.get("n_customers"), whole, language),
        "snapshots": figure(meta.get("n_snapshots"), whole, language),
        "horizon": figure(meta.get("horizon_days"), "days", language),
        f"mean_{facts['kind']}": figure(
            meta.get("mean_outcome"), "percent" if facts["kind"] == "churn" else "number", language
        ),
    }
    yield Tiles([(words(f"card.fact_{name}", language), value) for name, value in told.items()])


def _approval(approvals: Sequence[Facts] | None, language: str) -> Iterator[Block]:
    if approvals is None:
        yield Paragraph(words("card.approval_elsewhere", language), "note")
        return
    if not any(line.get("approved_by") for line in approvals):
        yield Paragraph(words("card.approval_none", language), "warning")
    if not approvals:
        return
    keys = ("at", "version", "approved_by", "forced", "refusal", "why")
    headers = [words(f"card.col_{key}", language) for key in keys]
    yield Table(
        headers, [[_said(line.get(key), language) for key in keys] for line in approvals], wide=frozenset({4, 5})
    )


def _said(value: object, language: str) -> str:
    if isinstance(value, bool):
        return words(f"yes_no.{'yes' if value else 'no'}", language)
    return figure(value if value != "" else None, "text", language)


def _learned_from(meta: Facts, kind: str, language: str) -> Iterator[Block]:
    rows: list[tuple[str, str]] = []
    window = meta.get("window")
    if window:
        days = {key: date.fromisoformat(str(text)[:10]) for key, text in window.items()}
        rows.append((words("card.fact_window", language), words("card.window", language, **days)))
    if "population" in meta:
        rows.append((words("card.fact_population", language), _told("population", meta["population"], language)))
    if "seed" in meta:
        rows.append((words("card.fact_seed", language), figure(meta["seed"], "text", language)))
    if "learned_horizon_days" in meta and meta["learned_horizon_days"] != meta.get("horizon_days"):
        learned = figure(meta["learned_horizon_days"], "days", language)
        rows.append((words("card.fact_learned_horizon", language), learned))
    if rows:
        yield Table(("", ""), rows, wide=frozenset({1}))
    if meta.get("extension"):
        yield Paragraph(words("card.extension", language, **meta["extension"]))
    if meta.get("agreement"):
        yield Paragraph(words("card.agreement", language, **meta["agreement"]))
    if meta.get("tuning"):
        yield Paragraph(_tuning(meta["tuning"], kind, language))


def _tuning(found: Facts, kind: str, language: str) -> str:
    named = {key: found[key] for key in ("n_trials", "loss_default", "loss_best", "gain", "standard_error")}
    told = words(f"card.tuning_{kind}", language, **named)
    if not found["is_better"]:
        return f"{told} {words('card.tuning_kept', language)}"
    chosen = ", ".join(f"{name} = {value:.4g}" for name, value in sorted(found["parameters"].items()))
    return f"{told} {words('card.tuning_chosen', language, parameters=chosen)}"


def _told(family: str, said: object, language: str) -> str:
    """Return a remark with its figures in words; models of earlier releases hold it as a text."""
    if not isinstance(said, Mapping):
        return str(said)
    return words(f"card.{family}_{said['key']}", language, **{k: v for k, v in said.items() if k != "key"})


def _quality(found: Facts, language: str) -> Iterator[Block]:
    own = found.get("own", {})
    if not own:
        return
    yield Paragraph(words("card.out_of_time" if found["is_out_of_time"] else "card.not_out_of_time", language), "note")
    yield Table(
        headers=[words("evaluation.metric", language), words("card.value", language)],
        rows=[[label("metric", name, language), cell(name, own, language)] for name in metric_names([own])],
        figures=frozenset({1}),
        caption=words("card.quality_caption", language, n=found["n_customers"]),
    )
    rank = found["ranking"]
    rows = [[label("model", name, language), cell(rank, rule, language)] for name, rule in found["rules"].items()]
    if rows:
        headers = [words("card.rule", language), label("metric", rank, language)]
        yield Table(headers, rows, figures=frozenset({1}), caption=words("card.rules_caption", language))


def _calibration(kind: str, found: Facts, language: str) -> Iterator[Block]:
    yield from parts.calibration(kind, found.get("calibration") or {}, language)
    for name in _CHARTS:
        if name in found.get("curves", {}):
            yield from plot(name, found["curves"][name], language)


def _slices(kind: str, found: Facts, language: str) -> Iterator[Block]:
    if found.get("slices"):
        hidden, few = found["hidden_groups"], found["min_group"]
        yield from parts.slices(kind, found["slices"], hidden, found["ranking"], language, few=few)


def _weights(weights: Mapping[str, float] | None, meta: Facts, language: str) -> Iterator[Block]:
    """Say which parts carry weight, found on what, and how far the weights moved between the backtest's dates."""
    if not weights:
        return
    ordered = sorted(weights, key=lambda name: (-weights[name], name))
    comma = parts.SEPARATOR[language]
    used = [
        f"{label('part', n, language)} {figure(weights[n], 'portion', language)}" for n in ordered if weights[n] > 0
    ]
    unused = [label("part", name, language) for name in ordered if weights[name] <= 0]
    yield Paragraph(words("card.weights_line", language, parts=comma.join(used)))
    if unused:
        yield Paragraph(words("card.weights_none", language, parts=comma.join(unused)))
    yield Paragraph(words("card.weights_note", language), "note")
    earlier = [dict(shares) for shares in (meta.get("weights_by_cut_off") or {}).values()]
    if earlier:
        headers = [words(f"card.{key}", language, n=len(earlier)) for key in ("part", "weight", "over_cut_offs")]
        rows = [[label("part", n, language), *_range_of(weights[n], n, earlier, language)] for n in ordered]
        yield Table(headers, rows, figures=frozenset({1, 2}))


def _range_of(weight: float, name: str, earlier: Sequence[Mapping[str, float]], language: str) -> tuple[str, str]:
    seen = [float(shares.get(name, 0.0)) for shares in earlier]
    low, high = (figure(end, "portion", language) for end in (min(seen), max(seen)))
    return figure(weight, "portion", language), f"{low}\N{EN DASH}{high}"


def _left_out(dropped: Mapping[str, str], forbidden: Sequence[str], language: str) -> Iterator[Block]:
    if forbidden:
        listed = parts.SEPARATOR[language].join(forbidden)
        yield Paragraph(words("card.forbidden", language, patterns=listed))
    else:
        yield Paragraph(words("card.forbidden_none", language))
    rows = [
        [name, words(f"card.dropped_{why}", language) if has_words(f"card.dropped_{why}") else why]
        for name, why in sorted(dropped.items())
        if why != "constant"
    ]
    if rows:
        yield Table([words("card.column", language), words("card.reason", language)], rows)


def _limits(meta: Facts, language: str) -> Iterator[Block]:
    for name in ("no_cause", "like_them", "not_alone"):
        yield Paragraph(words(f"card.limit_{name}", language))
    for said in meta.get("limits", ()):
        yield Paragraph(_told("limit", said, language), "warning")
