// Tests that have no place on the map of tiles: their measure along its dimensions, for one locus.

const MOST_CELLS = 4000;
const MOST_LISTED = 10;
const MOST_IN_TABLE = 3000;

// All values of a test as rows, in order.
function measureRows(test) {
  if (test.top) return test.top.map((one) => ({ ...one, values: null }));
  return test.rows.flatMap((row, r) => test.mean[r].map((y, k) => ({
    row, y, x: (test.x[r] || test.x[0])[k], k, name: test.names && test.names[k], at: test.at && test.at[k],
    se: test.se ? test.se[r][k] : null, values: test.values ? test.values[r][k] : null, letter: test.letters && test.letters[k],
  })).filter((one) => one.y !== null));
}

// Where a value was measured, as text.
function measurePlace(test, one) {
  if (test.kind === "sequence") return offset(Math.round(one.x));
  if (test.kind === "names") return one.name || "";
  return number(one.x, 6);
}

function measureTip(test, locus, one) {
  const lines = [`${one.letter ? `${one.letter} at ` : ""}${measurePlace(test, one)}`];
  if (one.at) lines.push(named(interval(locus.contig, ...one.at)));
  lines.push(`${test.measure} ${number(one.y)}${one.se === null ? "" : ` (${test.spread} ${number(one.se, 3)})`}`);
  if (one.values) lines.push(make("small", {}, `replicates ${replicates(one.values)}`));
  return lines;
}

// A line or bars for each row.
function measureChart(test, locus) {
  const all = measureRows(test);
  const always = test.neutral === null ? (all[0] || { y: 0 }).y : test.neutral;
  const lines = test.rows.map((row, r) => ({
    name: row,
    tone: `tone-${r % 6}`,
    points: all.filter((one) => one.row === row).map((one) => ({
      x: one.x / test.scale, y: one.y, values: test.faint ? one.values : null,
      low: one.se === null ? null : one.y - one.se, high: one.se === null ? null : one.y + one.se,
      wide: test.width ? test.width / test.scale : null, lines: measureTip(test, locus, one),
    })),
  }));
  return chart({
    title: test.title, across: test.across, up: test.measure, always, lines, whole: false, pick: () => {},
    width: test.kind === "sequence" ? 680 : 330, labels: test.names, based: test.neutral !== null,
  });
}

// Rows of coloured cells, a column a position; above them bars of the profile, and the letters.
function measureMap(test, locus) {
  const columns = test.mean[0].length;
  const label = Math.min(130, 44 + (test.profile ? 0 : -32) + 7 * Math.max(...test.rows.map((row) => short(row, 16).length)));
  const cell = Math.max(test.letters && columns <= 200 ? 9 : 2, Math.min(40, 620 / columns));
  const high = 15;
  const above = test.profile ? 66 : 0;
  const letters = test.letters && cell >= 9 ? 14 : 0;
  const top = above + letters + 4;
  const width = label + Math.max(columns * cell, 240) + 12;
  const height = top + test.rows.length * high + 40;
  const base = test.neutral === null ? 0 : test.neutral;
  const far = Math.max(...test.mean.flat().filter((y) => y !== null).map((y) => Math.abs(y - base))) || 1;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${test.title}: ${test.measure} by ${test.by} and ${test.across}; the values stand in the table` });
  if (test.profile) {
    const [low, up] = ends(test.profile, base);
    const y = scale(low, up, above - 4, 6);
    for (const value of ticks(low, up, 3)) {
      picture.append(draw("text", { class: "tick", x: label - 5, y: y(value) + 4, "text-anchor": "end" }, number(value, 2)));
    }
    picture.append(draw("line", { class: "zero", x1: label, x2: label + columns * cell, y1: y(base), y2: y(base) }));
    test.profile.forEach((value, k) => {
      if (value === null) return;
      const show = (event) => showTip([make("b", {}, `${test.letters ? `${test.letters[k]} at ` : ""}${measurePlace(test, { x: test.x[0][k], name: test.names && test.names[k] })}`), `${test.profileName} ${number(value)}`], event.clientX, event.clientY);
      picture.append(draw("rect", { class: value >= base ? "more" : "less", x: label + k * cell, width: cell * 0.9, y: Math.min(y(value), y(base)), height: Math.abs(y(value) - y(base)), on: { pointermove: show, pointerleave: hideTip } }));
    });
  }
  if (letters) {
    test.letters.forEach((letter, k) => picture.append(draw("text", { class: "tick", x: label + (k + 0.5) * cell, y: above + 11, "text-anchor": "middle" }, letter)));
  }
  const all = measureRows(test);
  const cells = draw("g", { class: cell < 5 ? "cells narrow" : "cells" });
  const hatch = `hatch-${test.label}`.replace(/[^A-Za-z0-9_-]/g, "_");
  if (test.mean.some((row) => row.includes(null))) picture.append(hatching(hatch));
  test.mean.forEach((means, row) => means.forEach((mean, k) => {
    // A cell without a value is not one of no effect.
    if (mean === null) picture.append(draw("rect", { class: "no-value", fill: `url(#${hatch})`, x: (label + k * cell).toFixed(2), y: top + row * high, width: cell.toFixed(2), height: high - 1 }));
  }));
  all.forEach((one, n) => {
    const row = test.rows.indexOf(one.row);
    cells.append(draw("rect", {
      class: one.y >= base ? "more" : "less", "fill-opacity": (Math.abs(one.y - base) / far).toFixed(3), "data-n": n,
      x: (label + one.k * cell).toFixed(2), y: top + row * high, width: cell.toFixed(2), height: high - 1,
    }));
    if (one.letter === one.row && cell >= 5) cells.append(draw("circle", { class: "replicate", cx: label + (one.k + 0.5) * cell, cy: top + (row + 0.5) * high, r: 1.3 }));
  });
  cells.addEventListener("pointermove", (event) => {
    const one = all[event.target.dataset.n];
    if (one) showTip([make("b", {}, one.row), ...measureTip(test, locus, one)], event.clientX, event.clientY);
  });
  cells.addEventListener("pointerleave", hideTip);
  picture.append(cells);
  for (const k of gapsAfter(test)) {
    picture.append(draw("line", { class: "mark", x1: label + (k + 1) * cell, x2: label + (k + 1) * cell, y1: 0, y2: height - 36 }));
  }
  test.rows.forEach((row, r) => picture.append(draw("text", { class: "tick", x: label - 5, y: top + r * high + 11, "text-anchor": "end" }, short(row, 16))));
  for (const k of roundColumns(test, columns, Math.max(2, Math.floor((columns * cell) / 70)))) {
    const x = label + (k + 0.5) * cell;
    const text = test.names ? short(test.names[k], 10) : number(test.x[0][k] / test.scale, 6);
    picture.append(draw("text", { class: "tick", x, y: height - 24, "text-anchor": "middle" }, text));
  }
  picture.append(draw("text", { class: "axis", x: label + Math.max(columns * cell, 240) / 2, y: height - 8, "text-anchor": "middle" }, test.across));
  const legend = make("p", { class: "keys" }, test.profile ? `Bars: ${test.profileName}. ` : "", `Colours: ${test.measure} from ${number(base - far, 3)} (blue) to ${number(base + far, 3)} (red).`);
  return make("figure", { class: "chart heat" }, make("figcaption", {}, test.title), make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": test.title }, picture), legend);
}

// The columns after which positions are left out.
function gapsAfter(test) {
  if (!test.at) return [];
  return test.at.slice(1).flatMap(([start, end], k) => (start === test.at[k][1] || end === test.at[k][0] ? [] : [k]));
}

// The columns whose places are round numbers; evenly spaced ones where none are.
function roundColumns(test, columns, most) {
  const every = Math.max(1, Math.ceil(columns / most));
  const spaced = Array.from({ length: columns }, (_, k) => k).filter((k) => k % every === 0);
  if (test.names || columns < 2) return spaced;
  const x = test.x[0].map((value) => value / test.scale);
  const step = ticks(x[0], x[columns - 1], most - 1);
  const round = step.map((value) => x.findIndex((one) => Math.abs(one - value) < 1e-6)).filter((k) => k >= 0);
  return round.length > 1 ? round : spaced;
}

// What a locus's section shows of a test: its picture, the values furthest from neutral, all of them.
function measurePart(test, locus, grid) {
  const rows = measureRows(test);
  const base = test.neutral === null ? 0 : test.neutral;
  const heads = [
    ...(test.by ? [test.by] : []), test.kind === "sequence" ? `from ${SITE}` : test.kind === "names" && !rows.some((one) => one.name) ? "" : test.across,
    ...(rows.some((one) => one.at) ? ["on the genome"] : []), test.measure, ...(test.spread ? [test.spread] : []), ...(test.values ? ["replicates"] : []),
  ];
  const cells = (one) => [
    ...(test.by ? [named(one.row)] : []), measurePlace(test, one),
    ...(heads.includes("on the genome") ? [one.at && one.at[0] !== null ? named(interval(locus.contig, ...one.at)) : ""] : []),
    number(one.y), ...(test.spread ? [one.se === null || one.se === undefined ? "" : number(one.se, 3)] : []), ...(test.values ? [one.values ? replicates(one.values) : ""] : []),
  ];
  const kinds = heads.map((head) => (head === test.measure || (test.spread && head === test.spread) ? "n" : " ")).join("");
  const far = [...rows].sort((a, b) => Math.abs(b.y - base) - Math.abs(a.y - base)).slice(0, MOST_LISTED);
  const most = test.neutral === null ? "largest values" : "values furthest from neutral";
  const caption = rows.length > far.length || test.top ? `${test.title}: the ${far.length} ${most}` : `${test.title}: all values, ${test.neutral === null ? "the largest" : "those furthest from neutral"} first`;
  const parts = [];
  const tables = [grid(caption, heads, far.map(cells), kinds)];
  if (!test.top && rows.length && test.x[0].length > 1) {
    if (!test.map) parts.push(measureChart(test, locus));
    else if (rows.length <= MOST_CELLS) parts.push(measureMap(test, locus));
  }
  if (rows.length > far.length) {
    const box = make("details", {}, make("summary", {}, `All ${grouped(rows.length)} values as a table`));
    // Made when it is looked at: it is long.
    box.addEventListener("toggle", () => {
      if (!box.open || box.children.length > 1) return;
      const rest = rows.length > MOST_IN_TABLE ? `, the first ${grouped(MOST_IN_TABLE)}` : "";
      box.append(grid(`${test.title}: all values in order${rest}`, heads, rows.slice(0, MOST_IN_TABLE).map(cells), kinds));
    });
    tables.push(box);
  }
  if (test.averaged.length) tables.push(make("p", { class: "keys" }, `Averaged over ${test.averaged.join(" and ")}.`));
  return make("div", { class: "part measure", "data-label": test.label }, parts, make("div", { class: "tables" }, tables));
}
