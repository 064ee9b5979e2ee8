// The parts around the plot: tools, legend, hover card. All text through textContent.

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

export function button(className, text, label, act) {
  const node = element("button", className, text);
  node.type = "button";
  if (label) node.setAttribute("aria-label", label), (node.title = label);
  node.addEventListener("click", act);
  return node;
}

const ICONS = {
  lasso: "M12 4c5 0 8 2.3 8 5.3S17 15 12 15c-1.5 0-2.8-.2-4-.5M4 9.3C4 6.3 7 4 12 4M4 9.3c0 2 1.3 3.6 3.3 4.5m-.3 0a1.8 1.8 0 1 0 .6 3.4c.3 1.5-.6 2.7-2 3.3",
  select: "M4 8V5a1 1 0 0 1 1-1h3m4 0h1m3 0h3a1 1 0 0 1 1 1v3m0 4v1m0 3v3a1 1 0 0 1-1 1h-3m-3 0h-1m-4 0H5a1 1 0 0 1-1-1v-3m0-3v-1",
  pan: "M12 3v18M3 12h18M12 3 9.5 5.500M12 3l2.5 2.500M12 21l-2.5-2.500M12 21l2.5-2.500M3 12l2.5-2.500M3 12l2.5 2.500M21 12l-2.5-2.500M21 12l-2.5 2.5",
  closer: "M12 5v14M5 12h14",
  further: "M5 12h14",
  whole: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function tool(name, text, label, act) {
  const node = button("tde-map-tool", "", label, act);
  node.append(icon(name));
  if (text) node.append(element("span", "", text));
  return node;
}

/** Buttons for drawing around, a box, moving, and zoom. Returns the bar and a way to show the tool in use. */
export function toolbar(setTool, zoom, reset) {
  const bar = element("div", "tde-map-tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "Map tools");
  const modes = {
    lasso: tool("lasso", "Draw around", "Draw around points to see their pictures", () => setTool("lasso")),
    select: tool("select", "Box", "Draw a box around points", () => setTool("select")),
    pan: tool("pan", "Move", "Move the map; the mouse wheel zooms", () => setTool("pan")),
  };
  const first = element("div", "tde-map-group");
  first.append(...Object.values(modes));
  const second = element("div", "tde-map-group");
  second.append(
    tool("closer", "", "Closer", () => zoom(0.6)),
    tool("further", "", "Further away", () => zoom(1 / 0.6)),
    tool("whole", "", "Whole map", reset),
  );
  bar.append(first, second);
  const show = (mode) => {
    for (const [name, node] of Object.entries(modes)) node.setAttribute("aria-pressed", String(name === mode));
  };
  return { bar, show };
}

function swatch(colour) {
  const node = element("span", "tde-map-swatch");
  node.style.setProperty("--c", colour);
  return node;
}

function categoryLegend(scene, pick, activeCodes) {
  const list = element("div", "tde-map-chips");
  scene.paint.names.forEach((name, code) => {
    const chip = button("tde-map-chip", "", "", () => pick(code));
    const label = element("span", "tde-map-name", name);
    chip.title = `Select ${name}`;
    chip.setAttribute("aria-pressed", String(activeCodes.has(code)));
    chip.append(swatch(scene.paint.colours[code]), label, element("span", "tde-map-count", scene.paint.counts[code]));
    list.append(chip);
  });
  return list;
}

function scaleLegend(scene) {
  const box = element("div", "tde-map-scale");
  const bar = element("div", "tde-map-bar");
  bar.style.background = `linear-gradient(90deg, ${scene.paint.scale.map(([at, c]) => `${c} ${at * 100}%`).join(", ")})`;
  box.append(element("span", "", scene.paint.low_text), bar, element("span", "", scene.paint.high_text));
  return box;
}

/** What the colours and the symbols mean. Clicking a category selects its pictures. */
export function legend(scene, pick, activeCodes) {
  const box = element("div", "tde-map-legend");
  const head = element("div", "tde-map-legend-head");
  head.append(element("span", "tde-map-legend-title", scene.paint.title));
  const origins = element("span", "tde-map-origins");
  scene.origin_names.forEach((name, i) => {
    if (!scene.origin_counts[i]) return;
    const one = element("span", "tde-map-origin");
    const mark = scene.sheet ? (i ? "tde-map-dashed" : "tde-map-solid") : i ? "tde-map-diamond" : "tde-map-circle";
    one.append(element("span", mark), element("span", "", name));
    origins.append(one);
  });
  head.append(origins);
  box.append(head, scene.paint.kind === "number" ? scaleLegend(scene) : categoryLegend(scene, pick, activeCodes));
  if (scene.paint.note) box.append(element("div", "tde-map-legend-note", scene.paint.note));
  return box;
}

/** The card near the cursor: picture, concepts, origin, value. */
export function hoverCard() {
  const card = element("div", "tde-map-card");
  card.setAttribute("role", "status");
  const picture = element("img");
  picture.alt = "";
  picture.decoding = "async";
  const name = element("div", "tde-map-card-name");
  const detail = element("div", "tde-map-card-detail");
  card.append(picture, name, detail);
  card.hidden = true;
  const show = (facts, x, y, frame) => {
    name.textContent = facts.name;
    detail.textContent = facts.detail;
    picture.hidden = !facts.src;
    if (facts.src && picture.getAttribute("src") !== facts.src) picture.src = facts.src;
    card.hidden = false;
    const width = card.offsetWidth;
    const height = card.offsetHeight;
    const left = x + 18 + width > frame.width ? x - 18 - width : x + 18;
    const top = Math.max(4, Math.min(y - height / 2, frame.height - height - 4));
    card.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  };
  return { card, show, hide: () => (card.hidden = true) };
}
