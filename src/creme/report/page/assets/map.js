// The map of a locus: tiles along the sequence, necessity above sufficiency above moved CREs.

const LEFT = 66;
const RIGHT = 12;
const FOOT = 78;
const GENE_ROW = 16;
const MOST_GENE_ROWS = 4;
const LETTERS = document.createElement("canvas").getContext("2d");

// A name as a label: in one line, and cut in its middle.
function short(name, limit = 20) {
  const letters = [...name.replace(/\s+/g, " ")];
  const half = Math.floor((limit - 1) / 2);
  return letters.length <= limit ? letters.join("") : `${letters.slice(0, limit - 1 - half).join("")}\u2026${letters.slice(-half).join("")}`;
}

// The places of a gene in view, bp: its TSSs, and the ends of its body, cut where the view ends.
function within(gene, [low, high]) {
  const shown = gene.at.filter((bp) => bp >= low && bp <= high);
  if (gene.body && gene.body[1] > low && gene.body[0] < high) shown.push(Math.max(low, gene.body[0]), Math.min(high, gene.body[1]));
  return shown;
}

// How far a round of a search changes the activity (share of the wild type), in the direction of
// the search; 0 where that is within two standard errors, or below 0.05.
const LEAST_STEP = 0.05;
function stepOf(search, round) {
  const before = round ? search.mean[round - 1] : 1;
  const change = (search.mean[round] - before) * (search.search === "enhancers" ? -1 : 1);
  const error = search.se && search.se[round] !== null ? 2 * search.se[round] : 0;
  return change >= Math.max(LEAST_STEP, error) ? change : 0;
}

function locusMap(locus, measured, selected) {
  const tiles = locus.tiles.map(([start, end, distance, low, high], k) => {
    const half = (end - start) / 2;
    return { k, from: distance - half, to: distance + half, distance, low, high, bp: end - start };
  });
  const reach = tiles.flatMap((tile) => [tile.from, tile.to]);
  for (const cre of measured.distance || []) reach.push(...cre.positions);
  const whole = reach.length ? [Math.min(...reach), Math.max(...reach)] : locus.span || [-1000, 1000];
  const way = locus.strand === "-" ? -1 : 1;
  let view = [...whole];
  let hovered = null;
  const genes = (locus.genes || [])
    .map(([name, strand, own, at, body, exons]) => ({ name, strand, own, at, body: body || null, exons: exons || [], label: short(name), along: strand === locus.strand }))
    .filter((gene) => within(gene, whole).length);
  genes.forEach((gene) => {
    const shown = within(gene, whole);
    gene.away = Math.min(...shown.map(Math.abs));
    gene.nearest = shown.find((bp) => Math.abs(bp) === gene.away);
  });
  let hoveredGene = null;
  let chosenGene = null;
  let dragged = null;

  const picture = draw("svg", { "aria-hidden": "true", focusable: "false" });
  const frame = make("div", {
    class: "map", tabindex: "0", role: "application", "aria-roledescription": "map of tiles",
    "aria-label": `Map of ${locus.name}`, "aria-describedby": "map-keys",
  }, picture);
  const chosen = make("p", { class: "chosen", role: "status", "aria-live": "polite" });

  const panels = [];
  for (const test of ["necessity", "sufficiency"]) {
    if (measured[test]) panels.push({ test, scale: measured[test].scale, kind: "bars", height: 132, of: measured[test] });
  }
  if ((measured.distance || []).length) panels.push({ test: "moved CREs", kind: "lines", height: 112 });
  for (const panel of panels) panel.ends = panel.kind === "bars" ? barEnds(panel.of) : lineEnds();

  function barEnds(of) {
    const values = [...of.mean];
    of.mean.forEach((mean, k) => {
      if (of.se && mean !== null && of.se[k] !== null) values.push(mean - of.se[k], mean + of.se[k]);
      if (of.values) values.push(...of.values[k]);
    });
    const [low, high] = ends(values, 0);
    return [Math.min(low, -0.02), Math.max(high, 0.02)];
  }

  function lineEnds() {
    return ends(measured.distance.flatMap((cre) => cre.mean), 1);
  }

  // Lanes above the panels: classes, the order of greedy searches, what is left of fine tiles.
  const lanes = [];
  if ((measured.classes || []).some(Boolean)) lanes.push("class");
  if ((measured.greedy || []).length) lanes.push("greedy");
  if ((measured.fine || []).some((cre) => cre.parts.length)) lanes.push("fine tile");

  for (const [label] of locus.lanes || []) lanes.push(`own ${label}`);

  const heightOf = (lane) => (lane === "fine tile" && measured.fine.some((cre) => (cre.motifs || []).length) ? 34 : 20);
  const lost = (test, k) => Boolean(measured[test] && (measured[test].lost || []).includes(k));
  // Tiles that a search has chosen, and that change the activity: one that does not is no member
  // of a set. Of two searches that chose it, it belongs to that in which it changes more.
  const ranks = tiles.map(() => []);
  const changes = new Map();
  for (const search of measured.greedy || []) {
    search.tiles.forEach((tile, round) => {
      const step = stepOf(search, round);
      if (tile === null || !step) return;
      if (ranks[tile].length && changes.get(tile) >= step) return;
      changes.set(tile, step);
      ranks[tile] = [[search.search, round + 1]];
    });
  }
  const origin = locus.tiles.length ? (locus.tiles[0][0] + locus.tiles[0][1]) / 2 - locus.tiles[0][2] : 0;

  // Genes in rows, those first that matter most, and how many of the view find no place.
  function placed(x, [low, high], most) {
    LETTERS.font = `${getComputedStyle(frame).fontWeight} 11px ${getComputedStyle(frame).fontFamily}`;
    const rank = (k) => (k === chosenGene ? -2 : genes[k].own ? -1 : genes[k].away);
    const rows = [];
    const found = [];
    let rest = 0;
    for (const k of genes.map((_, k) => k).sort((a, b) => rank(a) - rank(b))) {
      const seen = within(genes[k], [low, high]).map(x);
      if (!seen.length) continue;
      const long = LETTERS.measureText(genes[k].label).width * (genes[k].own ? 1.1 : 1) + 4;
      let [from, to] = [Math.min(...seen) - 8, Math.max(...seen) + 8];
      const before = to + long > x(high) && from - long >= x(low);
      const text = before ? from : to;
      if (before) from -= long;
      else to += long;
      let row = rows.findIndex((taken) => taken.every(([a, b]) => to + 4 <= a || from >= b + 4));
      if (row < 0) row = rows.length;
      if (row >= most) {
        rest += 1;
        continue;
      }
      (rows[row] ??= []).push([from, to]);
      found.push({ k, row, from, to, seen, text, before });
    }
    return { found, rest, rows: rows.length };
  }

  function drawGenes({ found }, inside, top, x) {
    for (const { k, row, from, to, seen, text, before } of found) {
      const gene = genes[k];
      const middle = top + row * GENE_ROW + GENE_ROW / 2;
      const group = draw("g", { class: `gene${gene.own ? " own" : ""}${k === chosenGene || k === hoveredGene ? " marked" : ""}`, "data-gene": k });
      group.append(draw("rect", { class: "hit", x: from, y: middle - GENE_ROW / 2, width: to - from, height: GENE_ROW }));
      if (seen.length > 1) group.append(draw("line", { x1: Math.min(...seen), x2: Math.max(...seen), y1: middle, y2: middle }));
      for (const [a, b] of gene.exons) {
        if (b > view[0] && a < view[1]) group.append(draw("rect", { class: "exon", x: x(a), y: middle - 3.5, width: Math.max(1, x(b) - x(a)), height: 7 }));
      }
      const way = gene.along ? 1 : -1;
      for (const at of gene.at.filter((bp) => bp >= view[0] && bp <= view[1]).map(x)) {
        group.append(draw("path", { d: `M${at.toFixed(1)},${middle - 4.5}l${way * 7},4.5l${-way * 7},4.5z` }));
      }
      group.append(draw("text", { x: before ? text - 2 : text + 2, y: middle + 4, "text-anchor": before ? "end" : "start" }, gene.label));
      inside.append(group);
    }
  }

  function redraw() {
    const width = Math.max(280, frame.clientWidth - 2);
    const x = scale(view[0], view[1], LEFT, width - RIGHT);
    // The height is that of the whole sequence, so that nothing jumps while it is zoomed.
    const geneRows = placed(scale(whole[0], whole[1], LEFT, width - RIGHT), whole, MOST_GENE_ROWS).rows;
    const around = placed(x, view, geneRows);
    const height = 8 + geneRows * GENE_ROW + lanes.reduce((sum, lane) => sum + heightOf(lane), 0) + panels.reduce((sum, panel) => sum + panel.height, 0) + FOOT + 2;
    const parts = [draw("clipPath", { id: "map-clip" }, draw("rect", { x: LEFT, y: 0, width: width - LEFT - RIGHT, height })), hatching("map-hatch")];
    const inside = draw("g", { "clip-path": "url(#map-clip)" });
    const foot = height - FOOT;
    const shownTiles = tiles.filter((tile) => tile.to > view[0] && tile.from < view[1]);
    const column = (tile, className) =>
      draw("rect", { class: className, x: x(tile.from), y: 0, width: Math.max(2, x(tile.to) - x(tile.from)), height: foot });
    if (selected() !== null) inside.append(column(tiles[selected()], "selected"));
    if (hovered !== null && hovered !== selected()) inside.append(column(tiles[hovered], "hovered"));

    let top = 4;
    if (geneRows) {
      const said = around.rest ? [`${grouped(around.rest)} more`] : [];
      if (!said.length || geneRows > 1) said.unshift(genes.some((gene) => gene.body) ? "genes" : "TSSs");
      said.forEach((text, k) => parts.push(draw("text", { class: "lane genes", x: LEFT - 6, y: top + 12 + k * GENE_ROW, "text-anchor": "end" }, text)));
      drawGenes(around, inside, top, x);
      top += geneRows * GENE_ROW;
    }
    for (const lane of lanes) {
      parts.push(draw("text", { class: "lane", x: LEFT - 6, y: top + 14, "text-anchor": "end" }, short(lane.replace(/^own /, ""), 9)));
      drawLane(lane, inside, shownTiles, x, top);
      top += heightOf(lane);
    }
    for (const panel of panels) {
      const y = scale(panel.ends[0], panel.ends[1], top + panel.height - 8, top + 10);
      for (const value of ticks(panel.ends[0], panel.ends[1], 4)) {
        if (y(value) < top + 8 || y(value) > top + panel.height - 6) continue;
        parts.push(draw("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
        parts.push(draw("text", { class: "tick", x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, number(value, 3)));
      }
      [panel.test, panel.scale || (panel.kind === "lines" ? "fold change" : "")].forEach((words, line) => parts.push(draw("text", {
        class: "axis", transform: `translate(${11 + 14 * line} ${top + panel.height / 2}) rotate(-90)`, "text-anchor": "middle",
      }, words)));
      if (panel.kind === "bars") {
        for (const tile of shownTiles.filter((one) => lost(panel.test, one.k))) {
          inside.append(draw("rect", {
            class: "no-bases", fill: "url(#map-hatch)", "data-lost": panel.test, "data-tile": tile.k,
            x: x(tile.from), y: top + 6, width: Math.max(1, x(tile.to) - x(tile.from)), height: panel.height - 10,
          }));
        }
        drawBars(panel, inside, shownTiles, x, y);
      }
      else drawLines(inside, x, y);
      top += panel.height;
    }
    if (0 > view[0] && 0 < view[1]) {
      inside.append(draw("line", { class: "tss", x1: x(0), x2: x(0), y1: 2, y2: foot }));
      parts.push(draw("text", { class: "tick strong", x: x(0), y: foot + 27, "text-anchor": "middle" }, SITE));
    }
    for (const bp of ticks(view[0], view[1], Math.max(2, Math.floor(width / 110)))) {
      parts.push(draw("line", { class: "mark", x1: x(bp), x2: x(bp), y1: foot, y2: foot + 4 }));
      parts.push(draw("text", { class: "tick", x: x(bp), y: foot + 15, "text-anchor": "middle" }, bp === 0 ? "0" : offset(bp)));
    }
    parts.push(draw("line", { class: "mark", x1: LEFT, x2: width - RIGHT, y1: foot, y2: foot }));
    parts.push(draw("text", { class: "axis", x: width - RIGHT, y: foot + 28, "text-anchor": "end" }, width > 460 ? `distance from the ${SITE}, downstream \u2192` : "downstream \u2192"));
    drawGenome(parts, x, width, foot + 40);
    picture.setAttribute("width", width);
    picture.setAttribute("height", height);
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.replaceChildren(...parts, inside);
  }

  // The same axis as places on the genome, 1-based; of a minus-strand gene they fall to the right.
  function drawGenome(parts, x, width, y) {
    const placeAt = (bp) => locus.tss + way * bp + 1;
    const ends = [placeAt(view[0]), placeAt(view[1])].sort((a, b) => a - b);
    parts.push(draw("line", { class: "mark", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }));
    for (const place of ticks(ends[0], ends[1], Math.max(1, Math.floor(width / 150)))) {
      if (place < 1 || !Number.isInteger(place)) continue;
      const at = x(way * (place - 1 - locus.tss));
      const text = grouped(place);
      const half = LETTERS.measureText(text).width / 2;
      parts.push(draw("line", { class: "mark", x1: at, x2: at, y1: y, y2: y + 4 }));
      if (at - half < LEFT - 20 || at + half > width) continue;
      parts.push(draw("text", { class: "tick genomic", x: at, y: y + 15, "text-anchor": "middle", "data-place": place }, text));
    }
    const direction = way < 0 ? "\u2190 higher, minus strand" : "higher \u2192";
    const shown = width > 460 ? `${short(locus.contig, 24)}, 1-based, ${direction}` : `${short(locus.contig, 12)}, ${direction}`;
    parts.push(draw("text", { class: "axis genome", x: width - RIGHT, y: y + 29, "text-anchor": "end" }, shown));
  }

  function drawLane(lane, inside, shownTiles, x, top) {
    if (lane.startsWith("own ")) {
      for (const [from, to, name] of locus.lanes.find(([label]) => `own ${label}` === lane)[1]) {
        if (to < view[0] || from > view[1]) continue;
        const wide = Math.max(1.5, x(to) - x(from));
        inside.append(draw("rect", { class: "own-lane", x: x(from), y: top + 4, width: wide, height: 11 }, draw("title", {}, name)));
        if (name && LETTERS.measureText(name).width + 6 < wide) {
          inside.append(draw("text", { class: "own-name", x: x(from) + wide / 2, y: top + 13, "text-anchor": "middle" }, name));
        }
      }
      return;
    }
    if (lane === "fine tile") {
      for (const cre of measured.fine) {
        for (const [start, end] of cre.parts) {
          const width = Math.max(2, x(end - origin) - x(start - origin));
          inside.append(draw("rect", { class: "left-over", x: x(start - origin), y: top + 5, width, height: 10 }));
        }
        drawMotifs(cre, inside, x, top);
      }
      return;
    }
    for (const tile of shownTiles) {
      const width = Math.max(2, x(tile.to) - x(tile.from) - 1);
      const name = lane === "class" ? measured.classes[tile.k] : "";
      if (name) {
        const kind = name.endsWith("enhancer") ? "enhancer" : "silencer";
        inside.append(draw("rect", {
          class: `cre fill-${kind}${name.startsWith("weak") ? " weak" : ""}`, x: x(tile.from) + 0.5, y: top + 3, width, height: 13,
        }));
      }
    }
    if (lane === "greedy") drawRanks(inside, shownTiles, x, top);
  }

  // The numbers of the searches, the first ones first: a dot where there is no room for a number,
  // and nothing where there is none for a dot.
  function drawRanks(inside, shownTiles, x, top) {
    const taken = [];
    const fits = (at, half) => taken.every(([from, to]) => at + half <= from || at - half >= to);
    const place = (at, half) => taken.push([at - half, at + half]);
    const chosen = shownTiles.filter((tile) => ranks[tile.k].length);
    for (const tile of chosen.sort((a, b) => ranks[a.k][0][1] - ranks[b.k][0][1])) {
      const middle = (x(tile.from) + x(tile.to)) / 2;
      const text = ranks[tile.k].map(([search, rank]) => `${search[0].toUpperCase()}${rank}`).join(" ");
      const half = (text.length * 6.2) / 2 + 1;
      if (fits(middle, half)) {
        place(middle, half);
        inside.append(draw("text", { class: "rank", x: middle, y: top + 14, "text-anchor": "middle" }, text));
      } else if (fits(middle, 3)) {
        place(middle, 3);
        inside.append(draw("circle", { class: "rank-mark", cx: middle, cy: top + 10, r: 3 }));
      }
    }
  }

  // Names of the best motifs below what is left of a tile, as far as there is room.
  function drawMotifs(cre, inside, x, top) {
    let free = -Infinity;
    const best = [...new Map((cre.motifs || []).map((hit) => [hit[0], hit])).values()].slice(0, 6);
    for (const [name, low, high] of best.sort((a, b) => way * (a[1] - b[1]))) {
      const at = x(way * ((low + high - 1) / 2 - locus.tss));
      const half = LETTERS.measureText(short(name, 12)).width / 2 + 3;
      if (at - half < free) continue;
      free = at + half;
      inside.append(draw("text", { class: "motif", x: at, y: top + 27, "text-anchor": "middle" }, short(name, 12)));
    }
  }

  function drawBars(panel, inside, shownTiles, x, y) {
    inside.append(draw("line", { class: "zero", x1: 0, x2: 10000, y1: y(0), y2: y(0) }));
    for (const tile of shownTiles) {
      const mean = panel.of.mean[tile.k];
      if (mean === null) continue;
      const [from, to] = [x(tile.from), x(tile.to)];
      const wide = to - from;
      const [high, low] = [Math.min(y(0), y(mean)), Math.max(y(0), y(mean))];
      inside.append(draw("rect", {
        class: `bar fill-${panel.test}${noisy(panel.of, tile.k) ? " noise" : ""}`, "data-test": panel.test, "data-tile": tile.k,
        x: from + wide * 0.1, y: high, width: Math.max(1, wide * 0.8), height: Math.max(0.8, low - high),
      }));
      const middle = (from + to) / 2;
      if (panel.of.se && panel.of.se[tile.k] !== null) {
        const se = panel.of.se[tile.k];
        inside.append(draw("line", { class: "whisker", x1: middle, x2: middle, y1: y(mean - se), y2: y(mean + se) }));
      }
      if (panel.of.values && wide >= 9) {
        const values = panel.of.values[tile.k];
        values.forEach((value, r) => {
          if (value === null) return;
          const along = from + wide * (0.2 + (0.6 * (r + 0.5)) / values.length);
          inside.append(draw("circle", { class: "replicate", cx: along, cy: y(value), r: wide >= 30 ? 2.4 : 1.5 }));
        });
      }
    }
  }

  function drawLines(inside, x, y) {
    inside.append(draw("line", { class: "zero", x1: 0, x2: 10000, y1: y(1), y2: y(1) }));
    measured.distance.forEach((cre) => {
      const own = cre.tile !== null && cre.tile === selected();
      const order = cre.positions.map((_, k) => k).sort((a, b) => cre.positions[a] - cre.positions[b]);
      const points = order.filter((k) => cre.mean[k] !== null);
      const path = points.map((k) => `${x(cre.positions[k]).toFixed(1)},${y(cre.mean[k]).toFixed(1)}`).join(" ");
      const kind = measured.classes && cre.tile !== null ? measured.classes[cre.tile].split(" ")[1] : "";
      const tone = kind ? ` line-${kind}` : "";
      inside.append(draw("polyline", { class: `moved${tone}${own ? " own" : ""}`, points: path }));
      if (own) {
        for (const k of points) inside.append(draw("circle", { class: `dot${tone}`, cx: x(cre.positions[k]), cy: y(cre.mean[k]), r: 2.2 }));
      }
      inside.append(draw("path", { class: `home${tone}`, d: `M${x(cre.at)},${y(1) - 5}l5,5l-5,5l-5,-5z` }));
    });
  }

  // The tile at a place of the screen; null between tiles.
  function under(event) {
    const box = picture.getBoundingClientRect();
    const bp = view[0] + ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * (view[1] - view[0]);
    if (bp < view[0] || bp > view[1]) return { bp, tile: null };
    const tile = tiles.find((one) => bp >= one.from && bp < one.to);
    return { bp, tile: tile ? tile.k : null };
  }

  function lines(k) {
    const tile = tiles[k];
    const found = [make("b", {}, `${offset(tile.distance)}, ${grouped(tile.bp)} bp`), named(interval(locus.contig, tile.low, tile.high))];
    for (const test of ["necessity", "sufficiency"]) {
      const of = measured[test];
      if (lost(test, k)) found.push(`${test}: ${noBases(locus, k)}`);
      if (!of || of.mean[k] === null) continue;
      found.push(`${test} ${number(of.mean[k])}${spread(of, k)}`);
      if (of.values) found.push(make("small", {}, `replicates ${replicates(of.values[k])}`));
      if (of.q && of.q[k] !== null) found.push(make("small", {}, `q ${number(of.q[k], 2)}${noisy(of, k) ? ": within noise" : ""}`));
      for (const words of certainty(of, k)) found.push(make("small", {}, words));
    }
    const name = (measured.classes || [])[k];
    if (name) found.push(name);
    for (const [search, rank] of ranks[k]) found.push(`no. ${rank} of the ${search}`);
    for (const cre of measured.fine || []) {
      if (cre.tile === k && cre.parts.length) {
        const left = cre.parts.reduce((sum, [start, end]) => sum + end - start, 0);
        found.push(`fine tile: ${grouped(left)} bp left`);
      }
    }
    return found;
  }

  function geneLines(k) {
    const { name, strand, own, at, along, body, exons } = genes[k];
    const places = at.slice(0, 6).map(offset).join(", ");
    return [
      make("b", {}, named(name)),
      `strand ${strand === "-" ? MINUS : strand}, ${own ? "the gene of this locus" : along ? "read as this locus is" : "read against this locus"}`,
      ...(at.length ? [`${at.length > 1 ? "TSSs" : "TSS"} at ${places}${at.length > 6 ? ` and ${at.length - 6} more` : ""}`] : []),
      ...(body ? [`from ${offset(body[0])} to ${offset(body[1])}${exons.length ? `, ${exons.length} ${exons.length === 1 ? "exon" : "exons"} in the window` : ""}`] : []),
    ];
  }

  // Goes to the next gene, and says what it is.
  function goToGene(step) {
    if (!genes.length) return;
    const start = step > 0 ? -1 : genes.length;
    chosenGene = Math.max(0, Math.min(genes.length - 1, (chosenGene ?? start) + step));
    const { nearest } = genes[chosenGene];
    if (nearest < view[0] || nearest > view[1]) set(nearest - (view[1] - view[0]) / 2, view[1] - view[0]);
    const [name, ...said] = geneLines(chosenGene);
    chosen.replaceChildren(`Gene ${chosenGene + 1} of ${genes.length}, `, ...name.childNodes, `: ${said.join("; ")}.`);
    redraw();
    const box = picture.querySelector(`[data-gene="${chosenGene}"]`).getBoundingClientRect();
    showTip(geneLines(chosenGene), box.left + box.width / 2, box.top);
  }

  function zoom(factor, middle = (view[0] + view[1]) / 2) {
    const least = Math.min(whole[1] - whole[0], Math.max(200, (tiles.length ? tiles[0].bp : 1000) * 0.5));
    const wide = Math.min(whole[1] - whole[0], Math.max(least, (view[1] - view[0]) * factor));
    const share = (middle - view[0]) / (view[1] - view[0]);
    set(middle - wide * share, wide);
  }

  function set(low, wide) {
    const from = Math.max(whole[0], Math.min(whole[1] - wide, low));
    view = [from, from + wide];
    frame.dataset.view = view.map(Math.round).join(" ");
    schedule();
  }

  const pan = (share) => set(view[0] + share * (view[1] - view[0]), view[1] - view[0]);
  const reset = () => set(whole[0], whole[1] - whole[0]);

  // Brings a tile into view.
  function reveal(k) {
    const tile = tiles[k];
    if (tile.from < view[0] || tile.to > view[1]) set(tile.distance - (view[1] - view[0]) / 2, view[1] - view[0]);
    schedule();
  }

  let waiting = false;
  function schedule() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      redraw();
    });
  }

  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  const zooms = { "+": 0.6, "=": 0.6, "-": 1 / 0.6, "_": 1 / 0.6 };
  const on = {
    pointermove(event) {
      if (dragged) {
        const box = picture.getBoundingClientRect();
        const wide = dragged.view[1] - dragged.view[0];
        const moved = ((event.clientX - dragged.x) / (box.width - LEFT - RIGHT)) * wide;
        dragged.far ||= Math.abs(event.clientX - dragged.x) > 4;
        if (dragged.far) set(dragged.view[0] - moved, wide);
        return;
      }
      const of = event.target.closest("[data-gene]");
      const gene = of ? Number(of.dataset.gene) : null;
      const tile = of ? null : under(event).tile;
      if (tile !== hovered || gene !== hoveredGene) {
        hovered = tile;
        hoveredGene = gene;
        schedule();
      }
      if (gene !== null) showTip(geneLines(gene), event.clientX, event.clientY);
      else if (tile === null) hideTip();
      else showTip(lines(tile), event.clientX, event.clientY);
    },
    pointerleave() {
      hovered = null;
      hoveredGene = null;
      hideTip();
      schedule();
    },
    pointerdown(event) {
      if (event.button !== 0) return;
      dragged = { x: event.clientX, view: [...view], far: false };
      frame.setPointerCapture(event.pointerId);
    },
    pointerup(event) {
      const was = dragged;
      dragged = null;
      if (was && !was.far) {
        const { tile } = under(event);
        if (tile !== null) frame.dispatchEvent(new CustomEvent("pick", { detail: tile }));
      }
    },
    pointercancel() {
      dragged = null;
    },
    wheel(event) {
      // Without the focus the wheel goes on to move the page.
      if (!event.ctrlKey && document.activeElement !== frame) return;
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / 800);
      else zoom(event.deltaY > 0 ? 1.25 : 0.8, under(event).bp);
    },
    keydown(event) {
      if (event.altKey || event.metaKey || event.ctrlKey) return;
      if (event.key in zooms) zoom(zooms[event.key], selected() === null ? undefined : tiles[selected()].distance);
      else if (event.key === "0") reset();
      else if (event.key === "Escape") {
        chosenGene = null;
        hideTip();
        frame.dispatchEvent(new CustomEvent("pick", { detail: null }));
      } else if (event.key === "g" || event.key === "G") goToGene(event.shiftKey ? -1 : 1);
      else if (event.key in steps && event.shiftKey) pan(Math.sign(steps[event.key]) * 0.25);
      else if (event.key in steps && tiles.length) {
        const step = steps[event.key];
        const first = tiles.findIndex((tile) => tile.from >= 0);
        let next = selected() === null ? (step > 0 ? Math.max(0, first) : Math.max(0, first - 1)) : selected() + step;
        if (!Number.isFinite(step)) next = step > 0 ? tiles.length - 1 : 0;
        frame.dispatchEvent(new CustomEvent("pick", { detail: Math.max(0, Math.min(tiles.length - 1, next)) }));
      } else return;
      event.preventDefault();
    },
    blur: hideTip,
  };
  for (const [event, act] of Object.entries(on)) frame.addEventListener(event, act, { passive: false });
  new ResizeObserver(schedule).observe(frame);

  const button = (text, label, act) => make("button", { type: "button", "aria-label": label, title: label, on: { click: act } }, text);
  const buttons = make("div", { class: "tools", role: "group", "aria-label": "Zoom and move" },
    button("+", "zoom in", () => zoom(0.6)),
    button(MINUS, "zoom out", () => zoom(1 / 0.6)),
    button("\u2190", "move upstream", () => pan(-0.25)),
    button("\u2192", "move downstream", () => pan(0.25)),
    button("whole", "show the whole sequence", reset));
  const keys = make("p", { id: "map-keys", class: "keys" },
    "Click the map or go to it with Tab: arrow keys go from tile to tile, + and \u2212 zoom, Shift and arrow keys move, ",
    "0 shows all, ", genes.length ? "G goes from gene to gene (Shift and G back), " : "", "Escape lets go. The wheel zooms while the map has the focus. Points are replicates; whiskers are one standard error over them, which is about the choice of shuffles alone",
    (measured.distance || []).length ? "; lines below are CREs moved to other places, diamonds their own." : ".",
    panels.some((panel) => panel.of && panel.of.mean.some((_, k) => noisy(panel.of, k))) ? ` Grey bars are within noise (q above ${NOISE}).` : "",
    panels.some((panel) => (panel.of && panel.of.lost) || false) ? " Hatched tiles were not measured, for lack of bases." : "",
    locus.strand === "-" ? " The gene is on the minus strand: left is upstream of it, where places on the genome are higher." : "",
    (measured.greedy || []).length ? ` E and S: tiles in the order in which the searches chose them as enhancers and as silencers, where that changed the activity by more than ${LEAST_STEP} of the wild type and by two standard errors; zoom in to see those for which there is no room.` : "",
    locus.genes_more ? ` ${grouped(locus.genes_more)} more genes, further from the TSS, are left out of this page.` : "");
  set(whole[0], whole[1] - whole[0]);
  const rows = () => {
    const tests = ["necessity", "sufficiency"].filter((test) => measured[test]);
    const most = (test) => Math.max(0, ...(measured[test].values || []).map((values) => values.length));
    const heads = ["contig", "start (1-based)", "end", "distance", "class",
      ...tests.flatMap((test) => [test, `${test} sd`, `${test} se`, `${test} q`, ...Array.from({ length: most(test) }, (_, k) => `${test} replicate ${k + 1}`)])];
    return [heads, ...tiles.map(({ k, low, high, distance }) => [locus.contig, Math.max(0, low) + 1, high, distance, (measured.classes || [])[k],
      ...tests.flatMap((test) => {
        const of = measured[test];
        return [of.mean[k], ...["sd", "se", "q"].map((key) => (of[key] ? of[key][k] : null)), ...(of.values ? of.values[k] : [])];
      })])];
  };
  const saves = saveButtons(`Map of ${locus.name}`, picture, rows);
  return { element: make("div", {}, buttons, frame, saves, chosen, keys), frame, chosen, tiles, lines, reveal, redraw: schedule };
}
