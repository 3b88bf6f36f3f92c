// The section of one locus: its map, what is known of the chosen tile, sets, copies, fine tiles.

function locusSection(locus, { previous, next, close }) {
  let track = 0;
  let tile = null;
  let map = null;
  const measured = () => locus.tracks[track];
  const detail = make("div", { class: "detail", id: "detail" });
  const body = make("div");

  const heading = make("h3", { id: "locus-name", tabindex: "-1" }, named(locus.name));
  const button = (text, label, act) =>
    make("button", { type: "button", disabled: !act, "aria-label": label, on: act ? { click: act } : undefined }, text);
  const tools = make("div", { class: "tools" },
    button("\u2190 previous", "previous locus of the table", previous),
    button("next \u2192", "next locus of the table", next),
    button("close", "close this locus", close));

  function facts() {
    const known = measured();
    const rows = [
      ["gene", named(locus.gene)],
      ...(locus.transcript ? [["transcript", named(locus.transcript)]] : []),
      [SITE, [placeOf(locus.contig, locus.tss, locus.tss + 1), `, strand ${locus.strand === "-" ? MINUS : locus.strand}`]],
      ...(locus.span ? [["window", placeOf(locus.contig, ...windowOf())]] : []),
      ["context", locus.category || "no category"],
    ];
    if (known.about) rows.push(["track", named(known.about)]);
    if (known.activity !== undefined) rows.push(["activity", number(known.activity)]);
    if (known.context) {
      const { mean, values } = known.context;
      rows.push(["context effect", `${number(mean)}${spread({ se: [known.context.se], sd: [known.context.sd] }, 0)}`]);
      if (values) rows.push(["its replicates", replicates(values)]);
    }
    rows.push(...windowFacts());
    return make("dl", { class: "settings facts-of" }, rows.map(([key, value]) => make("div", {}, make("dt", {}, key), make("dd", {}, value))));
  }

  // The window on the genome, 0-based, half-open.
  function windowOf() {
    const [from, to] = locus.span;
    return locus.strand === "-" ? [locus.tss - to + 1, locus.tss - from + 1] : [locus.tss + from, locus.tss + to];
  }

  // What of the window is no bases.
  function windowFacts() {
    const of = locus.window;
    if (!of) return [];
    const percent = (share) => `${number(100 * share, 3)} %`;
    const rows = [];
    const sides = ["upstream", "downstream"].flatMap((side, k) => (of.padding[k] ? [`${grouped(of.padding[k])} bp ${side}`] : []));
    if (sides.length) rows.push(["past the contig's end", `${percent((of.padding[0] + of.padding[1]) / of.length)} of the window, ${sides.join(", ")}`]);
    if (of.n) rows.push(["N", `${percent(of.n)} of the ${of.of_tiles ? "tiles" : "window"}`]);
    if (of.lost.length) rows.push(["not measured, for lack of bases", lostTiles(of.lost)]);
    return rows;
  }

  // Tests may have tiles of several lengths.
  function lostTiles(tiles) {
    return [...new Set(tiles.map(([, bp]) => bp))].map((bp) => {
      const at = tiles.filter((tile) => tile[1] === bp).map(([distance]) => offset(distance));
      return `${at.length} ${at.length === 1 ? "tile" : "tiles"} of ${grouped(bp)} bp: ${at.join(", ")}`;
    }).join("; ");
  }

  const lostTests = (k) => ["necessity", "sufficiency"].filter((test) => measured()[test] && (measured()[test].lost || []).includes(k));

  function pick(k) {
    tile = k;
    showDetail();
    if (!map) return;
    if (k === null) map.chosen.textContent = "No tile is chosen.";
    else {
      map.reveal(k);
      const parts = ["necessity", "sufficiency"].filter((test) => measured()[test] && measured()[test].mean[k] !== null);
      const said = parts.map((test) => `${test} ${number(measured()[test].mean[k])}`).join(", ");
      const lost = lostTests(k).map((test) => `${test} ${noBases(locus, k)}`);
      map.chosen.textContent = `Tile ${k + 1} of ${map.tiles.length}, at ${offset(map.tiles[k].distance)}: ${[said, ...lost].filter(Boolean).join(", ") || "no value"}.`;
    }
    map.redraw();
    for (const one of body.querySelectorAll("[data-tile]")) {
      one.classList.toggle("linked", k !== null && one.dataset.tile === String(k));
    }
  }

  // Goes to the tile at a place of the genome, START-END, and to a part of this section.
  function choose(place, name) {
    const k = locus.tiles.findIndex(([, , , low, high]) => interval("", low, high) === `:${place}`);
    if (k < 0 || !map) return;
    go(k);
    const wanted = name && name !== "map" ? body.querySelector(`[data-part="${CSS.escape(name)}"]`) : null;
    if (wanted) wanted.scrollIntoView({ block: "start" });
    else map.frame.focus({ preventScroll: true });
  }

  const go = (k) => {
    pick(k);
    if (map) map.frame.scrollIntoView({ block: "nearest" });
  };

  // A button that goes to a tile.
  function tileButton(k, distance) {
    if (k === null || k === undefined) return distance === undefined ? "" : offset(distance);
    return make("button", { type: "button", class: "link", "data-tile": k, on: { click: () => go(k) } }, offset(locus.tiles[k][2]));
  }

  function grid(caption, heads, rows, kinds = "") {
    const kind = (k) => (kinds[k] === "n" ? "n" : null);
    return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
      make("table", {}, make("caption", {}, caption),
        make("thead", {}, make("tr", {}, heads.map((head, k) => make("th", { scope: "col", class: kind(k) }, head)))),
        make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell, k) =>
          k === 0 ? make("th", { scope: "row" }, cell) : make("td", { class: kind(k) }, cell)))))));
  }

  const statistics = (of, k) => [number(of.mean[k]), of.sd ? number(of.sd[k], 3) : "", of.se ? number(of.se[k], 3) : "", of.values ? replicates(of.values[k]) : ""];

  function showDetail() {
    if (tile === null || !map) {
      detail.replaceChildren(make("p", { class: "keys" }, "Choose a tile to see all that is known of it."));
      return;
    }
    const known = measured();
    const [start, end, distance, low, high] = locus.tiles[tile];
    // Effects and fold changes have a table each: they are no values of one kind.
    const effects = [];
    const folds = [];
    for (const test of ["necessity", "sufficiency"]) {
      const of = known[test];
      if (of && of.mean[tile] !== null) effects.push([test, of.scale, ...statistics(of, tile), of.q && of.q[tile] !== null ? number(of.q[tile], 2) : ""]);
    }
    for (const search of known.greedy || []) {
      const round = search.tiles.indexOf(tile);
      if (round >= 0) folds.push([`shuffled with ${round} ${round === 1 ? "other" : "others"}: no. ${round + 1} of the ${search.search}`, "wild type", ...statistics(search, round)]);
    }
    for (const cre of (known.distance || []).filter((one) => one.tile === tile)) {
      cre.positions.forEach((place, k) => folds.push([`moved to ${offset(place)}`, "CRE at its own place", ...statistics(cre, k)]));
    }
    for (const cre of (known.copies || []).filter((one) => one.tile === tile)) {
      cre.copies.forEach((n, k) => folds.push([`${n} ${n === 1 ? "copy" : "copies"} (${cre.search})`, "CRE at its own place", ...statistics(cre, k)]));
    }
    const name = (known.classes || [])[tile];
    detail.replaceChildren(...[
      make("h4", {}, `Tile at ${offset(distance)}`),
      make("p", {}, placeOf(locus.contig, low, high), ` on the genome, bases ${grouped(start + 1)} to ${grouped(end)} of the locus sequence`, name ? `; ${name}` : "", "."),
      ...laneText(tile),
      effects.length ? grid("Effects of this tile", ["test", "unit", "effect", "sd", "se", "replicates", "q"], effects, "  nnn n") : null,
      folds.length ? grid("Fold changes with this tile (1: no change)", ["test", "over", "fold change", "sd", "se", "replicates"], folds, "  nnn") : null,
      effects.length + folds.length
        ? null
        : make("p", {}, `Nothing was measured with this tile${lostTests(tile).length ? `: too few of its bases are known (N: a gap of the assembly, or past the contig's end)` : ""}.`),
      ...(known.fine || []).filter((one) => one.tile === tile).map(fineText),
    ].filter(Boolean));
  }

  // A place with a button that copies it, and links where the assembly is known.
  function placeOf(contig, low, high) {
    const place = interval(contig, low, high);
    return make("span", { class: "place" }, named(place), " ", copyButton(place),
      browsersOf(place).flatMap(([words, href]) => [" ", make("a", { href, target: "_blank", rel: "noopener noreferrer" }, words)]));
  }

  // The intervals of the user's own lanes that a tile overlaps.
  function laneText(k) {
    const { from, to } = map.tiles[k];
    return (locus.lanes || []).flatMap(([label, intervals]) => {
      const under = intervals.filter(([a, b]) => b > from && a < to).map(([, , name]) => name || "unnamed");
      if (!under.length) return [];
      const more = under.length > 12 ? ` and ${under.length - 12} more` : "";
      return [make("p", {}, named(label), ": ", named(under.slice(0, 12).join(", ")), more, ".")];
    });
  }

  function fineText(cre) {
    const parts = cre.parts.map(([, , low, high]) => interval(locus.contig, low, high));
    return make("p", {}, `Fine-tile search: ${parts.length ? "what is left, " : "nothing is left"}`, named(parts.join(", ")),
      `, has ${number(cre.final)} of the tile's effect.`,
      ...((cre.motifs || []).length ? [" Motifs: ", ...cre.motifs.slice(0, 12).flatMap(([name, low, high, strand, p], k) =>
        [k ? "; " : "", named(name), ` at ${interval(locus.contig, low, high)}, strand ${strand === "-" ? MINUS : strand}, p ${number(p, 2)}`]),
      cre.motifs.length > 12 ? ` and ${cre.motifs.length - 12} more.` : "."] : []));
  }

  function greedyParts() {
    return (measured().greedy || []).map((search) => {
      const place = (k) => (search.tiles[k] === null ? "" : offset(locus.tiles[search.tiles[k]][2]));
      const start = { x: 0, y: 1, lines: ["wild type, 1"] };
      const observed = search.mean.map((y, k) => ({
        x: k + 1, y, tile: search.tiles[k], values: search.values && search.values[k],
        low: search.se && search.se[k] !== null ? y - search.se[k] : null, high: search.se ? y + search.se[k] : null,
        lines: [`${k + 1}. ${place(k)}`, `fold change ${number(y)}${spread(search, k)}`,
          ...(search.values ? [make("small", {}, `replicates ${replicates(search.values[k])}`)] : [])],
      }));
      const additive = search.additive.map((y, k) => ({
        x: k + 1, y, tile: search.tiles[k], lines: [`${k + 1}. ${place(k)}`, `additive ${number(y)}`, `this tile alone ${number(search.alone[k])}`],
      }));
      const what = search.interaction ? `: ${search.interaction}` : "";
      return part("sets",
        chart({
          formula: "Fold change = activity with the tiles shuffled / wild type. Whiskers: standard error over shuffles.",
          title: `Set of ${search.search}${what}`, across: "tiles shuffled", up: "fold change over WT", always: 1, pick: go,
          lines: [{ name: "observed", points: [start, ...observed] }, { name: "additive", tone: "tone-additive", points: [start, ...additive] }],
        }),
        grid(`Set of ${search.search}, in the order of the search`, ["no.", "tile", "fold change", "se", "additive", "alone"],
          search.mean.map((y, k) => [String(k + 1), tileButton(search.tiles[k]), number(y), search.se ? number(search.se[k], 3) : "", number(search.additive[k]), number(search.alone[k])]), "  nnnn"),
      );
    });
  }

  function copiesParts() {
    const known = measured().copies || [];
    if (!known.length) return [];
    const lines = known.map((cre) => ({
      name: `${offset(cre.at)}${known.some((one) => one.search !== cre.search) ? `, ${cre.search}` : ""}`,
      tone: tone(cre),
      tile: cre.tile,
      points: [
        { x: 0, y: cre.zero, lines: ["no copy", `fold change ${number(cre.zero)}`] },
        ...cre.mean.map((y, k) => ({
          x: cre.copies[k], y, values: cre.values && cre.values[k],
          low: cre.se && cre.se[k] !== null ? y - cre.se[k] : null, high: cre.se ? y + cre.se[k] : null,
          lines: [`${cre.copies[k]} ${cre.copies[k] === 1 ? "copy" : "copies"}`, `fold change ${number(y)}${spread(cre, k)}`, cre.placed[k] === null ? "" : `placed at ${offset(cre.placed[k])}`],
        })),
      ],
    }));
    const rows = known.map((cre) => [
      tileButton(cre.tile, cre.at), cre.search, ...[cre.mean.map((y) => number(y)).join(", "), cre.placed.map((p) => (p === null ? "" : offset(p))).join(", ")],
      cre.saturates ? number(cre.plateau) : "", cre.saturates ? number(cre.half) : "",
    ]);
    return part("copies",
      chart({ formula: "Fold change = activity with so many copies / activity with the CRE at its own place. Whiskers: standard error over backgrounds.", title: "Copies of CREs", across: "copies", up: "fold change over control", always: 1, lines, pick: go }),
      grid("Copies of CREs", ["CRE", "placed as", "fold change with 1, 2, ... copies", "where", "plateau", "half at"], rows, "    nn"),
    );
  }

  function fineParts() {
    const known = (measured().fine || []).filter((cre) => cre.bp.length);
    if (!known.length) return [];
    const lines = known.map((cre) => ({
      name: offset(cre.at), tile: cre.tile, tone: tone(cre),
      points: cre.bp.map((bp, k) => ({ x: bp, y: cre.score[k], lines: [`${grouped(bp)} bp left`, `score ${number(cre.score[k])}`, `windows of ${grouped(cre.window[k])} bp`] })),
    }));
    const rows = known.map((cre) => [
      tileButton(cre.tile, cre.at), cre.bp.map(grouped).join(" \u2192 "), cre.score.map((value) => number(value, 3)).join(", "), number(cre.final),
      named(cre.parts.map(([, , low, high]) => interval(locus.contig, low, high)).join(", ")),
    ]);
    return part("fine",
      chart({ formula: "Share = effect of what is left of the tile / effect of the whole tile.", title: "Fine-tile searches", across: "bases left (bp)", up: "share of the effect", always: 1, lines, pick: go, whole: false }),
      grid("Fine-tile searches", ["CRE", "bases left", "score", "in the end", "what is left"], rows, "   n"),
    );
  }

  const part = (name, ...children) => make("div", { class: "part", "data-part": name }, children);

  // A colour for each CRE of the locus, the same in all charts.
  function tone(cre) {
    const places = new Set(["copies", "fine"].flatMap((test) => (measured()[test] || []).map((one) => one.start)));
    return `tone-${[...places].sort((a, b) => a - b).indexOf(cre.start) % 6}`;
  }

  function swapParts() {
    const known = measured().swap || [];
    if (!known.length) return [];
    const rows = known.map((one) => [one.category, grouped(one.n), number(one.effect), number(one.dinuc_effect)]);
    return part("swap", grid("This TSS in the contexts of other loci, on average", ["context", "loci", "effect", "in shuffled contexts"], rows, " nnn"));
  }

  function allTiles() {
    const known = measured();
    const tests = ["necessity", "sufficiency"].filter((test) => known[test]);
    if (!locus.tiles.length || !tests.length) return [];
    const box = make("details", {}, make("summary", {}, "All tiles as a table"));
    // Made when it is looked at: it is long.
    box.addEventListener("toggle", () => {
      if (!box.open || box.children.length > 1) return;
      const heads = ["tile", "on the genome", ...(known.classes ? ["class"] : []), ...tests.flatMap((test) => [known[test].scale ? `${test} (${known[test].scale})` : test, "sd", "se", "replicates"])];
      const rows = locus.tiles.map(([, , , low, high], k) => [
        tileButton(k), named(interval(locus.contig, low, high)), ...(known.classes ? [known.classes[k]] : []),
        ...tests.flatMap((test) => (known[test].mean[k] === null ? [lostTests(k).includes(test) ? "no bases" : "", "", "", ""] : statistics(known[test], k))),
      ]);
      const start = known.classes ? "   " : "  ";
      box.append(grid("All tiles", heads, rows, start + "nnn ".repeat(tests.length)));
    });
    return [box];
  }

  // The genes around, for readers without the map.
  function allGenes() {
    const known = locus.genes || [];
    if (!known.length) return [];
    const way = locus.strand === "-" ? -1 : 1;
    const rows = known.map(([name, strand, own, at]) => [
      named(name), strand === "-" ? MINUS : strand, at.map(offset).join(", "),
      named(at.map((bp) => `${locus.contig}:${locus.tss + way * bp + 1}`).join(", ")), own ? "this locus" : "",
    ]);
    return [make("details", {}, make("summary", {}, "Genes around as a table"),
      grid("Genes around", ["gene", "strand", "TSSs, from this one", "on the genome (1-based)", "whose"], rows))];
  }

  function render() {
    const known = measured();
    map = null;
    const parts = [facts()];
    const measures = (known.measures || []).map((test) => measurePart(test, locus, grid));
    if (known.necessity || known.sufficiency || known.distance) {
      map = locusMap(locus, known, () => tile);
      map.frame.addEventListener("pick", (event) => pick(event.detail));
      parts.push(map.element, detail, ...allTiles(), ...allGenes());
    } else if (!measures.length) {
      parts.push(make("p", {}, locus.category ? "No tile of this locus has been measured." : "This locus has no category, and no tile of it was measured."));
    }
    const more = [greedyParts(), copiesParts(), fineParts(), swapParts()].flat();
    if (more.length) parts.push(make("div", { class: "parts" }, more));
    parts.push(...measures);
    body.replaceChildren(...parts);
    pick(tile);
  }

  let choice = null;
  if (locus.tracks.length > 1) {
    const options = locus.tracks.map((one, k) => make("option", { value: k }, one.about ? `${one.track}: ${one.about}` : one.track));
    choice = make("label", {}, "Activity ", make("select", { on: { change: (event) => { track = Number(event.target.value); render(); } } }, options));
  }
  render();
  const section = make("section", { class: "locus", "aria-labelledby": "locus-name" },
    make("div", { class: "head" }, heading, tools), choice, body);
  return { section, heading, choose };
}
