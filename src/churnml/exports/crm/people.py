"""What is written of a person: an address, a number, a name; checked, and never mended silently."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from importlib import resources

import phonenumbers
from email_validator import EmailNotValidError, validate_email

__all__ = ["Unfit", "country_code", "e164", "email_address", "plain_text", "split_name", "without_titles"]

_PHONE = re.compile(r"[+\uff0b]?[\d\s().\-/\u2010-\u2015\u00a0]+")
_INDEX = {"first_name": 0, "last_name": 1}


class Unfit(Exception):
    """A value that a target does not take; ``code`` says why, and the value itself is nowhere in it."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def plain_text(text: str) -> str:
    r"""Return a text in Unicode's composed form without blanks around it.

    Raises
    ------
    Unfit
        If it holds a line break or another control character.

    Examples
    --------
    >>> plain_text("  Zoe\u0308 ") == "Zo\u00eb"
    True
    """
    text = unicodedata.normalize("NFC", text).strip()
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"} for character in text):
        raise Unfit("control_character")
    return text


def email_address(text: str) -> str:
    """Return an e-mail address without blanks around it, otherwise as it is written.

    Raises
    ------
    Unfit
        If the syntax is not that of an address at a public domain; whether it exists is not asked.

    Examples
    --------
    >>> email_address(" Jane.Doe@Example.COM ")
    'Jane.Doe@Example.COM'
    """
    text = text.strip()
    try:
        validate_email(text, check_deliverability=False, allow_quoted_local=False, allow_display_name=False)
    except EmailNotValidError as error:
        raise Unfit("bad_email") from error
    return text


def country_code(text: str) -> str:
    """Return a country as its two ISO 3166 letters in capitals.

    Raises
    ------
    Unfit
        If it is written otherwise.
    """
    code = text.strip().upper()
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise Unfit("bad_country")
    return code


def e164(text: str, country: str) -> str:
    """Return a telephone number in international form with its plus sign.

    Parameters
    ----------
    text : str
        As people write it.
    country : str
        Two letters, for a number without its country; empty = unknown.

    Raises
    ------
    Unfit
        If it is no number of that country's possible lengths, or its country is not known.

    Notes
    -----
    Lengths are looked at, not whether a range is in use: ranges come into use faster than any list of them.

    Examples
    --------
    >>> e164("020 7946 0000", "GB"), e164("+49 (30) 23125-123", "")
    ('+442079460000', '+493023125123')
    """
    text = text.strip()
    if not _PHONE.fullmatch(text):
        raise Unfit("bad_phone")
    if not country and text[0] not in "+\uff0b":
        raise Unfit("phone_country_unknown")
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException as error:
        raise Unfit("bad_phone") from error
    # A number without its area is possible, but only within that area.
    length = phonenumbers.is_possible_number_with_reason(number)
    if number.extension or length != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise Unfit("bad_phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def split_name(name: str, part: str) -> str:
    """Return the first or the last name out of a whole one, where there is no doubt.

    Parameters
    ----------
    name : str
        Two words in the order first, last; one word is a last name; Chinese characters in one word begin with it.
    part : str
        ``first_name`` or ``last_name``.

    Raises
    ------
    Unfit
        If there are more than two words.

    Examples
    --------
    >>> split_name("Jane Doe", "last_name"), split_name("Doe", "first_name")
    ('Doe', '')
    """
    words = plain_text(name).split()
    if len(words) > 2:
        raise Unfit("name_not_split")
    if len(words) == 1 and _is_chinese(words[0]):
        surname = 2 if words[0][:2] in _lists()["compound_surnames"] and len(words[0]) > 2 else 1
        words = [words[0][surname:], words[0][:surname]]
    return (["", "", *words])[-2:][_INDEX[part]]


def without_titles(name: str) -> str:
    """Return a name without titles before it and suffixes after it.

    Examples
    --------
    >>> without_titles("Dr. Jane"), without_titles("Doe Jr.")
    ('Jane', 'Doe')
    """
    words = name.split()
    bare = [word.casefold().strip(".,").replace(".", "") for word in words]
    start, end = 0, len(words)
    while end - start > 1 and bare[start] in _lists()["titles"]:
        start += 1
    while end - start > 1 and bare[end - 1] in _lists()["suffixes"]:
        end -= 1
    return " ".join(words[start:end]).strip(" ,")


def _is_chinese(word: str) -> bool:
    return 2 <= len(word) <= 4 and all("\u4e00" <= character <= "\u9fff" for character in word)


@cache
def _lists() -> dict[str, frozenset[str]]:
    place = resources.files("churnml.exports.crm") / "words.json"
    return {name: frozenset(words) for name, words in json.loads(place.read_text(encoding="utf-8")).items()}
