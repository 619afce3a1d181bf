"""Names of months that ``strptime`` does not read, so that no locale of a machine decides what a file says."""

from __future__ import annotations

import re
from datetime import datetime

__all__ = ["read_time"]

_ENGLISH = "January February March April May June July August September October November December".split()  # noqa: SIM905
_NAMES = (
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jan feb mär apr mai jun jul aug sep okt nov dez",
    "jänner feber mrz april mai juni juli august sept oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan fev mar abr mai jun jul ago set out nov dez",
)
_MONTH_OF = {name: month for names in _NAMES for month, name in enumerate(names.split())}
_WORD = re.compile(r"[^\W\d_]+\.?")


def read_time(value: str, time_format: str) -> datetime:
    """Read a time by a ``strptime`` format; months may be named in German, French, Spanish, Italian, Dutch, Portuguese.

    Parameters
    ----------
    value : str
    time_format : str

    Returns
    -------
    datetime
        Without a zone, unless the format has one.

    Raises
    ------
    ValueError
        If the text is not written so.

    Examples
    --------
    >>> read_time("3. M\u00e4rz 2024", "%d. %B %Y").isoformat(), read_time("31-Okt-2023", "%d-%b-%Y").isoformat()
    ('2024-03-03T00:00:00', '2023-10-31T00:00:00')
    """
    try:
        return datetime.strptime(value, time_format)  # noqa: DTZ007 - a zone is added by the caller
    except ValueError:
        if "%b" not in time_format and "%B" not in time_format:
            raise
    length = 3 if "%b" in time_format else None
    english = _WORD.sub(lambda found: _in_english(found.group(), length), value)
    return datetime.strptime(english, time_format)  # noqa: DTZ007


def _in_english(word: str, length: int | None) -> str:
    month = _MONTH_OF.get(word.rstrip(".").lower())
    return word if month is None else _ENGLISH[month][:length]
