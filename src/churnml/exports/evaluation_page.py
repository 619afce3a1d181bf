"""The evaluation page: what each model is worth out of time, overall and by cut-off, in two languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real

import pyarrow as pa

from churnml.exports import evaluation_parts as parts
from churnml.exports.evaluation_charts import Columns, by_cutoff, plot
from churnml.exports.evaluation_figures import (
    OWN,
    Figures,
    best,
    cell,
    fact,
    fact_label,
    label,
    metric_names,
    models_of,
)
from churnml.exports.page import Block, Paragraph, Section, Table, Tiles, View, render_views
from churnml.wording import has_words, languages_from, words

__all__ = ["evaluation_page"]

_TASKS = ("churn", "clv")
_HEADLINES = {
    "churn": ("roc_auc", "average_precision", "capture", "lift", "savings", "empc", "empc_share", "ece"),
    "clv": ("normalised_gini", "gini", "spearman", "top_share", "total_ratio", "mae", "interval_coverage"),
}
_MAIN = {"churn": "roc_auc", "clv": "normalised_gini"}
_TOLD = {
    "is_out_of_time",
    "overall",
    "by_cut_off",
    "cutoffs",
    "verdict",
    "against",
    "absent",
    "skipped",
    "ranking",
    "kind",
    "min_group",
}
_VALUE_PLOTS = ("clv", "value")
_RULES_DRAWN = 4
"""More lines than that beside the model's own could not be told apart."""


def evaluation_page(
    metrics: Mapping[str, object], plots: Mapping[str, Columns | pa.Table] | None = None, *, language: str = "en"
) -> bytes:
    """Return the evaluation as one self-contained page in English and Chinese.

    Parameters
    ----------
    metrics : mapping
        ``churn`` and ``clv``, each as from :func:`churnml.evaluation.report.metrics_of`: ``overall`` (model -> measure
        -> number), ``by_cut_off`` (cut-off -> ``models``, or the models themselves; ``cutoffs`` is read too),
        ``against``, ``absent``, ``skipped``; beside them ``verdict`` (text, yes or no, or ``ok``, ``reasons`` and
        ``warnings``). Whatever is absent is left out; single figures are shown as they are.
    plots : mapping of str to Table or columns, optional
        ``reliability``, ``gains``, ``roc``, ``value_deciles``, ... with a column ``model`` where there are several; the
        name may begin with ``churn_`` or ``clv_``.
    language : str, optional
        The language shown first.

    Returns
    -------
    bytes
        UTF-8 HTML.
    """
    columns = {name: p.to_pydict() if isinstance(p, pa.Table) else p for name, p in (plots or {}).items()}
    return render_views([_view(metrics, columns, each) for each in languages_from(language)])


def _view(metrics: Mapping[str, object], plots: Mapping[str, Columns], language: str) -> View:
    sections = [
        section
        for task in _TASKS
        for section in _task(task, _mapping(metrics.get(task)), plots, language)
        if section.blocks
    ]
    loose = [(fact_label(name, language), fact(name, v, language)) for name, v in metrics.items() if _is_plain(v)]
    if loose:
        sections.insert(0, Section(words("evaluation.summary", language), [Tiles(loose)]))
    if sections:
        sections.append(_definitions(metrics, language))
    else:
        sections = [Section("", [Paragraph(words("evaluation.no_figures", language), "note")])]
    title, lead = words("evaluation.title", language), words("evaluation.lead", language)
    return View(title, language, sections, lead)


def _task(task: str, found: Figures, plots: Mapping[str, Columns], language: str) -> Iterator[Section]:
    """Return the sections of one model: what it adds, all figures, calibration, parts of customers, its own parts."""
    cutoffs, main = _cutoffs(found), str(found.get("ranking", _MAIN[task]))
    models = parts.best_first(models_of(found.get("overall")), main)
    shown = list(models)[: 1 + _RULES_DRAWN]
    drawn: dict[str, list[Block]] = {"reliability": [], "": []}
    for name, columns in plots.items():
        if name.startswith(_VALUE_PLOTS) == (task == "clv"):
            own = name.removeprefix(f"{task}_")
            kind = "reliability" if own.startswith(("reliability", "value_deciles")) else ""
            drawn[kind] += plot(own, columns, language, shown=shown)

    def part(key: str, *blocks: Iterable[Block]) -> Section:
        what, name = (words(f"evaluation.{each}", language) for each in (f"short_{task}", key))
        return Section(words("evaluation.about", language, what=what, name=name), [b for each in blocks for b in each])

    over_time = by_cutoff(main, cutoffs, language, shown=shown) if len(cutoffs) > 1 else ()
    comparison: list[Block] = [_comparison(models, language), _note("best_note", language)] if models else []
    told = parts.agreement(found["agreement"], language) if "agreement" in found else ()
    yield Section(words(f"evaluation.{task}", language), list(_first(task, found, models, main, language)))
    yield part("overall", comparison, _history(main, cutoffs, language), _absent(found, language), over_time, drawn[""])
    yield part("kept_word", parts.calibration(task, _mapping(found.get("calibration")), language), drawn["reliability"])
    groups, hidden, few = _sequence(found.get("slices")), _mapping(found.get("hidden_groups")), found.get("min_group")
    yield part("slices", parts.slices(task, groups, hidden, main, language, few=few))
    yield part("reasons_word", parts.reasons(_mapping(found.get("reasons")), language))
    yield part("weights", parts.weights(_mapping(found.get("weights")), language), told)


def _first(task: str, found: Figures, models: Mapping[str, Figures], main: str, language: str) -> Iterator[Block]:
    if isinstance(found.get("is_out_of_time"), bool):
        kind, tone = ("out_of_time", "note") if found["is_out_of_time"] else ("not_out_of_time", "warning")
        yield Paragraph(words(f"evaluation.{kind}", language), tone)
    yield from _verdict(found.get("verdict"), language)
    yield from parts.added(task, models, found, language)
    yield from parts.beside(task, models, _mapping(found.get("against")), main, language)
    if isinstance(found.get("fraction"), Real) and task == "churn":
        yield Paragraph(words("evaluation.capacity_note", language, share=found["fraction"]), "note")
    yield from parts.lead_time(_mapping(found.get("lead_time")), language)
    yield from parts.most_earning(models, language)
    yield from _headline(task, found, models, language)


def _absent(found: Figures, language: str) -> Iterator[Table]:
    absent = {**_mapping(found.get("absent")), **_mapping(found.get("skipped"))}
    if absent:
        rows = [(label("model", name, language), fact(name, why, language)) for name, why in absent.items()]
        yield Table(("", ""), rows, caption=words("evaluation.absent", language))


def _note(key: str, language: str) -> Paragraph:
    return Paragraph(words(f"evaluation.{key}", language), "note")


def _verdict(verdict: object, language: str) -> Iterator[Block]:
    if verdict is None:
        return
    told = _mapping(verdict)
    passed = told.get("ok", told.get("passed")) if told else verdict
    if isinstance(passed, bool):
        text = words("evaluation.verdict_yes" if passed else "evaluation.verdict_no", language)
        line = words("evaluation.verdict_line", language, verdict=text)
        yield Paragraph(line, "good" if passed else "warning")
    elif not told:
        yield Paragraph(words("evaluation.verdict_line", language, verdict=verdict))
    for key, tone in (("reasons", ""), ("warnings", "warning")):
        yield from (Paragraph(_sentence(text, language), tone) for text in _sequence(told.get(key)))
    rest = {key: v for key, v in told.items() if key not in {"ok", "passed", "reasons", "warnings"}}
    if rest:
        yield Table(("", ""), [(fact_label(key, language), fact(key, v, language)) for key, v in rest.items()])


def _sentence(told: object, language: str) -> str:
    """Return a remark of the gate, which comes in every language, or a text as it is."""
    return str(told[language]) if isinstance(told, Mapping) and language in told else str(told)


def _headline(task: str, found: Figures, models: Mapping[str, Figures], language: str) -> Iterator[Tiles]:
    own = next((figures for model, figures in models.items() if model in OWN), {})
    items = [(label("metric", m, language), fact(m, own[m], language)) for m in _HEADLINES[task] if m in own]
    beside = {name: value for name, value in found.items() if name not in _TOLD and _is_plain(value)}
    items += [
        (fact_label(name, language), label("model", v, language) if isinstance(v, str) else fact(name, v, language))
        for name, v in beside.items()
    ]
    if items:
        yield Tiles(items)


def _comparison(models: Mapping[str, Figures], language: str) -> Table:
    """Return a row per measure and a column per model, so that many measures still fit the page."""
    names, figures = metric_names(models.values()), list(models.values())
    return Table(
        headers=[words("evaluation.metric", language), *(label("model", m, language) for m in models)],
        rows=[[label("metric", name, language), *(cell(name, f, language) for f in figures)] for name in names],
        figures=frozenset(range(1, len(models) + 1)),
        bold=frozenset((row, at + 1) for row, name in enumerate(names) for at in best(name, figures)),
        own_columns=frozenset(at + 1 for at, model in enumerate(models) if model in OWN),
        caption=words("evaluation.overall", language),
    )


def _history(metric: str, cutoffs: Mapping[str, Mapping[str, Figures]], language: str) -> Iterator[Table]:
    """Return the main measure of every model by cut-off, and every measure of the model itself."""
    head, caption = words("evaluation.cutoff", language), words("evaluation.cutoffs", language)
    models = list(dict.fromkeys(model for by_model in cutoffs.values() for model in by_model))
    if any(metric in figures for by_model in cutoffs.values() for figures in by_model.values()):
        lines = {date: [by_model.get(m, {}) for m in models] for date, by_model in cutoffs.items()}
        yield Table(
            headers=[head, *(label("model", m, language) for m in models)],
            rows=[[date, *(cell(metric, f, language) for f in line)] for date, line in lines.items()],
            figures=frozenset(range(1, len(models) + 1)),
            bold=frozenset((row, at + 1) for row, line in enumerate(lines.values()) for at in best(metric, line)),
            own_columns=frozenset(at + 1 for at, model in enumerate(models) if model in OWN),
            caption=words("evaluation.about", language, what=caption, name=label("metric", metric, language)),
        )
    own = {date: by_model[m] for date, by_model in cutoffs.items() for m in OWN if m in by_model}
    if names := metric_names(own.values()):
        yield Table(
            headers=[head, *(label("metric", name, language) for name in names)],
            rows=[[date, *(cell(name, figures, language) for name in names)] for date, figures in own.items()],
            figures=frozenset(range(1, len(names) + 1)),
            caption=words("evaluation.about", language, what=caption, name=label("model", OWN[0], language)),
        )


def _definitions(metrics: Mapping[str, object], language: str) -> Section:
    tasks = [_mapping(metrics.get(task)) for task in _TASKS]
    every = [figures for task in tasks for figures in models_of(task.get("overall")).values()]
    every += [figures for task in tasks for by_model in _cutoffs(task).values() for figures in by_model.values()]
    known = [name for name in metric_names(every) if has_words(f"metric_meaning.{name}")]
    rows = [(label("metric", name, language), words(f"metric_meaning.{name}", language)) for name in known]
    headers = (words("evaluation.metric", language), words("evaluation.meaning", language))
    return Section(words("evaluation.definitions", language), [Table(headers, rows)] if rows else [])


def _cutoffs(found: Figures) -> dict[str, dict[str, Figures]]:
    """Return cut-off -> model -> figures, oldest first."""
    listed = _mapping(found.get("by_cut_off")) or _mapping(found.get("cutoffs"))
    return {str(date): models_of(_mapping(value).get("models", value)) for date, value in sorted(listed.items())}


def _mapping(value: object) -> Figures:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [] if value is None else [value]


def _is_plain(value: object) -> bool:
    return isinstance(value, Real | str)
