"""The customers table: invented names, reserved domains and telephone ranges, consent per channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from churnml.simulation.clock import Floats, Ints
from churnml.simulation.columns import instants, numbered, numbers, strings, text
from churnml.simulation.mechanism import SEGMENTS, Mechanism
from churnml.simulation.people import ACQUISITION_CHANNELS, CONSENT_CHANNELS, CONSENTS, COUNTRIES, People

__all__ = ["customers_table"]

GIVEN = ("Ada", "Ben", "Clara", "Dan", "Eva", "Finn", "Greta", "Hugo", "Ida", "Jon", "Lena", "Max", "Nora", "Otto")
FAMILY = ("Ashdown", "Birkley", "Corwell", "Dunmore", "Elsworth", "Farrow", "Grovesend", "Hartwick", "Ilmere")
GIVEN_ZH = (("伟", "Wei"), ("芳", "Fang"), ("娜", "Na"), ("敏", "Min"), ("静", "Jing"), ("磊", "Lei"))
FAMILY_ZH = (("王", "Wang"), ("李", "Li"), ("张", "Zhang"), ("刘", "Liu"), ("陈", "Chen"), ("杨", "Yang"))
OWNERS = ("A. Marlow", "B. Quill", "C. Rowan", "D. Sorrel", "E. Tansy", "F. Yarrow")
DOMAINS = ("@example.com", "@example.org")
PHONES = ("+44 7700 900", "+1 202 555 01", "+49 30 23125 ", "+44 7700 900")
"""Per country: ranges kept free for fiction by Ofcom, NANPA and the Bundesnetzagentur; none is known for China."""
PHONE_DIGITS = np.array([3, 2, 3, 3])

Flags = npt.NDArray[np.bool_]

_P_NO_EMAIL = 0.03
_P_NO_PHONE = 0.08
_P_CHINESE_ABROAD = 0.03


def _joined(*parts: pa.Array | str) -> pa.Array:
    columns = [strings([part])[0] if isinstance(part, str) else part for part in (*parts, "")]
    return pc.binary_join_element_wise(*columns)


def _flags(values: Flags) -> pa.Array:
    return numbers(values.astype(np.int8)).cast(pa.bool_())


def _names(rng: np.random.Generator, is_zh: Flags) -> tuple[pa.Array, pa.Array]:
    """Return names as written, and in letters for the mail address."""
    n = len(is_zh)
    given, family = rng.integers(0, len(GIVEN), n), rng.integers(0, len(FAMILY), n)
    given_zh, family_zh = given % len(GIVEN_ZH), family % len(FAMILY_ZH)
    latin = _joined(text(given, GIVEN), " ", text(family, FAMILY))
    chinese = _joined(text(family_zh, [f[0] for f in FAMILY_ZH]), text(given_zh, [g[0] for g in GIVEN_ZH]))
    pinyin = _joined(text(given_zh, [g[1] for g in GIVEN_ZH]), " ", text(family_zh, [f[1] for f in FAMILY_ZH]))
    return pc.if_else(_flags(is_zh), chinese, latin), pc.if_else(_flags(is_zh), pinyin, latin)


def _emails(rng: np.random.Generator, letters: pa.Array, ids: pa.Array) -> pa.Array:
    local = pc.replace_substring(pc.ascii_lower(letters), " ", ".")
    domain = text(rng.integers(0, len(DOMAINS), len(ids)), DOMAINS)
    emails = _joined(local, ".", pc.utf8_slice_codeunits(ids, 1), domain)
    return _with_gaps(rng, emails, p=_P_NO_EMAIL)


def _phones(rng: np.random.Generator, country: Ints) -> pa.Array:
    drawn = np.floor(rng.random(len(country)) * 10.0 ** PHONE_DIGITS[country]).astype(np.int64)
    digits = numbered("", drawn, n_digits=3)
    short = numbered("", drawn, n_digits=2)
    number = pc.if_else(_flags(PHONE_DIGITS[country] == 2), short, digits)
    return _with_gaps(rng, _joined(text(country, PHONES), number), p=_P_NO_PHONE)


def _with_gaps(rng: np.random.Generator, column: pa.Array, *, p: float) -> pa.Array:
    rows = np.arange(len(column))
    return text(np.where(rng.random(len(column)) < p, -1, rows), column)


def _languages(rng: np.random.Generator, country: Ints) -> Flags:
    share: Floats = np.where(country == COUNTRIES.index("CN"), 0.9, _P_CHINESE_ABROAD)
    return rng.random(len(country)) < share


def customers_table(rng: np.random.Generator, people: People, *, ids: pa.Array, mechanism: Mechanism) -> pa.Table:
    """Return one row per customer, as known on joining: nothing in it depends on what came after."""
    is_zh = _languages(rng, people.country)
    names, letters = _names(rng, is_zh)
    consents = {
        f"consent_{channel}": text(codes, CONSENTS)
        for channel, codes in zip(CONSENT_CHANNELS, people.consent, strict=True)
    }
    return pa.table(
        {
            "customer_id": ids,
            "joined_on": instants(people.joined_us),
            "country": text(people.country, COUNTRIES),
            "segment": text(people.segment, SEGMENTS),
            "acquisition_channel": text(people.channel, ACQUISITION_CHANNELS),
            "age": numbers(people.age, missing=rng.random(len(people)) < mechanism.p_age_missing),
            "name": names,
            "email": _emails(rng, letters, ids),
            "phone": _phones(rng, people.country),
            "language": text(is_zh.astype(np.int64), ("en", "zh")),
            "owner": text(rng.integers(0, len(OWNERS), len(people)), OWNERS),
            **consents,
        }
    )
