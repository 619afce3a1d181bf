"""Keyed pseudonyms of customer ids: what stands in the place of an id inside the pipeline."""

from __future__ import annotations

import pyarrow as pa

from churnml.privacy.keys import Key

__all__ = ["WIDTH", "Pseudonyms"]

WIDTH = 32
"""Hexadecimal digits of a pseudonym, 128 bits: that two of ten thousand million share one has a chance of 1e-19."""

_PURPOSE = "customer"


class Pseudonyms:
    """Gives each customer id the same pseudonym in every table and every run with the same key.

    Parameters
    ----------
    key : Key
    """

    def __init__(self, key: Key) -> None:
        self._key = key

    @property
    def key_id(self) -> str:
        """Return the name of the key, which tells nothing about it."""
        return self._key.id

    def of(self, customer: str) -> str:
        """Return the pseudonym of an id as delivered: the begin of its HMAC-SHA-256.

        Examples
        --------
        >>> len(Pseudonyms(Key(bytes(range(32)))).of("C1"))
        32
        """
        return self._key.pseudonym(customer, purpose=_PURPOSE)[:WIDTH]

    def column(self, ids: pa.Array) -> pa.Array:
        """Return the pseudonyms of a column of ids; a missing id stays missing.

        Parameters
        ----------
        ids : Array of string, shape (n,), plain or coded

        Returns
        -------
        Array of string, shape (n,)
        """
        coded = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
        names = [None if one is None else self.of(one) for one in coded.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(coded.indices)

    def sealing_key(self) -> bytes:
        """Return a key of 256 bits for what is kept between runs and could tell of an id."""
        return self._key.digest("kept", purpose="sealing")
