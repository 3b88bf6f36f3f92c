// Buttons that copy a place, and that save a figure or its values as a file; all without a network.

const said = make("p", { class: "said", role: "status", "aria-live": "polite" });

async function copied(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    // Some browsers keep the clipboard from pages of the disk, but for a selection.
    const field = make("textarea", { class: "skip", "aria-hidden": "true", tabindex: "-1" });
    field.value = words;
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (focused) focused.focus();
    return done;
  }
}

function say(words) {
  said.textContent = words;
  clearTimeout(said.timer);
  said.timer = setTimeout(() => { said.textContent = ""; }, 4000);
}

function save(file, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  say(`${file} is saved.`);
}

// What the page's style sheet gives to a drawing, which has to go with it.
const STYLED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "stroke-linecap", "opacity", "font-family", "font-size", "font-weight"];

function standalone(picture) {
  const copy = picture.cloneNode(true);
  const box = picture.getBoundingClientRect();
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", box.width);
  copy.setAttribute("height", box.height);
  if (!picture.closest(".paper")) {
    const copies = copy.querySelectorAll("*");
    picture.querySelectorAll("*").forEach((one, k) => {
      const style = getComputedStyle(one);
      copies[k].setAttribute("style", STYLED.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    });
    const ground = draw("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor });
    copy.prepend(ground);
  }
  copy.removeAttribute("aria-hidden");
  return new XMLSerializer().serializeToString(copy);
}

// A cell of CSV; text that a spreadsheet would take for a formula gets an apostrophe before it.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(value) && !["+", "-"].includes(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvText = (rows) => rows.map((row) => row.map(csvCell).join(",")).join("\n") + "\n";
const fileName = (words) => words.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase().slice(0, 60) || "figure";

// Buttons for a drawing of the script's own.
function saveButtons(title, picture, rows) {
  const file = fileName(title);
  const button = (words, label, act) => make("button", { type: "button", "aria-label": `${label}: ${title}`, on: { click: act } }, words);
  return make("div", { class: "saves" },
    button("SVG", "save the figure as SVG", () => save(`${file}.svg`, "image/svg+xml", standalone(picture))),
    button("CSV", "save the values of the figure as CSV", () => save(`${file}.csv`, "text/csv", csvText(rows()))));
}

const copyButton = (words) => make("button", { type: "button", class: "copy", "data-copy": words, "aria-label": `copy ${words}` }, "copy");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { copy, save: kind, of, file } = button.dataset;
  if (copy !== undefined) say((await copied(copy)) ? `${copy} is copied.` : "The browser does not let the page copy.");
  if (kind === "svg") save(file, "image/svg+xml", standalone(button.closest("figure").querySelector("svg")));
  if (kind === "csv") save(file, "text/csv", await unpack(`csv-${of}`));
});
document.body.append(said);
for (const hidden of document.querySelectorAll(".saves[hidden], .copy[hidden]")) hidden.hidden = false;
