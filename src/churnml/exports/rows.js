"use strict";
(() => {
  const PER_PAGE = 100;
  const PRINTED = 1000; // more would be a hundred sheets of paper, and a minute of layout
  const LONGEST = 300;
  const GROUPS = 10;
  const LABELLED = new Set(["date", "money", "number", "whole"]);
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const grouped = (value, decimals) =>
    value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

  function day(value, language) {
    const [y, m, d] = [Math.floor(value / 10000), Math.floor(value / 100) % 100, value % 100];
    return language === "zh" ? `${y}年${m}月${d}日` : `${d} ${MONTHS[m - 1]} ${y}`;
  }

  const WRITTEN = {
    whole: (value) => grouped(value, 0),
    number: (value) => grouped(value, 2),
    money: (value) => grouped(value, 2),
    percent: (value) => (value > 0 && value < 0.0005 ? "<0.1%" : `${grouped(100 * value, 1)}%`),
    date: day,
  };

  // Every text reaches the page as text: nothing in it can become an element, or turn its neighbours round.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== "") made.setAttribute(name, value);
    });
    made.append(...children);
    return made;
  }
  const filled = (text, places) => text.replace(/\{(\w+)\}/g, (all, name) => (name in places ? places[name] : all));

  class List {
    constructor(data) {
      Object.assign(this, data);
      this.byName = new Map(this.columns.map((column) => [column.name, column]));
      this.cellsOf = this.columns.filter((column) => column.place === "column" && !column.under);
      this.underOf = (name) => this.columns.filter((column) => column.under === name && column.place === "column");
      this.details = this.columns.filter((column) => column.place === "detail");
      this.filters = this.columns.filter((column) => column.filter && this.variety(column) > 1);
      this.groups = this.groups.filter((name) => this.variety(this.byName.get(name)) > 1);
      this.state = { search: "", sort: "", down: false, page: 0, group: this.groups[0] || "", chosen: new Map() };
      this.open = new Set();
      this.printing = false;
      this.lowered = new Map();
      this.root = element("div", { class: "rows-live" });
      this.choose();
    }

    variety(column) {
      return column.texts[this.languages()[0]].length;
    }

    languages() {
      return Object.keys(this.words);
    }

    text(column, row) {
      if (column.codes) {
        const code = column.codes[row];
        return code < 0 ? "" : column.texts[this.language][code];
      }
      const value = column.values[row];
      return value === null ? "" : WRITTEN[column.kind](value, this.language);
    }

    // Which rows are shown, and in what order.
    choose() {
      const tests = [];
      this.state.chosen.forEach((code, name) => {
        const { codes } = this.byName.get(name);
        tests.push((row) => codes[row] === code);
      });
      if (this.language) {
        this.state.search.toLowerCase().split(/\s+/).filter(Boolean).forEach((word) => tests.push(this.holds(word)));
      }
      this.fits = [];
      for (let row = 0; row < this.n; row += 1) if (tests.every((test) => test(row))) this.fits.push(row);
      if (this.state.sort) this.order();
      this.state.page = 0;
    }

    holds(word) {
      const hits = this.columns.filter((column) => column.codes).map((column) => {
        const key = `${this.language}.${column.name}`;
        if (!this.lowered.has(key)) {
          this.lowered.set(key, column.texts[this.language].map((text) => text.toLowerCase()));
        }
        return [column.codes, this.lowered.get(key).map((text) => text.includes(word))];
      });
      return (row) => hits.some(([codes, hit]) => codes[row] >= 0 && hit[codes[row]]);
    }

    order() {
      const column = this.byName.get(this.state.sort);
      const sign = this.state.down ? -1 : 1;
      const figures = (this.byName.get(column.sortBy) || column).values;
      let key = (row) => figures[row];
      if (!figures) {
        const texts = column.texts[this.language || this.languages()[0]];
        const places = texts.map((_, at) => at).sort((a, b) => texts[a].localeCompare(texts[b], this.language));
        const rank = new Int32Array(texts.length);
        places.forEach((code, place) => { rank[code] = place; });
        key = (row) => (column.codes[row] < 0 ? null : rank[column.codes[row]]);
      }
      // What is missing comes last in either direction; equals stay in the order of the list.
      this.fits.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === y) return a - b;
        if (x === null) return 1;
        if (y === null) return -1;
        return x < y ? -sign : sign;
      });
    }

    speak(language) {
      const place = [...document.querySelectorAll(`.rows[data-rows="${this.name}"]`)].find(
        (each) => each.closest("article").classList.contains(`view-${language}`),
      );
      this.language = language;
      this.say = this.words[language];
      this.choose();
      this.build();
      place.append(this.root);
      this.show();
    }

    // The controls, anew in each language.
    build() {
      const labelled = (text, control) => element("label", {}, element("span", {}, text), control);
      const button = (text, act, attributes = {}) => {
        const made = element("button", { type: "button", ...attributes }, text);
        made.addEventListener("click", act);
        return made;
      };
      this.search = element("input", { type: "search", placeholder: this.say.search_hint, "data-role": "search" });
      this.search.value = this.state.search;
      this.search.addEventListener("input", () => { this.state.search = this.search.value; this.again(); });
      const selects = this.filters.map((column) => labelled(column.head[this.language], this.filter(column)));
      this.direction = button("", () => { this.state.down = !this.state.down; this.again(); }, { "data-role": "direction" });
      const sorting = element("span", { class: "pair" }, labelled(this.say.sort, this.sorting()), this.direction);
      const clear = button(this.say.clear, () => this.clear(), { "data-role": "clear" });
      const print = button(this.say.print, () => window.print(), { "data-role": "print" });
      const tools = element("div", { class: "tools", role: "search" },
        labelled(this.say.search, this.search), ...selects, sorting, clear, print);
      this.status = element("p", { class: "status", role: "status", "aria-live": "polite" });
      this.charts = element("div", { class: "bars" });
      this.head = element("tr");
      this.body = element("tbody");
      this.body.addEventListener("keydown", (event) => this.walk(event));
      const table = element("table", {}, element("thead", {}, this.head), this.body);
      this.back = button(this.say.previous, () => this.turn(-1), { "data-role": "previous" });
      this.on = button(this.say.next, () => this.turn(1), { "data-role": "next" });
      this.where = element("span");
      this.pager = element("nav", { class: "pager", "aria-label": this.say.per_page }, this.back, this.where, this.on);
      this.note = element("p", { class: "paper" });
      const grouping = this.groups.length && this.measures.length ? [labelled(this.say.group_by, this.grouping())] : [];
      this.root.replaceChildren(tools, this.status, element("div", { class: "grouping" }, ...grouping), this.charts,
        element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": this.say.region }, table),
        this.note, this.pager);
    }

    select(role, options, value, act) {
      const made = element("select", { "data-role": role });
      options.forEach(([key, text]) => made.append(new Option(text.slice(0, 80), key)));
      made.value = value;
      made.addEventListener("input", () => act(made.value));
      return made;
    }

    filter(column) {
      const texts = column.texts[this.language];
      const present = new Set(column.codes);
      const by = (this.byName.get(column.sortBy) || {}).values;
      const highest = new Map();
      if (by) column.codes.forEach((code, row) => highest.set(code, Math.max(highest.get(code) ?? -Infinity, by[row] ?? -Infinity)));
      const codes = [...present].filter((code) => code >= 0).sort((a, b) =>
        by ? highest.get(b) - highest.get(a) : texts[a].localeCompare(texts[b], this.language));
      const options = [["", this.say.all], ...codes.map((code) => [String(code), texts[code]])];
      if (present.has(-1)) options.push(["-1", this.say.missing]);
      const value = this.state.chosen.has(column.name) ? String(this.state.chosen.get(column.name)) : "";
      return this.select(column.name, options, value, (code) => {
        if (code === "") this.state.chosen.delete(column.name);
        else this.state.chosen.set(column.name, Number(code));
        this.again();
      });
    }

    sorting() {
      const options = [["", this.say.as_ranked], ...this.columns.map((column) => [column.name, column.head[this.language]])];
      this.sorter = this.select("sort", options, this.state.sort, (name) => this.sortBy(name));
      return this.sorter;
    }

    grouping() {
      const options = this.groups.map((name) => [name, this.byName.get(name).head[this.language]]);
      return this.select("group", options, this.state.group, (name) => { this.state.group = name; this.draw(); });
    }

    // Figures are looked at from the largest down; names, ranks and days from the first on.
    sortBy(name, turn = false) {
      const column = this.byName.get(name);
      const falls = column && (column.sortBy || ["percent", "money", "number"].includes(column.kind));
      this.state.down = turn && this.state.sort === name ? !this.state.down : Boolean(falls);
      this.state.sort = name;
      this.again();
    }

    clear() {
      Object.assign(this.state, { search: "", sort: "", down: false });
      this.state.chosen.clear();
      this.choose();
      this.build();
      this.show();
      this.search.focus();
    }

    again() {
      this.choose();
      this.show();
    }

    turn(step) {
      this.state.page += step;
      this.fill();
      (step > 0 && !this.on.disabled ? this.on : this.back.disabled ? this.on : this.back).focus();
      this.status.scrollIntoView({ block: "nearest" });
    }

    show() {
      this.sorter.value = this.state.sort;
      this.direction.textContent = this.state.down ? `\u2193 ${this.say.down}` : `\u2191 ${this.say.up}`;
      this.direction.disabled = !this.state.sort;
      this.heads();
      this.fill();
      this.draw();
    }

    heads() {
      this.head.replaceChildren(...this.cellsOf.map((column) => {
        const head = element("th", { scope: "col", class: column.kind === "text" ? "" : "figure", title: column.meaning[this.language] || "" });
        const press = element("button", { type: "button", "data-sort": column.name }, column.head[this.language]);
        press.addEventListener("click", () => {
          this.sortBy(column.name, true);
          this.head.querySelector(`[data-sort="${column.name}"]`).focus();
        });
        if (this.state.sort === column.name) head.setAttribute("aria-sort", this.state.down ? "descending" : "ascending");
        head.append(press);
        return head;
      }));
    }

    fill() {
      const n = this.fits.length;
      const first = this.printing ? 0 : this.state.page * PER_PAGE;
      const last = Math.min(n, this.printing ? PRINTED : first + PER_PAGE);
      this.body.replaceChildren(...this.fits.slice(first, last).flatMap((row) => this.row(row)));
      if (!n) this.body.append(element("tr", {}, element("td", { colspan: String(this.cellsOf.length), class: "none" }, this.say.none_fit)));
      const counted = filled(this.say.shown, {
        first: grouped(n ? first + 1 : 0, 0), last: grouped(last, 0), n: grouped(n, 0), all: grouped(this.n, 0),
      });
      const sums = this.measures.map((name) => {
        const column = this.byName.get(name);
        const total = this.fits.reduce((sum, row) => sum + (column.values[row] ?? 0), 0);
        return filled(this.say.sum, { measure: this.plain(column), total: this.total(column, total) });
      });
      this.status.textContent = [counted, ...sums].join(" \u00b7 ");
      this.where.textContent = counted;
      this.pager.hidden = n <= PER_PAGE;
      this.back.disabled = first === 0;
      this.on.disabled = last >= n;
      this.note.textContent = n > PRINTED ? filled(this.say.printed, { shown: grouped(PRINTED, 0), n: grouped(n, 0) }) : "";
    }

    // A header without the currency that a total names itself.
    plain(column) {
      return column.head[this.language].replace(/\s*[(\uff08][^()\uff08\uff09]*[)\uff09]$/, "");
    }

    unit(column) {
      return (column.kind === "money" && this.currency) || "";
    }

    total(column, value) {
      return `${this.unit(column)} ${WRITTEN[column.kind](value, this.language)}`.trim();
    }

    row(row) {
      const made = element("tr", {}, ...this.cellsOf.map((column, at) => this.cell(column, row, at === 0)));
      return this.open.has(row) ? [made, this.detail(row)] : [made];
    }

    cell(column, row, isFirst) {
      const cell = element("td", { class: column.kind === "text" ? "" : "figure", "data-label": column.head[this.language] });
      const text = this.value(column, row);
      cell.append(isFirst && this.details.length ? this.opener(row, text) : text);
      this.underOf(column.name).forEach((under) => {
        if (!this.text(under, row)) return;
        const line = element("div", { class: under.kind === "text" ? "under" : "under whole", title: under.head[this.language] });
        const measures = under.kind === "percent" && column.kind === "text";
        if (LABELLED.has(under.kind) || (under.kind === "percent" && !measures)) line.append(`${this.plain(under)}: `);
        line.append(this.value(under, row));
        if (measures) line.append(this.meter(under.values[row]));
        cell.append(line);
      });
      return cell;
    }

    value(column, row) {
      const text = this.text(column, row);
      const cut = text.length > LONGEST ? `${[...text.slice(0, LONGEST)].join("")}\u2026` : text;
      return column.kind === "text" ? element("bdi", {}, cut) : cut || "\u2013";
    }

    meter(share) {
      const bar = element("i");
      bar.style.width = `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`;
      return element("span", { class: "meter", "aria-hidden": "true" }, bar);
    }

    opener(row, text) {
      const isOpen = this.open.has(row);
      const press = element("button", {
        type: "button", class: "opener", "aria-expanded": String(isOpen), title: isOpen ? this.say.less : this.say.more,
        "data-row": String(row),
      }, text);
      press.addEventListener("click", () => {
        if (isOpen) this.open.delete(row);
        else this.open.add(row);
        const old = press.closest("tr");
        if (isOpen) old.nextElementSibling.remove();
        const fresh = this.row(row);
        old.replaceWith(...fresh);
        fresh[0].querySelector(".opener").focus();
      });
      return press;
    }

    detail(row) {
      const list = element("dl");
      this.details.forEach((column) => {
        const name = element("dt", { title: column.meaning[this.language] || "" }, column.head[this.language]);
        list.append(element("div", {}, name, element("dd", {}, this.text(column, row) ? this.value(column, row) : "\u2013")));
      });
      return element("tr", { class: "detail" }, element("td", { colspan: String(this.cellsOf.length) }, list));
    }

    // Up and down go from row to row.
    walk(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const presses = [...this.body.querySelectorAll(".opener")];
      const at = presses.indexOf(event.target);
      if (!step || at < 0) return;
      event.preventDefault();
      const next = presses[at + step];
      if (next) next.focus();
    }

    draw() {
      if (!this.state.group) return;
      const column = this.byName.get(this.state.group);
      this.charts.replaceChildren(...this.measures.map((name) => this.chart(this.byName.get(name), column)));
    }

    chart(measure, column) {
      const sums = new Map();
      this.fits.forEach((row) => {
        const code = column.codes[row];
        const [sum, count] = sums.get(code) || [0, 0];
        sums.set(code, [sum + (measure.values[row] ?? 0), count + 1]);
      });
      const texts = column.texts[this.language];
      const found = [...sums].sort((a, b) => b[1][0] - a[1][0] || a[0] - b[0]);
      const bars = found.slice(0, found.length > GROUPS ? GROUPS - 1 : GROUPS).map(([code, [sum, count]]) =>
        [code < 0 ? this.say.no_group : texts[code], sum, count]);
      const rest = found.slice(bars.length);
      if (rest.length) bars.push([this.say.others, ...rest.reduce(([s, c], [, [sum, count]]) => [s + sum, c + count], [0, 0])]);
      const most = Math.max(...bars.map(([, sum]) => sum), 0) || 1;
      const title = filled(this.say.chart, { measure: this.plain(measure), group: column.head[this.language] });
      const body = element("tbody", {}, ...bars.map(([text, sum, count]) => {
        const bar = element("i");
        bar.style.width = `${Math.max(0.5, (100 * Math.max(0, sum)) / most)}%`;
        return element("tr", {},
          element("th", { scope: "row" }, element("bdi", {}, text.slice(0, 80))),
          element("td", { class: "bar", "aria-hidden": "true" }, bar),
          element("td", { class: "figure" }, WRITTEN[measure.kind](sum, this.language)),
          element("td", { class: "figure count" }, grouped(count, 0)));
      }));
      const head = element("tr", {}, ...["", "", this.unit(measure), this.say.customers].map((text) => element("th", { scope: "col" }, text)));
      return element("table", { class: "barchart" }, element("caption", {}, title), element("thead", {}, head), body);
    }
  }

  const lists = [...document.querySelectorAll('script[type="application/json"]')].map(
    (data) => new List(JSON.parse(data.textContent)),
  );
  const switches = [...document.querySelectorAll('input[name="language"]')];
  function speak() {
    const chosen = switches.find((each) => each.checked);
    const article = document.querySelector(chosen ? `.view-${chosen.id.slice(5)}` : "article");
    document.documentElement.lang = article.lang;
    document.title = article.querySelector("h1").textContent;
    lists.forEach((list) => list.speak(article.className.slice(5)));
  }
  switches.forEach((each) => each.addEventListener("change", speak));
  const print = (printing) => () => lists.forEach((list) => { list.printing = printing; list.fill(); });
  window.addEventListener("beforeprint", print(true));
  window.addEventListener("afterprint", print(false));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    lists[0].search.focus();
  });
  speak();
})();
