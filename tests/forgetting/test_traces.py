from __future__ import annotations

import pytest
from forgetting_project import EMAIL, ID, NAME, OTHER, PHONE, WHO
from hypothesis import given
from hypothesis import strategies as st

from churnml.exports.crm.audiences import hashed
from churnml.forgetting.traces import Traces, is_telling, traces_of

SIGNS = 'ab0.-王 "&'
FORMS = [ID, EMAIL, NAME, PHONE, "+12025550163", "12025550163", hashed(EMAIL), hashed("+12025550163")]


@pytest.mark.parametrize("word", FORMS)
def test_every_form_of_a_person_is_found(word: str) -> None:
    assert WHO.in_text(f"<td>{word}</td>")


def test_a_longer_id_is_somebody_else() -> None:
    assert not WHO.in_text(f"{OTHER},X{ID}")
    assert WHO.in_text(f"{OTHER},{ID}")


def test_in_what_is_no_text_values_may_stand_side_by_side() -> None:
    assert WHO.in_bytes(b"\0" + f"FINISHED{ID}4".encode())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le", "utf-16-be"])
def test_names_are_found_in_other_encodings(encoding: str) -> None:
    assert traces_of(["1"], {"name": ["Zoë Müller"]}).in_bytes("a Zoë Müller b".encode(encoding))


@pytest.mark.parametrize("text", ["Zo&amp;e Canary", "Zo\\u00eb Xaver", "Zo%26e%20Canary"])
def test_names_are_found_as_pages_json_and_addresses_write_them(text: str) -> None:
    assert Traces(frozenset(), frozenset({"Zo&e Canary", "Zoë Xaver"})).in_text(f'"{text}"')


def test_short_ids_prove_nothing_in_running_text() -> None:
    known = traces_of(["17"], {})
    assert known.short_ids == {"17"}
    assert not known.in_text("17 rows")
    assert known.perhaps_in_bytes(b"17 rows")


CHANCES = {"C12345": True, "C1234": False, "1234567": False, "12345678": True, "王伟": True, "王": False, "": False}


@pytest.mark.parametrize("word", CHANCES)
def test_what_would_hardly_stand_there_by_chance(word: str) -> None:
    assert is_telling(word) is CHANCES[word]


def test_what_is_no_address_is_still_looked_for_as_it_is() -> None:
    known = traces_of([], {"email": ["not an address"], "phone": ["at reception"]})
    assert known.words == {"not an address", "at reception"}


@given(st.lists(st.text(st.sampled_from(SIGNS), min_size=1, max_size=4), max_size=5), st.text(st.sampled_from(SIGNS)))
def test_many_words_are_found_as_few_are(words: list[str], text: str) -> None:
    few = Traces(frozenset(), frozenset(words))
    many = Traces(frozenset(), frozenset([*words, *(f"zz{n}zz" for n in range(80))]))
    assert many.in_text(text) == few.in_text(text)


def test_words_are_taken_out_of_a_text() -> None:
    assert WHO.scrubbed(f"from {NAME} ({ID}), not {OTHER}") == f"from  (), not {OTHER}"
    assert Traces(frozenset(), frozenset()).scrubbed("x") == "x"
