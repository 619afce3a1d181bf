"""Hashed audiences: each platform's one form of a value, its digest, and names that give nothing away."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from importlib import resources

from churnml.errors import PrivacyError
from churnml.exports.crm.people import Unfit, country_code, e164, email_address, plain_text, without_titles
from churnml.storage import digest_bytes

__all__ = ["FORMS", "audience_code", "check_audience_name", "hashed", "in_form"]

_GENDERS = {"m": "m", "male": "m", "man": "m", "男": "m", "f": "f", "female": "f", "woman": "f", "女": "f"}
_DEVICE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_US_ZIP = re.compile(r"\d{5}(-?\d{4})?")
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def in_form(text: str, form: str, country: str) -> str:
    """Bring a value into the one form a platform hashes.

    Parameters
    ----------
    text : str
    form : str
        One of :data:`FORMS`.
    country : str
        The customer's country, two letters; empty = unknown.

    Raises
    ------
    Unfit
        If the value is no such thing.

    Examples
    --------
    >>> in_form("020 7946 0000", "phone_plus", "GB"), in_form("020 7946 0000", "phone_digits", "GB")
    ('+442079460000', '442079460000')
    """
    return FORMS[form](plain_text(text), country)


def hashed(text: str) -> str:
    """Return the SHA-256 of a normalised value as lower-case hex.

    Examples
    --------
    >>> hashed("jane")
    '81f8f6dde88365f3928796ec7aa53f72820b06db8664f5fe76a7eb13e24546a2'
    """
    return digest_bytes(text.encode())


def _email(text: str, country: str) -> str:
    return unicodedata.normalize("NFC", email_address(text).lower())


def _email_no_spaces(text: str, country: str) -> str:
    # Dots in Gmail addresses stay: the platform takes them out itself.
    return _email("".join(text.split()), country)


def _phone_digits(text: str, country: str) -> str:
    return e164(text, country).lstrip("+").lstrip("0")


def _name(text: str, country: str) -> str:
    return unicodedata.normalize("NFC", without_titles(text).lower())


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if unicodedata.category(c)[0] in "LM")


def _state(text: str, country: str) -> str:
    """Return two letters in the US, elsewhere lower case without punctuation and spaces."""
    if country == "US" and not re.fullmatch(r"[A-Za-z]{2}", text):
        raise Unfit("bad_state")
    return _letters(text)


def _zip(text: str, country: str) -> str:
    if country == "US" and not _US_ZIP.fullmatch(text):
        raise Unfit("bad_postcode")
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z -]{0,15}", text):
        raise Unfit("bad_postcode")
    return text


def _zip_short(text: str, country: str) -> str:
    """Return lower case without spaces; in the US the first five digits, in the UK area, district and sector."""
    short = "".join(_zip(text, country).lower().split())
    if country == "GB":
        return short[:-2] if re.fullmatch(r"[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}", short) else short
    return short[:5] if country == "US" else short


def _birth_year(text: str, country: str) -> str:
    try:
        return f"{date.fromisoformat(text[:10]).year:04d}"
    except ValueError as error:
        if re.fullmatch(r"(19|20)\d\d", text):
            return text
        raise Unfit("bad_birth_date") from error


def _gender(text: str, country: str) -> str:
    if text.casefold() not in _GENDERS:
        raise Unfit("bad_gender")
    return _GENDERS[text.casefold()]


def _device(text: str, country: str) -> str:
    if not _DEVICE.fullmatch(text.lower()):
        raise Unfit("bad_device_id")
    return text.lower()


FORMS: Mapping[str, Callable[[str, str], str]] = {
    "email": _email,
    "email_no_spaces": _email_no_spaces,
    "phone_plus": e164,
    "phone_digits": _phone_digits,
    "name": _name,
    "city": lambda text, country: _letters(text),
    "state": _state,
    "zip": _zip,
    "zip_short": _zip_short,
    "country_upper": lambda text, country: country_code(text),
    "country_lower": lambda text, country: country_code(text).lower(),
    "birth_year": _birth_year,
    "gender": _gender,
    "device": _device,
    "text": lambda text, country: text,
}
"""Name of a form -> how a value is brought into it. The same telephone number has two, and so two digests."""


def audience_code(campaign: str, as_of: str) -> str:
    """Return a name that says nothing of the people in it, the same for the same list.

    Examples
    --------
    >>> audience_code("retention", "2024-06-30")
    'batch-7305ee7d'
    """
    return f"batch-{digest_bytes(f'{campaign}|{as_of}'.encode())[:8]}"


def check_audience_name(name: str) -> str:
    """Refuse a name that is no plain one, or that suggests the health or the means of those in it.

    Raises
    ------
    PrivacyError
    """
    text = unicodedata.normalize("NFKC", name)
    found = [word.casefold() for word in _WORD.findall(_CAMEL.sub(" ", text))]
    lists = _name_lists()
    close = "".join(found)
    suggests = (
        any(word in lists["whole"] for word in found)
        or any(word.startswith(tuple(lists["stems"])) for word in found)
        or any(fragment in close for fragment in lists["fragments"])
    )
    if suggests or not re.fullmatch(r"[\w][\w .-]{0,63}", text) or text != text.strip():
        raise PrivacyError(
            "the audience's name suggests the health or the means of the people in it" if suggests
            else "not a plain name of at most 64 letters, digits, spaces, dots and hyphens",
            rule="privacy.audience_name", column="audience",
            next_step="Take a neutral code such as batch-07, or leave the key out.",
        )  # fmt: skip
    return text


@cache
def _name_lists() -> dict[str, tuple[str, ...]]:
    place = resources.files("churnml.exports.crm") / "audience_words.json"
    return {key: tuple(words) for key, words in json.loads(place.read_text(encoding="utf-8")).items()}
