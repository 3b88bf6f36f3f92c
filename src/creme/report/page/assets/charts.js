// Small charts beside the map: lines with points that say what they are, and go to their tile.

function chart({ title, across, up, lines, always, whole = true, pick, width = 330, labels = null, based = true, formula = null }) {
  const height = 210;
  const points = lines.flatMap((line) => line.points);
  const lows = points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]);
  const [bottom, top] = ends(lows, always);
  const xs = points.map((point) => point.x).filter((value) => value !== null);
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const room = (last - first || 1) * 0.04;
  const x = scale(first - room, last + room, 52, width - 12);
  const y = scale(bottom, top, height - 42, 12);
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${up} against ${across}; the values stand in the table` });
  for (const value of ticks(bottom, top, 4)) {
    picture.append(
      draw("line", { class: "grid", x1: 52, x2: width - 12, y1: y(value), y2: y(value) }),
      draw("text", { class: "tick", x: 47, y: y(value) + 4, "text-anchor": "end" }, number(value, 3)));
  }
  for (const value of labels ? labels.map((_, k) => k) : ticks(first, last, 5)) {
    if (whole && !Number.isInteger(value)) continue;
    picture.append(draw("text", { class: "tick", x: x(value), y: height - 26, "text-anchor": "middle" }, labels ? short(labels[value], Math.max(4, Math.floor(36 / labels.length))) : grouped(value)));
  }
  if (based) picture.append(draw("line", { class: "zero", x1: 52, x2: width - 12, y1: y(always), y2: y(always) }));
  picture.append(
    draw("line", { class: "mark", x1: 52, x2: width - 12, y1: height - 42, y2: height - 42 }),
    draw("text", { class: "axis", x: (52 + width - 12) / 2, y: height - 8, "text-anchor": "middle" }, across),
    draw("text", { class: "axis", transform: `translate(12 ${(height - 30) / 2}) rotate(-90)`, "text-anchor": "middle" }, up));
  for (const line of lines) {
    const known = line.points.filter((point) => point.y !== null);
    const path = known.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(" ");
    const group = draw("g", { class: `series ${line.tone || ""}`, "data-tile": line.tile ?? null });
    // What has a width of its own, a tile, is a bar.
    const bars = known.some((point) => point.wide);
    if (!bars) group.append(draw("polyline", { class: "line", points: path }));
    for (const point of known) {
      let across = x(point.x);
      if (bars) {
        const part = (x(point.wide) - x(0)) / lines.length;
        across += (lines.indexOf(line) - (lines.length - 1) / 2) * part;
        group.append(draw("rect", { class: "bar", x: across - part * 0.44, width: part * 0.88, y: Math.min(y(point.y), y(always)), height: Math.abs(y(point.y) - y(always)) }));
      }
      for (const value of point.values || []) {
        if (value !== null) group.append(draw("circle", { class: "replicate", cx: across, cy: y(value), r: 1.5 }));
      }
      if (point.low !== undefined && point.low !== null) {
        group.append(draw("line", { class: "whisker", x1: across, x2: across, y1: y(point.low), y2: y(point.high) }));
      }
      const tile = point.tile ?? line.tile ?? null;
      const dot = draw("circle", { class: "dot", cx: across, cy: y(point.y), r: 3.2, "data-tile": tile });
      const show = (event) => showTip([...(line.name ? [make("b", {}, line.name)] : []), ...point.lines], event.clientX, event.clientY);
      const hit = draw("circle", { class: "hit", cx: across, cy: y(point.y), r: 9, on: { pointermove: show, pointerleave: hideTip } });
      if (tile !== null) hit.addEventListener("click", () => pick(tile));
      group.append(dot, hit);
    }
    picture.append(group);
  }
  const legend = make("ul", { class: "legend" }, lines.filter((line) => line.name).map((line) => make("li", { class: line.tone || "" }, named(line.name))));
  // The values that are drawn, a row a point.
  const rows = () => {
    const most = Math.max(0, ...points.map((point) => (point.values || []).length));
    const heads = ["line", across, up, "low", "high", ...Array.from({ length: most }, (_, k) => `replicate ${k + 1}`)];
    return [heads, ...lines.flatMap((line) => line.points.map((point) =>
      [line.name || "", labels ? labels[point.x] : point.x, point.y, point.low, point.high, ...(point.values || [])]))];
  };
  return make("figure", { class: width > 330 ? "chart broad" : "chart" }, make("figcaption", {}, title),
    formula ? make("p", { class: "keys" }, formula) : null, picture, legend, saveButtons(title, picture, rows));
}
