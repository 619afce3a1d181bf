"""The page of a list as a person meets it: searched, sorted, filtered, printed, by keyboard, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser import CHROMIUM, Page, browser
from list_pages import PLAN, a_list, a_page
from payloads import PAYLOADS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"),
]
SIZES = (1_000, 50_000)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.size(1400, 1000)
        yield page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for n in (0, *SIZES):
        decisions = a_list(max(n, 1), plan=replace(PLAN, capacity=n))
        (folder / f"{n}.html").write_bytes(a_page(decisions))
    return {n: folder / f"{n}.html" for n in (0, *SIZES)}


@pytest.fixture(params=SIZES)
def opened(request: pytest.FixtureRequest, tab: Page, files: dict[int, Path]) -> Iterator[tuple[Page, int]]:
    """Yield the page of a list, freshly opened; whatever a test does, nothing fails and nothing is fetched."""
    tab.requests.clear()
    tab.errors.clear()
    path = files[request.param]
    tab.open(path)
    yield tab, request.param
    assert tab.run("1 + 1") == 2
    assert tab.errors == []
    assert tab.requests == [path.as_uri()]


def column(page: Page, at: int) -> list[str]:
    rows = "[...document.querySelectorAll('.rows .scroll tbody tr:not(.detail)')]"
    return page.run(f"{rows}.map((row) => row.cells[{at}].firstChild.textContent)")


def status(page: Page) -> str:
    return page.run("document.querySelector('.status').textContent")


def shown(page: Page) -> int:
    """Return how many rows the status says fit."""
    return int(re.search(r"of ([\d,]+) \(", status(page))[1].replace(",", ""))


def search(page: Page, text: str) -> None:
    page.press("/")
    page.write(text)


def figures(texts: list[str]) -> list[float]:
    return [float(text.replace(",", "")) for text in texts]


def test_a_page_shows_the_list_from_its_top(opened: tuple[Page, int]) -> None:
    page, n = opened
    assert column(page, 0) == [str(rank) for rank in range(1, 101)]
    assert shown(page) == n
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_search_narrows_and_clear_brings_all_back(opened: tuple[Page, int]) -> None:
    page, n = opened
    search(page, "c00012")
    assert column(page, 1) == ["c00012"]
    page.run("document.querySelector('[data-role=clear]').click()")
    assert shown(page) == n
    page.write("north phone")
    assert set(column(page, 6)) == {"Phone"}
    assert 0 < shown(page) < n


def test_a_search_without_a_hit_says_so(opened: tuple[Page, int]) -> None:
    page, _ = opened
    search(page, "no such customer")
    assert page.run("document.querySelector('.none').textContent").startswith("No row fits")
    assert shown(page) == 0


def test_sort_by_header_goes_both_ways_and_over_pages(opened: tuple[Page, int]) -> None:
    page, _ = opened
    press = "document.querySelector('[data-sort=value_at_risk]').click()"
    page.run(press)
    falling = figures(column(page, 3))
    page.run("document.querySelector('[data-role=next]').click()")
    assert figures(column(page, 3))[0] <= falling[-1]
    page.run(press)
    rising = figures(column(page, 3))
    assert falling == sorted(falling, reverse=True)
    assert rising == sorted(rising)
    assert rising[-1] < falling[-1]
    assert page.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "ascending"


def test_words_of_risk_are_sorted_by_the_figure_behind_them(opened: tuple[Page, int]) -> None:
    page, _ = opened
    page.choose("sort", "Risk")
    lines = "[...document.querySelectorAll('.scroll tbody td:nth-child(3) .under')]"
    probability = page.run(f"{lines}.map((line) => parseFloat(line.textContent))")
    assert probability == sorted(probability, reverse=True)
    assert len(set(probability)) > 1


def test_filters_combine_with_each_other_and_the_search(opened: tuple[Page, int]) -> None:
    page, n = opened
    counts = [n]
    page.choose("channel", "Phone")
    counts.append(shown(page))
    page.choose("owner", "North team")
    counts.append(shown(page))
    page.choose("risk_band", "High")
    counts.append(shown(page))
    search(page, "25 days")
    counts.append(shown(page))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(counts)
    assert set(column(page, 6)) == {"Phone"}
    assert set(column(page, 2)) == {"High"}
    total = sum(figures(column(page, 3)))
    if shown(page) <= 100:
        assert f"Value at risk: EUR {total:,.2f}" in status(page)


def test_the_charts_follow_the_filters_and_the_group(opened: tuple[Page, int]) -> None:
    page, _ = opened
    names = "[...document.querySelectorAll('.barchart')][0].querySelectorAll('tbody th')"
    page.choose("group", "Account owner")
    assert sorted(page.run(f"[...{names}].map((c) => c.textContent)")) == sorted(
        ["North team", "South team", "\u5927\u5ba2\u6237\u90e8"]
    )
    page.choose("owner", "South team")
    assert page.run(f"[...{names}].map((c) => c.textContent)") == ["South team"]
    bar = page.run("document.querySelector('.barchart tbody td.figure').textContent")
    assert f"Value at risk: EUR {bar}" in status(page)


def test_everything_is_reached_by_keyboard(opened: tuple[Page, int]) -> None:
    page, _ = opened
    page.press("/")
    assert page.run("document.activeElement.dataset.role") == "search"
    page.run("document.querySelector('.opener').focus()")
    page.press("ArrowDown")
    page.press("Enter")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert "Value to come" in page.run("document.querySelector('.detail').textContent")
    page.press("Enter")
    assert page.run("document.querySelector('.detail')") is None
    page.run("document.querySelector('[data-sort=expected_gain]').focus()")
    page.press("Enter")
    assert page.run("document.activeElement.dataset.sort") == "expected_gain"
    assert page.run("document.activeElement.closest('th').getAttribute('aria-sort')") == "descending"
    order = page.run(
        "[...document.querySelectorAll('.rows input, .rows select, .rows button')].every((e) => e.tabIndex === 0)"
    )
    assert order


def test_focus_is_seen(opened: tuple[Page, int]) -> None:
    page, _ = opened
    page.run("document.querySelector('.opener').focus({focusVisible: true})")
    page.press("ArrowDown")
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_language_changes_the_words_and_no_figure(opened: tuple[Page, int]) -> None:
    page, _ = opened
    page.choose("channel", "Phone")
    english, amounts = status(page), column(page, 3)
    page.run("document.querySelector('#show-zh').click()")
    assert page.run("document.documentElement.lang") == "zh-Hans"
    assert page.run("document.title").startswith("\u5ba2\u6237\u633d\u7559\u540d\u5355")
    assert column(page, 3) == amounts
    assert set(column(page, 6)) == {"\u7535\u8bdd"}
    assert re.findall(r"[\d,.]{4,}", english)[-2:] == re.findall(r"[\d,.]{4,}", status(page))[-2:]
    head = "[...document.querySelectorAll('.rows .scroll thead th')].map((cell) => cell.textContent)"
    assert "\u98ce\u9669\u4ef7\u503c\uff08EUR\uff09" in page.run(head)
    assert page.run("document.querySelectorAll('.rows .tools').length") == 1


def test_the_print_view_holds_the_rows_that_fit_and_no_controls(opened: tuple[Page, int], tmp_path: Path) -> None:
    page, n = opened
    page.choose("channel", "Phone")
    fitting = shown(page)
    page.print(tmp_path / "list.pdf")
    paper = (tmp_path / "list.pdf").read_bytes()
    assert paper.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 10
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert len(column(page, 0)) == min(fitting, 1000)
    assert bool(page.run("document.querySelector('.paper').textContent")) == (fitting > 1000)
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
    page.call("Emulation.setEmulatedMedia", media="")
    page.run("window.dispatchEvent(new Event('afterprint'))")
    assert len(column(page, 0)) == 100
    assert n > 100


def test_a_narrow_window_shows_cards_without_scrolling_sideways(opened: tuple[Page, int]) -> None:
    page, _ = opened
    page.size(390, 800)
    assert page.run("document.documentElement.scrollWidth <= 390")
    assert page.run("getComputedStyle(document.querySelector('.scroll tbody tr')).display") == "block"
    page.size(1400, 1000)


def test_a_list_of_nobody_is_a_whole_page(tab: Page, files: dict[int, Path]) -> None:
    tab.errors.clear()
    tab.open(files[0])
    assert "Nobody is listed" in tab.run("document.body.textContent")
    tab.run("document.querySelector('#show-zh').click()")
    assert tab.run("document.querySelector('.view-zh h1').offsetHeight") > 0
    assert tab.errors == []


def press_everything(page: Page) -> None:
    """Open every row, use every control, in both languages."""
    for language in ("en", "zh"):
        page.run(f"document.querySelector('#show-{language}').click()")
        page.run(
            "while (document.querySelector('.opener[aria-expanded=false]')) "
            "document.querySelector('.opener[aria-expanded=false]').click()"
        )
        page.run(
            "document.querySelectorAll('select').forEach((s) => { for (const o of [...s.options]) {"
            "s.value = o.value; s.dispatchEvent(new Event('input')); } })"
        )
        page.run("document.querySelector('[data-role=clear]').click()")
        page.run("document.querySelectorAll('[data-sort]').forEach((b) => b.click())")


def test_ep_06_no_payload_in_any_field_runs_or_is_fetched(tab: Page, tmp_path: Path) -> None:
    n = len(PAYLOADS)
    assert n == 200
    names = [f"{i} {payload}" for i, payload in enumerate(PAYLOADS)]
    decisions = a_list(
        n, customer_id=names, name=PAYLOADS, owner=PAYLOADS, language=PAYLOADS,
        plan=replace(PLAN, capacity=n, policy_version=PAYLOADS[0], currency=PAYLOADS[1]),
    )  # fmt: skip
    path = tmp_path / "hostile.html"
    path.write_bytes(a_page(decisions, names_on_page=True))
    tab.requests.clear()
    tab.errors.clear()
    tab.dialogs = 0
    tab.open(path)
    press_everything(tab)
    assert tab.run("document.querySelectorAll('.rows .scroll tbody tr').length") >= 100
    assert tab.run("[window.taken, document.title.includes('taken')]") == [None, False]
    assert (tab.dialogs, tab.errors, tab.requests) == (0, [], [path.as_uri()])
    assert tab.run("document.querySelectorAll('script').length") == 2
    assert tab.run("document.querySelectorAll('.rows :is(img, svg, iframe, a, script, style, form)').length") == 0


def test_ep_06_the_same_payloads_do_run_where_nothing_guards(tab: Page, tmp_path: Path) -> None:
    path = tmp_path / "open.html"
    path.write_text("<!DOCTYPE html>" + "".join(p for p in PAYLOADS if "alert" in p and "<!--" not in p), "utf-8")
    tab.dialogs = 0
    tab.call("Page.navigate", url=path.as_uri())
    tab.wait("document.readyState === 'complete'")
    assert tab.dialogs > 5


def test_turned_and_long_texts_stay_in_their_cells(tab: Page, tmp_path: Path) -> None:
    odd = ["\u202eevil", "\u0645\u0631\u064a\u0645", "\U0001f468\u200d\U0001f469\u200d\U0001f467 family", "x" * 30_000]
    (tmp_path / "odd.html").write_bytes(a_page(a_list(4, name=odd), names_on_page=True))
    tab.open(tmp_path / "odd.html")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    texts = tab.run("[...document.querySelectorAll('.scroll td .under bdi')].map((each) => each.textContent)")
    assert set(odd[:3]) <= set(texts)
    assert max(len(text) for text in texts) == 301
