"""What lies on the disk unreadable: rows that wait, by a key never written anywhere; what is kept, by a secret key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["Cipher", "Seal"]

_KEY_BITS = 256
_LENGTH_BYTES, _NONCE_BYTES = 8, 12


class Seal:
    """Encrypts pieces of data by AES-256-GCM; nobody can read them once the process has ended, however it ended.

    Each piece is numbered, so that no nonce is used twice and none can be left out, repeated or exchanged unseen.
    """

    def __init__(self) -> None:
        # Imported here because most runs never spill.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(AESGCM.generate_key(_KEY_BITS))
        self._n_sealed = 0

    def append(self, data: bytes | memoryview, stream: BinaryIO) -> None:
        """Write a piece behind what a stream has."""
        nonce = self._n_sealed.to_bytes(_NONCE_BYTES, "big")
        self._n_sealed += 1
        sealed = self._cipher.encrypt(nonce, data, None)
        stream.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + nonce)
        stream.write(sealed)
        stream.flush()

    def pieces(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield the pieces of a stream as they were given.

        Raises
        ------
        cryptography.exceptions.InvalidTag
            If a piece is not what was written.
        """
        while head := stream.read(_LENGTH_BYTES + _NONCE_BYTES):
            length, nonce = int.from_bytes(head[:_LENGTH_BYTES], "big"), head[_LENGTH_BYTES:]
            yield self._cipher.decrypt(nonce, stream.read(length), None)


class Cipher:
    """Encrypts by AES-256-GCM what stays from run to run.

    Parameters
    ----------
    key : bytes, length 32
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(key)

    def sealed(self, data: bytes) -> bytes:
        """Return data encrypted, under a nonce drawn anew."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, None)

    def opened(self, data: bytes) -> bytes:
        """Return what was given to :meth:`sealed` by a holder of the same key.

        Raises
        ------
        cryptography.exceptions.InvalidTag
            If the data are not what was written.
        """
        return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)
