"""The model card: what a model is for, what it learned from, how good it is and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churnml.wording import figure, has_words, words

__all__ = ["card_of"]

_TITLES = {"churn": "Churn model", "clv": "Customer-lifetime-value model"}
_ANSWERS = {
    "churn": "the probability that a customer churns within the horizon",
    "clv": "a customer's value in the horizon, with an 80 % interval",
}
_LIMITS = (
    "It predicts; it does not say why a customer leaves, nor what an action would change.",
    "It holds for customers like those it learned from; new prices, products and markets are unknown to it.",
    "No decision with legal or similarly significant effect on a person may rest on it alone.",
)


def card_of(facts: Mapping[str, Any], *, record_sha256: str) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    facts : mapping
        The parts of ``model.json``; shown from ``meta``: ``title``, ``data_window``, ``population``,
        ``horizon_days``, ``extension``, ``agreement``, ``tuning``, ``metrics``, ``baselines``, ``weights_by_cut_off``,
        ``limits``, where given; from ``state``: ``weights``.
    record_sha256 : str
        Digest of ``model.json``.
    """
    meta = facts["meta"]
    lines = [
        f"# {meta.get('title', _TITLES[facts['kind']])}",
        "",
        f"Answers: {_ANSWERS[facts['kind']]}.",
        "",
        f"- Model: LightGBM, {facts['n_rounds']} trees, {len(facts['features'])} features"
        f" ({len(facts['levels'])} categorical)",
        f"- Digest: `{record_sha256[:12]}`",
        *(f"- {label}: {_plain(meta[key])}" for key, label in _FACTS.items() if key in meta),
        *_tuning(meta.get("tuning"), kind=facts["kind"]),
        *_weights(facts.get("state", {}).get("weights"), meta),
        *_table("Quality out of time", meta.get("metrics")),
        *_table("Simple rules on the same rows", meta.get("baselines")),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in (*_LIMITS, *meta.get("limits", ()))),
        *_dropped(facts["dropped"]),
    ]
    return "\n".join(lines) + "\n"


_FACTS = {
    "data_window": "Learned from",
    "n_snapshots": "Snapshots",
    "n_customers": "Customers",
    "mean_outcome": "Mean outcome",
    "population": "Population",
    "horizon_days": "Horizon in days",
    "extension": "Carried beyond its labels, checked on shorter horizons (actual over carried total)",
    "agreement": "Agreement with the churn model among customers of like past spend",
}


def _weights(weights: Mapping[str, float] | None, meta: Mapping[str, Any]) -> list[str]:
    """Return which parts carry weight, found on what, and how far the weights moved between the backtest's dates."""
    if not weights:
        return []
    parts = sorted(weights, key=lambda name: (-weights[name], name))
    named = {name: words(f"part.{name}", "en") if has_words(f"part.{name}") else name for name in parts}
    earlier = [dict(shares) for shares in (meta.get("weights_by_cut_off") or {}).values()]
    used = ", ".join(f"{named[name]} {figure(weights[name], 'portion', 'en')}" for name in parts if weights[name] > 0)
    unused = ", ".join(named[name] for name in parts if weights[name] <= 0)
    lines = ["", "## Parts that carry weight", "", f"{used[:1].upper()}{used[1:]}."]
    if unused:
        lines += ["", f"Tried, and left without weight: {unused}."]
    lines += ["", "Weights were found on rows that no part had learned from when it was weighed."]
    if not earlier:
        return lines
    rows = []
    for name in parts:
        seen = [float(shares.get(name, 0.0)) for shares in earlier]
        ends = " to ".join(figure(end, "portion", "en") for end in (min(seen), max(seen)))
        rows.append(f"| {named[name]} | {figure(weights[name], 'portion', 'en')} | {ends} |")
    note = "Where the range is wide, the parts are about as good as each other and chance decides among them."
    return [*lines, "", note, "", f"| part | weight | over {len(earlier)} cut-offs |", "|---|---|---|", *rows]


def _tuning(found: Mapping[str, Any] | None, *, kind: str) -> list[str]:
    """Return what a search for parameters brought, on rows held out of what it learned from."""
    if not found:
        return []
    loss = "log loss" if kind == "churn" else "Tweedie deviance"
    gain = f"{loss} of held-out rows {found['loss_default']:.4f} by default, {found['loss_best']:.4f} by the best trial"
    apart = f"better by {found['gain']:.4f}, standard error {found['standard_error']:.4f}"
    chosen = _plain(found["parameters"]) if found["is_better"] else "the defaults are kept"
    return [f"- Tuned with {found['n_trials']} trials: {gain} ({apart}); {chosen}"]


def _table(title: str, rows: Mapping[str, Any] | None) -> list[str]:
    if not rows:
        return []
    head = ["", f"## {title}", "", "| measure | value |", "|---|---|"]
    return [*head, *(f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items())]


def _dropped(dropped: Mapping[str, str]) -> list[str]:
    shown = [f"- `{name}`: {reason}" for name, reason in sorted(dropped.items()) if reason != "constant"]
    return ["", "## Columns left out", "", *shown] if shown else []


def _plain(value: Any) -> str:
    """Return a value as one line that cannot end a table cell."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return " ".join(str(value).split()).replace("|", "\\|")
