"""Which column is the money, or which two multiplied are; the best one said, the others told."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from churnml.onboarding.columns import Facts
from churnml.onboarding.draft import Choice, Draft, Question
from churnml.onboarding.names import hints, words_of

__all__ = ["currency_of", "give_amount"]

_CODES = re.compile(r"\b(EUR|USD|GBP|CHF|CNY|RMB|JPY|PLN|SEK|NOK|DKK|CAD|AUD|INR|BRL|CZK|HKD|SGD)\b", re.IGNORECASE)
_SIGNS = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "元": "CNY",
    "¥": "CNY",
    "￥": "CNY",
    "円": "JPY",
    "dollar": "USD",
    "euro": "EUR",
    "pound": "GBP",
}
_COUNTRIES = {
    **dict.fromkeys(("united kingdom", "uk", "gb", "great britain", "england"), "GBP"),
    **dict.fromkeys(("usa", "us", "united states", "united states of america"), "USD"),
    **dict.fromkeys(("germany", "de", "deutschland", "france", "fr", "spain", "es", "italy", "it", "at", "nl"), "EUR"),
    **dict.fromkeys(("china", "cn", "中国"), "CNY"),
    **dict.fromkeys(("switzerland", "ch", "schweiz"), "CHF"),
    **dict.fromkeys(("japan", "jp"), "JPY"),
}
"""Most frequent country, in small letters, and its money."""
_CLOSE = 0.5


def give_amount(draft: Draft) -> list[Question]:
    """Choose the amount of an events or spells table, where there is one."""
    columns = [
        f
        for f in draft.source.facts.values()
        if f.kind == "number" and f.name not in draft.used and _varies(f, draft) and _is_money(f, draft)
    ]
    quantity = _quantity(draft)
    price = next((f for f in columns if "unit_price" in f.hints and "net" not in f.hints), None)
    totals = [f for f in columns if f is not price or not quantity]
    if draft.kind == "events" and quantity and price:
        real = [t for t in totals if _is_product(t, quantity, price)]
        if not real and not any(_rank(t) >= 3 for t in totals):
            why = f"{quantity.name} times {price.name}; no column holds the product"
            draft.roles["amount"] = Choice({"multiply": [quantity.name, price.name]}, why)
            return []
        totals = real or totals
    totals.sort(key=lambda f: (-_rank(f), f.missing_share))
    if not totals or (_rank(totals[0]) < 1 and "purchases_table" not in hints(draft.name)):
        return []
    best = totals[0]
    share = _negative(best)
    why = "the money of a row, by its name" + (f"; {share:.1%} are negative: refunds" if share else "")
    draft.roles["amount"] = Choice(best.name, why)
    _give_currency(draft)
    rivals = [f.name for f in totals[1:] if _rank(best) - _rank(f) < _CLOSE]
    if not rivals:
        return []
    text = f"which column of {draft.name} is the money that counts?"
    return [Question(f"histories.tables.{draft.name}.amount", text, (best.name, *rivals[:4]))]


def _varies(facts: Facts, draft: Draft) -> bool:
    """Return whether a column says anything; one price for every contract does."""
    return facts.n_distinct > 1 or draft.kind == "spells"


def _is_money(facts: Facts, draft: Draft) -> bool:
    if ("customer" in facts.hints and "amount" not in facts.hints) or facts.name == draft.column("id"):
        return False
    if "row_key" in facts.hints and "id" in facts.hints and facts.is_whole:
        return False
    has_sign = facts.numerals is not None and bool(facts.numerals.signs)
    return has_sign or bool(facts.hints & {"amount", "unit_price", "net"})


def _rank(facts: Facts) -> float:
    """Return how likely a column is the money that counts."""
    words = facts.name.lower()
    points = 1.0 + 2 * ("amount" in facts.hints and "unit_price" not in facts.hints) + 1.0 * ("net" in facts.hints)
    points += 0.5 * any(part in words for part in ("total", "gesamt", "net", "summe", "总", "实付"))
    points -= 3 * ("discount" in facts.hints) + 1 * ("quantity" in facts.hints)
    points += 0.5 * (not facts.is_whole) - 0.25 * ("gross" in words or "brutto" in words or "arr" in words)
    return points


def _quantity(draft: Draft) -> Facts | None:
    found = (f for f in draft.source.facts.values() if f.kind == "number" and "quantity" in f.hints)
    return next((f for f in found if f.name not in draft.used and not f.hints & {"amount", "unit_price"}), None)


def _numbers(facts: Facts) -> npt.NDArray[np.float64]:
    return np.asarray(facts.values, dtype=np.float64)


def _is_product(total: Facts, quantity: Facts, price: Facts) -> bool:
    if total is price or total is quantity:
        return False
    product, stated = _numbers(quantity) * _numbers(price), _numbers(total)
    there = ~np.isnan(product) & ~np.isnan(stated)
    return bool(there.any() and np.isclose(product[there], stated[there], rtol=0.02, atol=0.02).mean() > 0.8)


def _negative(facts: Facts) -> float:
    values = _numbers(facts)
    return float((values[~np.isnan(values)] < 0).mean())


def _give_currency(draft: Draft) -> None:
    for facts in draft.source.facts.values():
        if "currency" in facts.hints and facts.kind == "text" and facts.share_like("^[A-Z]{3}$") > 0.99:
            draft.roles["currency"] = Choice(facts.name)


def currency_of(drafts: list[Draft], *, chinese: bool, german: bool) -> tuple[Choice, bool]:
    """Return the currency code and whether it stands anywhere: in a column, or in a name."""
    for draft in drafts:
        facts = draft.facts("currency")
        if facts is not None:
            return Choice(facts.levels[0], f"the most frequent of column {facts.name}"), True
    signs = [
        sign
        for d in drafts
        for f in d.source.facts.values()
        if f.numerals is not None and f.numerals.signs
        for sign in f.numerals.signs
    ]
    if signs:
        money = _SIGNS.get(signs[0], signs[0].replace("RMB", "CNY"))
        return Choice(money, "by the sign beside the amounts"), True
    names = [draft.name for draft in drafts] + [name for draft in drafts for name in draft.source.facts]
    for name in names:
        code = _CODES.search(re.sub(r"[_\W]", " ", name))
        if code is not None:
            return Choice(code.group().upper().replace("RMB", "CNY"), "by the name of a column"), True
        sign = next((sign for sign in _SIGNS if sign in name.lower()), None)
        if sign is not None:
            return Choice(_SIGNS[sign], "by the name of a column"), True
    for draft in drafts:
        for name, facts in draft.source.facts.items():
            if facts.kind == "text" and {"country", "land", "国家"} & set(words_of(name)) and facts.levels:
                local = _COUNTRIES.get(facts.levels[0].strip().lower())
                if local is not None:
                    return Choice(local, f"of the most frequent country in {name}: to be confirmed"), False
    guess = "CNY" if chinese else "EUR"
    return Choice(
        guess,
        "stands nowhere in the files: taken from the language of the columns"
        if chinese or german
        else "stands nowhere in the files: to be set",
    ), False
