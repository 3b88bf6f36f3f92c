// The table of loci: sorted, searched, a page at a time.

const PAGE = 50;

const COLUMNS = {
  gene: ["gene", "text", `gene of the ${SITE}`],
  locus: ["locus", "text", "name of the locus in all results"],
  contig: ["contig", "text", ""],
  tss: [SITE, "place", `1-based position of the ${SITE} as it was used`],
  strand: ["strand", "text", ""],
  activity: ["activity", "number", "predicted activity of the wild type"],
  category: ["context", "text", "category of the context"],
  effect: ["context effect", "number", CONTEXT_EFFECT],
  enhancers: ["enhancers", "count", "tiles that are enhancers by sufficiency"],
  silencers: ["silencers", "count", "tiles that are silencers by sufficiency"],
  necessity: ["necessity", "number", "of the tile that is most necessary, of either sign"],
  sufficiency: ["sufficiency", "number", "of the tile that does most by itself, of either sign"],
  interaction: ["enhancer set", "text", "whether the greedy search's set of enhancers is additive"],
};

function lociTable(columns, open) {
  const keys = Object.keys(columns);
  const size = keys.length ? columns[keys[0]].length : 0;
  const names = columns.locus || columns.gene;
  const words = keys.filter((key) => ["gene", "locus", "contig", "tss", "strand"].includes(key));
  const haystack = Array.from({ length: size }, (_, k) =>
    // Positions as they are shown, 1-based, and as tables of results have them.
    words.map((key) => (key === "tss" ? `${columns.tss[k] + 1}\n${columns.tss[k]}` : String(columns[key][k]))).join("\n").toLowerCase(),
  );
  let sorted = { key: null, down: false };
  let order = Array.from({ length: size }, (_, k) => k);
  let page = 0;
  let opened = -1;

  for (const category of new Set(columns.category || [])) {
    if (category) at("category").append(make("option", { value: category }, category));
  }
  if (columns.category && columns.category.includes("")) {
    at("category").append(make("option", { value: "-" }, "none"));
  }
  at("category").parentElement.hidden = !columns.category;
  const having = { enhancers: "an enhancer", silencers: "a silencer" };
  for (const [key, text] of Object.entries(having)) {
    if (columns[key]) at("having").append(make("option", { value: key }, text));
  }
  at("having").parentElement.hidden = at("having").options.length < 2;

  const heads = keys.map((key) => {
    const [label, kind, title] = COLUMNS[key];
    const button = make("button", { type: "button", title: title || null, "aria-description": title || null, on: { click: () => sort(key) } }, label);
    return make("th", { scope: "col", class: kind === "text" ? null : "n", "data-key": key }, button);
  });
  const body = make("tbody");
  at("table").append(make("table", {}, make("thead", {}, make("tr", {}, heads)), body));

  function cell(key, k) {
    const value = columns[key][k];
    const kind = COLUMNS[key][1];
    if (value === null || value === "") return make("td", { class: "none" }, "");
    if (kind === "number") return make("td", { class: "n" }, number(value));
    if (kind === "place") return make("td", { class: "n" }, grouped(value + 1));
    if (kind !== "text") return make("td", { class: "n" }, grouped(value));
    if (key === "strand") return make("td", {}, value === "-" ? MINUS : value);
    return make("td", { class: key === "category" ? `of-${value}` : "t" }, named(value));
  }

  function row(k) {
    const text = columns[keys[0]][k];
    const link = make("a", { href: `#${address(k)}`, title: text.length > 40 ? text : null }, named(text || "(no name)"));
    const head = make("th", { scope: "row", class: "t" }, link);
    const cells = keys.slice(1).map((key) => cell(key, k));
    const on = { click: (event) => event.target.closest("a") || open(k) };
    return make("tr", { class: k === opened ? "opened" : null, "data-k": k, on }, head, cells);
  }

  const address = (k) => `locus=${encodeURIComponent(names[k])}`;

  function show() {
    const pages = Math.max(1, Math.ceil(order.length / PAGE));
    page = Math.min(page, pages - 1);
    body.replaceChildren(...order.slice(page * PAGE, (page + 1) * PAGE).map(row));
    const all = `${grouped(size)} ${size === 1 ? "locus" : "loci"}`;
    at("found").textContent = order.length === size ? all : `${grouped(order.length)} of ${all}`;
    const turn = (step, text, label) =>
      make("button", {
        type: "button", "aria-label": label, disabled: page + step < 0 || page + step >= pages,
        on: { click: () => { page += step; show(); } },
      }, text);
    at("pages").replaceChildren(
      ...(pages > 1
        ? [turn(-1, "\u2190", "previous rows"), ` page ${page + 1} of ${pages} `, turn(1, "\u2192", "next rows")]
        : []),
    );
    for (const head of heads) {
      const own = head.dataset.key === sorted.key;
      head.setAttribute("aria-sort", own ? (sorted.down ? "descending" : "ascending") : "none");
    }
  }

  function compare(key) {
    const values = columns[key];
    const missing = (value) => value === null || value === "";
    const collator = new Intl.Collator("en", { numeric: true });
    return (a, b) => {
      if (missing(values[a]) || missing(values[b])) return missing(values[a]) - missing(values[b]) || a - b;
      const text = typeof values[a] === "string";
      const found = text ? collator.compare(values[a], values[b]) : values[a] - values[b];
      return (sorted.down ? -found : found) || a - b;
    };
  }

  function sort(key) {
    const first = COLUMNS[key][1] !== "text" && COLUMNS[key][1] !== "place";
    sorted = { key, down: sorted.key === key ? !sorted.down : first };
    select();
  }

  function select() {
    const wanted = at("search").value.toLowerCase().replace(/,(?=\d{3})/g, "").split(/\s+/).filter(Boolean);
    const category = at("category").value;
    const having = at("having").value;
    order = [];
    for (let k = 0; k < size; k++) {
      if (category && (columns.category[k] || "-") !== category) continue;
      if (having && !columns[having][k]) continue;
      if (wanted.every((word) => haystack[k].includes(word))) order.push(k);
    }
    if (sorted.key) order.sort(compare(sorted.key));
    page = 0;
    show();
  }

  at("filters").addEventListener("input", select);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", () => setTimeout(select));
  show();

  return {
    address,
    names,
    // Marks the row of the open locus, on the page that has it.
    mark(k) {
      opened = k;
      const place = order.indexOf(k);
      if (place >= 0) page = Math.floor(place / PAGE);
      show();
    },
    // The locus before or after one, in the order of the table.
    beside(k, step) {
      const place = order.indexOf(k);
      return place < 0 ? -1 : (order[place + step] ?? -1);
    },
    focus(k) {
      const link = body.querySelector(`tr[data-k="${k}"] a`);
      if (link) link.focus();
    },
  };
}
