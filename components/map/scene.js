// From the data Python sent to Plotly traces. Pure: no page, no Plotly.

const SYMBOLS = ["circle", "diamond"]; // training, real world: never colour alone
const NONE = 255; // paint code of an image without a value

/** The message of Python with its arrays unpacked. */
export function unpack(data) {
  const xy = arrayFrom(data.xy);
  const n = data.n;
  const x = new Float32Array(n);
  const y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    x[i] = xy[2 * i];
    y[i] = xy[2 * i + 1];
  }
  const paint = { ...data.paint, code: arrayFrom(data.paint.code) };
  if (paint.values) paint.values = arrayFrom(paint.values);
  return {
    ...data, n, x, y, paint,
    origin: arrayFrom(data.origin),
    label: arrayFrom(data.label),
    hashes: data.hashes ? bytesFromBase64(data.hashes) : null,
    shown: data.shown ? flagsFromMask(data.shown, n) : new Uint8Array(n).fill(1),
  };
}

/** Points get smaller as they become many: about 9 px for a hundred, 3.5 px for a hundred thousand. */
export function pointSize(n) {
  return Math.max(3.5, Math.min(10, 13 - 1.9 * Math.log10(Math.max(n, 1))));
}

/** Rows in groups that one trace can draw: filtered out, or one paint code and one origin. */
export function groupRows(scene) {
  const groups = new Map();
  for (let row = 0; row < scene.n; row++) {
    const key = scene.shown[row] ? scene.paint.code[row] * 2 + scene.origin[row] : -1;
    let group = groups.get(key);
    if (!group) groups.set(key, (group = []));
    group.push(row);
  }
  // drawn first, and so underneath: filtered out, without a value, the grey rest
  const level = (key) => (key === -1 ? -3 : key >> 1 === NONE ? -2 : key >> 1 === scene.paint.rest ? -1 : key);
  return [...groups].sort((a, b) => level(a[0]) - level(b[0]));
}

function take(values, rows) {
  const out = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i]];
  return out;
}

function markerOf(scene, key, rows, look) {
  const size = pointSize(scene.n);
  if (key === -1) return { color: look.faint, size: size * 0.8, symbol: "circle", opacity: 0.55 };
  const code = key >> 1;
  const real = key & 1;
  // a diamond of the same nominal size looks larger than a circle
  const edged = look.edge && scene.paint.kind === "category" && code !== scene.paint.rest;
  const line = { width: edged ? 0.6 : 0, color: look.edge || look.ink };
  const marker = { size: real ? size * 1.12 : size, symbol: SYMBOLS[real], opacity: 0.85, line };
  if (code === NONE) return { ...marker, size: size * 0.9, opacity: 0.6, color: look.other, symbol: SYMBOLS[real] + "-open", line: { width: 1, color: look.other } };
  if (scene.paint.kind === "number") {
    const { low, high } = scene.paint;
    return { ...marker, color: take(scene.paint.values, rows), colorscale: scene.paint.scale, cmin: low, cmax: high };
  }
  if (code === scene.paint.rest) return { ...marker, size: size * 0.85, opacity: 0.4, color: scene.paint.colours[code] };
  return { ...marker, color: scene.paint.colours[code] };
}

/** Rows of `group` (positions in it) that are selected, or null where nothing is selected at all. */
export function selectedIn(rows, flags, any) {
  if (!any) return null;
  const places = [];
  for (let i = 0; i < rows.length; i++) if (flags[rows[i]]) places.push(i);
  return places;
}

/** { traces, rows }: Plotly traces, and for each the image rows of its points (null where not selectable). */
export function buildTraces(scene, flags, look) {
  const any = flags.some(Boolean);
  const traces = [];
  const rowsOf = [];
  for (const [key, rows] of groupRows(scene)) {
    const context = key === -1;
    traces.push({
      type: "scattergl", mode: "markers", x: take(scene.x, rows), y: take(scene.y, rows),
      marker: markerOf(scene, key, rows, look), hoverinfo: context ? "skip" : "none", showlegend: false,
      selectedpoints: context ? null : selectedIn(rows, flags, any),
      selected: { marker: { opacity: 1 } }, unselected: { marker: { opacity: context ? 0.55 : 0.13 } },
    });
    rowsOf.push(context ? null : rows);
  }
  for (const [rows, size, width] of [[scene.rings, 17, 2], [scene.focus === null ? [] : [scene.focus], 25, 3]]) {
    if (!rows.length) continue;
    traces.push({
      type: "scattergl", mode: "markers", x: take(scene.x, rows), y: take(scene.y, rows), showlegend: false,
      marker: { color: look.ink, size, symbol: "circle-open", line: { width, color: look.ink }, opacity: 1 },
      hoverinfo: "skip", unselected: { marker: { opacity: 1 } },
    });
    rowsOf.push(null);
  }
  return { traces, rows: rowsOf };
}

/** Axes without ticks, a fixed first view, and constants that keep zoom and outlines through a redraw. */
export function buildLayout(look, tool, view) {
  const axis = (range) => ({
    range, visible: false, showgrid: false, zeroline: false, showticklabels: false, fixedrange: false,
  });
  return {
    template: "none", autosize: true, margin: { l: 0, r: 0, t: 0, b: 0 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: look.ink },
    xaxis: axis(view.x), yaxis: axis(view.y), dragmode: tool, hovermode: "closest", hoverdistance: 14,
    showlegend: false, uirevision: "keep", selectionrevision: "keep",
    newselection: { line: { color: look.ink, width: 1.5, dash: "dot" } },
    activeselection: { fillcolor: "rgba(0,0,0,0)", opacity: 1 },
  };
}

/** Rows for a contact sheet: in each cell of a grid on the screen the picture nearest its middle.
 *  `toPixel(x, y)` gives a place in the plot; returns [{ row, column, line }]. */
export function contactSheet(scene, width, height, cell, usable, toPixel) {
  const columns = Math.floor(width / cell);
  const lines = Math.floor(height / cell);
  const left = (width - columns * cell) / 2;
  const top = (height - lines * cell) / 2;
  const best = new Map();
  for (let row = 0; row < scene.n; row++) {
    if (!scene.shown[row] || !usable(row)) continue;
    const [px, py] = toPixel(scene.x[row], scene.y[row]);
    const column = Math.floor((px - left) / cell);
    const line = Math.floor((py - top) / cell);
    if (column < 0 || line < 0 || column >= columns || line >= lines) continue;
    const dx = px - left - (column + 0.5) * cell;
    const dy = py - top - (line + 0.5) * cell;
    const distance = dx * dx + dy * dy;
    const place = line * columns + column;
    const known = best.get(place);
    if (!known || distance < known.distance) best.set(place, { row, column, line, distance });
  }
  return { tiles: [...best.values()], left, top };
}
