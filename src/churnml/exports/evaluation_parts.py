"""Pieces of the evaluation page beside the comparison: what is added, calibration, slices, weights, agreement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from churnml.exports.evaluation_figures import OWN, Figures, cell, fact, label, number
from churnml.exports.page import Paragraph, Table
from churnml.wording import MISSING, figure, has_words, words

__all__ = [
    "added",
    "agreement",
    "beside",
    "best_first",
    "calibration",
    "lead_time",
    "most_earning",
    "reasons",
    "slice_by",
    "slice_group",
    "slices",
    "weights",
]

_BESIDE = {
    "churn": ("capture", "profit_per_contact", "log_loss"),
    "clv": ("top_share", "mean_absolute_error", "total_ratio"),
}
_WINDOW = (
    *("n_rows", "predicted_mean", "actual_mean", "total_ratio"),
    *("slope", "intercept", "ece", "ece_noise"),
)
SEPARATOR = {"en": ", ", "zh": "\N{IDEOGRAPHIC COMMA}"}


def best_first(models: Mapping[str, Figures], metric: str) -> dict[str, Figures]:
    """Return the model itself, then the rules from best to worst by one measure, last those without it."""

    def place(name: str) -> tuple[bool, bool, float]:
        value = number(models[name].get(metric))
        return name not in OWN, math.isnan(value), 0.0 if math.isnan(value) else -value

    return {name: models[name] for name in sorted(models, key=place)}


def added(task: str, models: Mapping[str, Figures], found: Figures, language: str) -> Iterator[Paragraph]:
    """Say in a sentence or two what the model adds to the best simple rule."""
    own, rule = _own(models), str(found.get("best_rule"))
    best = models.get(rule, {})
    named = {"rule": label("model", rule, language)}
    if task == "churn" and _has("capture", own, best):
        shares = {name: 100 * number(f["capture"]) for name, f in (("own", own), ("best", best))}
        yield Paragraph(
            words("evaluation.adds_churn", language, share=found.get("fraction"), **shares, **named),
            _tone("capture", own, best),
        )
    if task == "churn" and _has("profit_per_contact", own, best):
        money = {"own": own["profit_per_contact"], "best": best["profit_per_contact"]}
        yield Paragraph(words("evaluation.adds_money", language, **money))
    elif task == "churn" and _has("capture", own, best):
        yield Paragraph(words("evaluation.no_value", language), "note")
    if task == "clv" and _has("top_share", own, best) and _has("mean_absolute_error", own, best):
        told = {"own": own["top_share"], "best": best["top_share"]}
        told |= {"error": own["mean_absolute_error"], "best_error": best["mean_absolute_error"]}
        yield Paragraph(words("evaluation.adds_clv", language, **told, **named), _tone("top_share", own, best))


def beside(task: str, models: Mapping[str, Figures], against: Figures, metric: str, language: str) -> Iterator[Table]:
    """Return the model and every rule, best first: main measure, how far the model lies above, what a list is worth."""
    gaps = {name: gap for name, gap in against.items() if isinstance(gap, Mapping)}
    if not gaps:
        return
    further = [key for key in _BESIDE[task] if any(key in figures for figures in models.values())]
    names = list(dict.fromkeys([*best_first(models, metric), *gaps]))
    rows = [
        [
            label("model", name, language),
            cell(metric, models.get(name, {}), language),
            *_gap(gaps.get(name), language),
            *(fact(key, models.get(name, {}).get(key), language) for key in further),
        ]
        for name in names
    ]
    yield Table(
        headers=[
            words("evaluation.model", language),
            label("metric", metric, language),
            words("evaluation.difference", language),
            words("evaluation.who_wins", language),
            *(label("metric", key, language) for key in further),
        ],
        rows=rows,
        figures=frozenset({1, 2, *range(4, 4 + len(further))}),
        caption=words("evaluation.beside", language),
    )


def _gap(gap: Figures | None, language: str) -> tuple[str, str]:
    if gap is None or gap.get("difference") is None:
        return MISSING, MISSING
    low, high = number(gap.get("low")), number(gap.get("high"))
    kind = "surely_better" if low > 0 else "surely_worse" if high < 0 else "cannot_tell"
    return _ranged(gap["difference"], low, high, "score", language), words(f"evaluation.{kind}", language)


def calibration(task: str, found: Figures, language: str) -> Iterator[Table]:
    """Return predicted against actual on the newest known window, with the range that chance explains."""
    names = [name for name in _WINDOW if found.get(name) is not None]
    if not names:
        return
    cut_off = found.get("cut_off")
    title = words("evaluation.calibration", language, cut_off=cut_off) if cut_off else None
    rows = []
    for name in names:
        low, high = (number(found.get(f"{name}{end}")) for end in ("_low", "_high"))
        spread = (
            "" if math.isnan(low) else f"{figure(low, 'score', language)}\N{EN DASH}{figure(high, 'score', language)}"
        )
        rows.append((label("window", name, language), figure(found[name], _kind(task, name), language), spread))
    yield Table(
        headers=("", words("evaluation.figure", language), words("evaluation.range", language)),
        rows=rows,
        figures=frozenset({1, 2}),
        caption=title or words("evaluation.calibration_all", language),
    )


def _kind(task: str, name: str) -> str:
    if name == "n_rows":
        return "whole"
    return "number" if task == "clv" and name.endswith("_mean") else "score"


def slices(
    task: str, found: Sequence[object], hidden: Figures, metric: str, language: str, *, few: object = None
) -> Iterator[Table | Paragraph]:
    """Return the same figures for parts of the customers; who are too few are named and not judged."""
    parts = [part for part in found if isinstance(part, Mapping)]
    if not parts:
        return
    rows: list[list[str]] = []
    bold: set[tuple[int, int]] = set()
    last = ""
    for part in parts:
        by = str(part["by"])
        if by != last:
            # What customers are parted by heads its groups: a column of its own would push the figures off a phone.
            bold.add((len(rows), 0))
            rows.append([slice_by(by, language), "", "", "", ""])
        rows.append(_slice(task, part, metric, language))
        last = by
    keys = ("slice_group", "n_customers", f"rate_{task}")
    yield Table(
        headers=[
            *(words(f"evaluation.{key}", language) for key in keys),
            *(label("metric", name, language) for name in (metric, "total_ratio")),
        ],
        rows=rows,
        figures=frozenset({1, 2, 3, 4}),
        bold=frozenset(bold),
    )
    if few is not None:
        yield Paragraph(words("evaluation.slices_note", language, few=few), "note")
    if hidden:
        named = [(slice_by(by, language), n) for by, n in hidden.items()]
        told = SEPARATOR[language].join(words("evaluation.hidden_of", language, count=n, by=by) for by, n in named)
        yield Paragraph(words("evaluation.hidden_groups", language, text=told), "note")


def _slice(task: str, part: Figures, metric: str, language: str) -> list[str]:
    rate = figure(part.get("mean_outcome"), "percent" if task == "churn" else "number", language)
    known = [
        slice_group(str(part["by"]), str(part["group"]), language),
        figure(part.get("n_customers"), "whole", language),
        rate,
    ]
    if not part.get("is_enough"):
        return [*known, words("evaluation.too_few", language), ""]
    return [*known, cell(metric, part, language), cell("total_ratio", part, language)]


def slice_by(by: str, language: str) -> str:
    """Return what customers are parted by, in words."""
    return label("slice", by, language) if has_words(f"slice.{by}") else by.replace("_", " ")


def slice_group(by: str, name: str, language: str) -> str:
    """Return one part of the customers, in words; a category's value stays as it is."""
    own = label("slice", f"{by}.{name}", language)
    return own if own != f"{by}.{name}" else label("slice", name, language) if name in {"others", "unknown"} else name


def weights(found: Figures, language: str) -> Iterator[Table | Paragraph]:
    """Return which parts the model is made of, by cut-off, the weightiest first."""
    by_cutoff = {str(date): shares for date, shares in found.items() if isinstance(shares, Mapping)}
    if not by_cutoff:
        return
    names = list(dict.fromkeys(str(name) for shares in by_cutoff.values() for name in shares))
    each = {name: [number(shares.get(name, 0.0)) for shares in by_cutoff.values()] for name in names}
    means = {name: sum(values) / len(values) for name, values in each.items()}
    ordered = sorted(names, key=lambda name: (-means[name], name))
    told = SEPARATOR[language].join(
        f"{label('part', n, language)} {figure(means[n], 'portion', language)}" for n in ordered[:3]
    )
    yield Paragraph(words("evaluation.weights_line", language, n=len(by_cutoff), text=told))
    yield Table(
        headers=[words("evaluation.part", language), words("evaluation.mean", language), *by_cutoff],
        rows=[
            [label("part", n, language), *(figure(v, "percent", language) for v in (means[n], *each[n]))]
            for n in ordered
        ],
        figures=frozenset(range(1, 2 + len(by_cutoff))),
    )
    yield Paragraph(words("evaluation.weights_note", language), "note")


def agreement(found: object, language: str) -> Iterator[Paragraph]:
    """Say how often churn and value contradict each other, or that it could not be told."""
    if isinstance(found, Mapping):
        told = {"share": found.get("contradictions"), "n": found.get("n_rows")}
        yield Paragraph(words("evaluation.agreement", language, **told))
    else:
        yield Paragraph(words("evaluation.agreement_absent", language), "note")


def reasons(found: Figures, language: str) -> Iterator[Paragraph]:
    """Say whether the reasons carry the risk, and whether they last from one training to the next."""
    ranges = {
        "share": ("beats_other", "portion"),
        "drop": ("drop", "percent"),
        "other": ("drop_other", "percent"),
        "first": ("is_first_kept", "portion"),
        "kept": ("kept", "portion"),
    }
    told: dict[str, object] = {"n": found.get("n_customers")}
    for name, (key, kind) in ranges.items():
        value, low, high = (found.get(f"{key}{end}") for end in ("", "_low", "_high"))
        if isinstance(low, float) and isinstance(high, float):
            told[name] = _ranged(value, low, high, kind, language).replace("\n", " ")
    for key, needed in (("reasons_faithful", ("share", "drop", "other")), ("reasons_stable", ("first", "kept"))):
        if all(name in told for name in needed):
            yield Paragraph(words(f"evaluation.{key}", language, **told))
    if len(told) > 1:
        yield Paragraph(words("evaluation.reasons_note", language), "note")


def lead_time(found: Figures, language: str) -> Iterator[Paragraph]:
    """Say how many of those who left had been listed, at the shortest and at the longest lead."""
    own = next((found[name] for name in OWN if isinstance(found.get(name), Mapping)), None)
    if not isinstance(own, Mapping):
        return
    leads = list(zip(own["lead_days"], own["fraction_listed"], strict=True))
    for days, share in dict.fromkeys((leads[0], leads[-1])):
        yield Paragraph(words("evaluation.lead_line", language, n=own["n_churners"], share=share, days=days))


def most_earning(models: Mapping[str, Figures], language: str) -> Iterator[Paragraph]:
    """Say how many to contact for the expected maximum profit, by the model's own ranking."""
    own = _own(models)
    if _has("empc_share", own) and _has("empc", own):
        share = number(own["empc_share"])
        key = "most_earning" if share > 0 else "most_earning_nobody"
        yield Paragraph(words(f"evaluation.{key}", language, share=share, earned=own["empc"]))


def _ranged(value: object, low: float, high: float, kind: str, language: str) -> str:
    ends = f"{figure(low, kind, language)}\N{EN DASH}{figure(high, kind, language)}"
    return f"{figure(value, kind, language)}\n({ends})"


def _own(models: Mapping[str, Figures]) -> Figures:
    return next((figures for model, figures in models.items() if model in OWN), {})


def _tone(name: str, own: Figures, best: Figures) -> str:
    return "good" if number(own[name]) > number(best[name]) else ""


def _has(name: str, *figures: Figures) -> bool:
    return all(number(each.get(name)) == number(each.get(name)) for each in figures)
