from __future__ import annotations

import io

import pytest
from cryptography.exceptions import InvalidTag

from churnml.histories.sealing import Seal


def sealed(seal: Seal, *pieces: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    for piece in pieces:
        seal.append(piece, stream)
    stream.seek(0)
    return stream


def test_pieces_come_back_as_they_were_given() -> None:
    seal = Seal()
    assert list(seal.pieces(sealed(seal, b"one", b"", b"three"))) == [b"one", b"", b"three"]


def test_equal_pieces_do_not_look_equal() -> None:
    data = sealed(Seal(), b"zoe@example.org", b"zoe@example.org").getvalue()
    assert b"zoe" not in data
    assert data[: len(data) // 2][20:] != data[len(data) // 2 :][20:]


@pytest.mark.parametrize("place", [8, 25, -1])
def test_a_changed_bit_is_seen(place: int) -> None:
    seal = Seal()
    data = bytearray(sealed(seal, b"rows").getvalue())
    data[place] ^= 1
    with pytest.raises(InvalidTag):
        list(seal.pieces(io.BytesIO(data)))


def test_another_process_has_another_key() -> None:
    with pytest.raises(InvalidTag):
        list(Seal().pieces(sealed(Seal(), b"rows")))
