// Elements, numbers, and the data of the page. Text gets into the page as text nodes alone.

// What loci are about, and how the context effect is computed.
const SITE = document.documentElement.dataset.site;
const CONTEXT_EFFECT = document.documentElement.dataset.scale;
const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";

// An element with attributes and children; what is no node is text.
function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    } else {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const at = (id) => document.getElementById(id);

// A name keeps its direction of writing to itself.
const named = (text) => make("bdi", {}, text);

// A number with so many significant digits, with a minus sign, and without zeros at its end.
function number(value, digits = 4) {
  if (value === null || value === undefined) return "undefined";
  if (value === 0) return "0";
  const size = Math.abs(value);
  let text = size < 1e-4 || size >= 1e7 ? value.toExponential(digits - 1) : value.toPrecision(digits);
  if (text.includes("e") && size >= 1e-4 && size < 1e7) text = String(Number(text));
  const [head, power] = text.split("e");
  const short = head.includes(".") ? head.replace(/\.?0+$/, "") : head;
  return (power === undefined ? short : `${short}e${Number(power)}`).replaceAll("-", MINUS);
}

const grouped = (value) => value.toLocaleString("en-US").replaceAll("-", MINUS);

// A distance from the TSS, bp.
function offset(bp) {
  const sign = bp > 0 ? "+" : "";
  const [value, unit] = Math.abs(bp) >= 1000 ? [bp / 1000, "kb"] : [bp, "bp"];
  return `${sign}${number(value, 7)} ${unit}`;
}

// Whether an effect is within noise.
const NOISE = 0.05;
const noisy = (of, k) => Boolean(of.q && of.q[k] !== null && of.q[k] > NOISE);

// How large an effect of a tile is among others, and how far it varies.
const CERTAINTY = {
  percentile: ["percentile of all", 3],
  panel_p: ["rank p by the panel", 2],
  std_members: ["sd between members", 2],
  std_positions: ["sd between positions of the TSS", 2],
};
const certainty = (of, k) => Object.entries(CERTAINTY)
  .filter(([key]) => of[key] && of[key][k] !== null)
  .map(([key, [words, digits]]) => `${words} ${number(of[key][k], digits)}`);

// A pattern for what was not measured.
function hatching(id) {
  return draw("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    draw("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 6 }));
}

// Why a tile has no value: its share of bases.
function noBases(locus, k) {
  const share = (locus.bases || [])[k];
  return `not measured${share === null || share === undefined ? "" : `, ${number(100 * share, 3)} % of the tile is bases`}`;
}

// A place as genome browsers take it: 1-based, both ends included; given 0-based, half-open.
const interval = (contig, start, end) => `${contig}:${Math.max(0, start) + 1}${end - start === 1 ? "" : `-${end}`}`;

// Genome browsers that show a place, where the results name their assembly.
const ASSEMBLY = document.documentElement.dataset.assembly;
const ENSEMBL = JSON.parse(document.documentElement.dataset.ensembl);
function browsersOf(place) {
  if (!ASSEMBLY) return [];
  const found = [["UCSC", `https://genome.ucsc.edu/cgi-bin/hgTracks?db=${encodeURIComponent(ASSEMBLY)}&position=${encodeURIComponent(place)}`]];
  if (ENSEMBL) found.push(["Ensembl", `https://${ENSEMBL[0]}.ensembl.org/${ENSEMBL[1]}/Location/View?r=${encodeURIComponent(place.replace(/^chr/, ""))}`]);
  return found;
}

// The section of a locus, and the values of a figure, are packed, and unpacked when they are wanted.
async function unpack(id) {
  const packed = atob(at(id).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A scale from values to pixels.
function scale(low, high, from, to) {
  const factor = (to - from) / (high - low || 1);
  return (value) => from + (value - low) * factor;
}

// Round values of an axis, about so many.
function ticks(low, high, about) {
  const rough = (high - low) / Math.max(1, about) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    found.push(Number((k * step).toPrecision(12)));
  }
  return found;
}

// The ends of some values, with room, and with a value that has to be there.
function ends(values, always) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const low = known.reduce((a, b) => Math.min(a, b), always);
  const high = known.reduce((a, b) => Math.max(a, b), always);
  const room = (high - low || Math.abs(always) || 1) * 0.08;
  return [low === always ? low - room * 0.4 : low - room, high + room];
}

// A box beside the pointer, the same for all drawings.
const tip = make("div", { id: "tip", role: "tooltip", hidden: true });

function showTip(lines, x, y) {
  tip.replaceChildren(...lines.map((line) => make("div", {}, line)));
  tip.hidden = false;
  tip.style.left = "0"; // where it is as wide as it wants to be
  const box = tip.getBoundingClientRect();
  const left = Math.min(x + 14, document.documentElement.clientWidth - box.width - 6);
  const above = y - box.height - 12;
  tip.style.left = `${Math.max(6, left) + window.scrollX}px`;
  tip.style.top = `${(above < 6 ? y + 18 : above) + window.scrollY}px`;
}

function hideTip() {
  tip.hidden = true;
}

const spread = (of, k) => {
  const parts = [];
  if (of.se) parts.push(`se ${number(of.se[k], 3)}`);
  if (of.sd) parts.push(`sd ${number(of.sd[k], 3)}`);
  return parts.length ? ` (${parts.join(", ")})` : "";
};

// A test that stops early has fewer replicates of some tiles.
const replicates = (values) => values.filter((value) => value !== null).map((value) => number(value)).join(", ");
