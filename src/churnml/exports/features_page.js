"use strict";
(() => {
  const body = document.querySelector("tbody");
  const rows = [...body.rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  // A browser takes seconds to lay out thousands of rows; the search looks at all of them.
  const atOnce = 300;
  let limit = atOnce;
  let sorted = rows;
  const state = { search: "", family: "", source: "", marked: "" };
  const all = (selector) => [...document.querySelectorAll(selector)];

  function show() {
    const wanted = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    sorted.forEach((row) => {
      const fits =
        wanted.every((word) => texts.get(row).includes(word)) &&
        (!state.family || row.dataset.family === state.family) &&
        (!state.source || row.dataset.source === state.source) &&
        (!state.marked || row.dataset.marked === "yes");
      shown += fits;
      row.hidden = !fits || shown > limit;
    });
    all(".more").forEach((button) => { button.hidden = shown <= limit; });
    all(".shown").forEach((place) => { place.textContent = String(shown); });
  }

  all("[data-role]").forEach((control) => {
    control.addEventListener("input", () => {
      const role = control.dataset.role;
      state[role] = control.type === "checkbox" ? (control.checked ? "yes" : "") : control.value;
      // The same control stands on the page once a language.
      all(`[data-role=${role}]`).forEach((twin) => {
        if (twin.type === "checkbox") twin.checked = control.checked;
        else if (twin !== control) twin.value = control.value;
      });
      limit = atOnce;
      show();
    });
  });
  all(".more").forEach((button) => {
    button.addEventListener("click", () => { limit = rows.length; show(); });
  });

  const value = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent.toLowerCase();
    return cell.dataset.v === "" ? null : Number(cell.dataset.v);
  };
  const heads = all("th[data-sort]");
  heads.forEach((head) => {
    head.querySelector("button").addEventListener("click", () => {
      const numeric = head.dataset.sort === "number";
      // Figures are looked at from the largest down, names from the first on.
      const first = numeric ? "descending" : "ascending";
      const other = numeric ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keyed = rows.map((row, place) => [value(row, head.cellIndex, numeric), place]);
      keyed.sort(([a, i], [b, j]) => {
        if (a === b) return i - j;
        if (a === null) return 1;
        if (b === null) return -1;
        return a < b ? -sign : sign;
      });
      sorted = keyed.map(([, place]) => rows[place]);
      show();
      body.append(...sorted);
    });
  });
  all(".controls").forEach((controls) => { controls.hidden = false; });
  show();
})();
