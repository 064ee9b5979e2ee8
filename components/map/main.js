// The map: one Plotly graph that lives as long as the element; new data is drawn into it.

const WHOLE = { x: [-1.06, 1.06], y: [-1.08, 1.08] };
const CELL = 54; // px of a contact sheet cell
// What should survive a visit to another page: Streamlit throws the element away, this stays with the tab.
const REMEMBERED = (globalThis.__tdeMaps ??= new Map());

function loadPlotly(url) {
  if (globalThis.Plotly) return Promise.resolve(globalThis.Plotly);
  if (!url) return new Promise((done) => waitForPlotly(done));
  globalThis.__tdePlotly ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => done(globalThis.Plotly);
    script.onerror = () => ((globalThis.__tdePlotly = undefined), fail(new Error("plotly.js could not be loaded")));
    document.head.append(script);
  });
  return globalThis.__tdePlotly;
}

// Without the route, a second component brings Plotly with it (see plotly_js.py).
function waitForPlotly(done) {
  if (globalThis.Plotly) done(globalThis.Plotly);
  else setTimeout(() => waitForPlotly(done), 30);
}

class EmbeddingMap {
  constructor(root) {
    this.root = root;
    this.tool = "lasso";
    this.flags = new Uint8Array(0);
    this.rev = null;
    this.sheetTiles = new Map();
    this.build();
  }

  build() {
    const wrap = element("div", "tde-map");
    const { bar, show } = toolbar((t) => this.setTool(t), (f) => this.zoom(f), () => this.view(WHOLE));
    this.showTool = show;
    this.frame = element("div", "tde-map-frame");
    this.frame.setAttribute("role", "group");
    this.plot = element("div", "tde-map-plot");
    this.sheet = element("div", "tde-map-sheet");
    this.sheet.setAttribute("aria-hidden", "true");
    this.hover = hoverCard();
    this.wait = element("div", "tde-map-wait", "Drawing the map…");
    this.frame.append(this.plot, this.sheet, this.hover.card, this.wait);
    this.status = element("div", "tde-map-status");
    this.status.setAttribute("aria-live", "polite");
    this.legendBox = element("div");
    const top = element("div", "tde-map-top");
    top.append(bar, this.status);
    wrap.append(top, this.frame, this.legendBox);
    this.root.append(wrap); // beside the style sheet, which Streamlit puts into the same element
    this.wrap = wrap;
    this.frame.addEventListener("wheel", (e) => this.onWheel(e), { capture: true, passive: false });
    this.frame.addEventListener("mousemove", (e) => this.onSheetMove(e));
    this.frame.addEventListener("mouseleave", () => this.hover.hide());
    this.frame.addEventListener("click", (e) => this.onSheetClick(e));
    this.resizer = new ResizeObserver(() => this.onResize());
    this.resizer.observe(this.frame);
  }

  async update(component) {
    this.send = component.setTriggerValue;
    const data = component.data;
    this.Plotly = await loadPlotly(data.plotly);
    if (this.gone) return;
    if (data !== this.data) this.scene = unpack(data);
    this.data = data;
    this.frame.style.height = `${data.height}px`;
    this.frame.setAttribute("aria-label", data.description);
    this.takeSelection(data);
    this.look = this.readLook();
    await this.draw();
    this.wait.remove();
  }

  /** Python's selection counts when it changed there; else the one made here is newer. */
  takeSelection(data) {
    const kept = REMEMBERED.get(data.key);
    const mine = this.rev === data.rev ? this : kept?.rev === data.rev && kept.flags.length === data.n ? kept : null;
    if (!mine) {
      this.flags = data.selection ? flagsFromMask(data.selection, data.n) : new Uint8Array(data.n);
      this.outlines = [];
    } else if (mine !== this) {
      this.flags = mine.flags;
      this.outlines = mine.outlines;
      this.view0 = mine.view;
    }
    this.rev = data.rev;
  }

  readLook() {
    const style = getComputedStyle(this.wrap);
    const of = (name) => style.getPropertyValue(name).trim();
    // on the dark ground the deep colours of the palette need an edge
    const edge = this.scene.dark ? "rgba(255,255,255,.3)" : null;
    return { ink: of("--tde-ink"), faint: of("--tde-faint"), other: of("--tde-other"), edge };
  }

  async draw() {
    const first = !this.plot._fullLayout;
    const { traces, rows } = buildTraces(this.scene, this.flags, this.look);
    this.rowsOf = rows;
    // buttons zoom without Plotly knowing of a person's hand, so its uirevision alone would forget it
    const layout = buildLayout(this.look, this.tool, first ? this.view0 ?? WHOLE : this.ranges());
    layout.selections = this.outlines ?? [];
    const config = { displayModeBar: false, scrollZoom: true, doubleClick: "reset+autosize", showTips: false };
    if (first) config.doubleClickDelay = 320;
    await this.Plotly.react(this.plot, traces, layout, config);
    if (first) this.listen();
    this.drawLegend();
    this.drawSheet();
    this.showTool(this.tool);
    this.say();
  }

  listen() {
    const on = (name, act) => this.plot.on(name, act);
    on("plotly_selected", (e) => e && this.onSelected(e));
    on("plotly_deselect", () => this.select(new Uint8Array(this.scene.n), []));
    on("plotly_hover", (e) => this.onHover(e));
    on("plotly_unhover", () => this.sheetOn() || this.hover.hide());
    on("plotly_click", (e) => this.onClick(e));
    on("plotly_relayout", () => (this.remember(), this.drawSheet()));
    on("plotly_relayouting", () => (this.hover.hide(), this.drawSheet()));
    on("plotly_selecting", () => this.hover.hide());
  }

  // --- selection ---------------------------------------------------------------------------------------------
  onSelected(event) {
    const flags = new Uint8Array(this.scene.n);
    for (const point of event.points) {
      const rows = this.rowsOf[point.curveNumber];
      if (rows) flags[rows[point.pointNumber]] = 1;
    }
    this.select(flags, this.plot.layout.selections ?? [], flags.some(Boolean));
  }

  /** `painted`: Plotly has drawn this selection already. */
  select(flags, outlines, painted = false) {
    const changed = flags.length !== this.flags.length || flags.some((f, i) => f !== this.flags[i]);
    this.flags = flags;
    this.outlines = flags.some(Boolean) ? outlines : [];
    this.remember();
    if (!painted) this.paintSelection();
    this.drawLegend();
    this.drawSheet();
    this.say();
    if (changed) this.send("select", { n: this.scene.n, rev: this.rev, mask: maskFromFlags(flags) });
  }

  paintSelection() {
    const any = this.flags.some(Boolean);
    const places = this.rowsOf.map((rows) => (rows ? selectedIn(rows, this.flags, any) : null));
    this.plot.layout.selections = this.outlines;
    this.Plotly.update(this.plot, { selectedpoints: places }, { selections: this.outlines });
  }

  pick(code) {
    const flags = new Uint8Array(this.scene.n);
    if (!this.activeCodes().has(code))
      for (let i = 0; i < flags.length; i++) flags[i] = this.scene.shown[i] && this.scene.paint.code[i] === code ? 1 : 0;
    this.select(flags, []);
  }

  /** Categories whose shown images are all selected, if nothing else is. */
  activeCodes() {
    const { code } = this.scene.paint;
    const inside = new Set();
    const partly = new Set();
    for (let i = 0; i < this.flags.length; i++) {
      if (this.flags[i]) inside.add(code[i]);
      else if (this.scene.shown[i]) partly.add(code[i]);
    }
    for (const one of partly) inside.delete(one);
    return inside;
  }

  say() {
    const selected = this.flags.reduce((sum, f) => sum + f, 0);
    const shown = this.scene.shown.reduce((sum, f) => sum + f, 0);
    const number = (n) => n.toLocaleString("en");
    this.status.textContent = selected
      ? `${number(selected)} of ${number(shown)} selected; double-click the map to clear`
      : `${number(shown)} pictures; similar ones lie close together`;
  }

  // --- pictures ----------------------------------------------------------------------------------------------
  source(row) {
    const { thumbs, url, hashes, hash_bytes: width } = this.scene;
    if (url && hashes) return url.replace("{}", hexAt(hashes, row, width));
    return thumbs?.[row] ?? null;
  }

  facts(row) {
    const { scene } = this;
    const parts = [scene.origin_names[scene.origin[row]]];
    if (scene.paint.kind === "number") {
      const value = scene.paint.values[row];
      parts.push(Number.isNaN(value) ? "not measured" : `${scene.paint.title} ${Number(value.toPrecision(3))} ${scene.paint.unit}`.trim());
    } else if (scene.paint.tell && scene.paint.code[row] !== 255) parts.push(scene.paint.names[scene.paint.code[row]]);
    return { name: scene.labels[scene.label[row]], detail: parts.join(" · "), src: this.source(row) };
  }

  onHover(event) {
    if (this.sheetOn()) return;
    const point = event.points.find((p) => this.rowsOf[p.curveNumber]);
    if (!point) return;
    this.showCard(this.rowsOf[point.curveNumber][point.pointNumber], event.event);
  }

  showCard(row, mouse) {
    const frame = this.frame.getBoundingClientRect();
    this.hover.show(this.facts(row), mouse.clientX - frame.left, mouse.clientY - frame.top, frame);
  }

  onClick(event) {
    const point = event.points.find((p) => this.rowsOf[p.curveNumber]);
    if (point && !this.sheetOn()) this.send("open", this.rowsOf[point.curveNumber][point.pointNumber]);
  }

  // --- contact sheet -----------------------------------------------------------------------------------------
  sheetOn() {
    return Boolean(this.data?.sheet);
  }

  drawSheet() {
    this.sheetTiles.clear();
    this.frame.classList.toggle("tde-map-with-sheet", this.sheetOn());
    if (!this.sheetOn() || !this.plot._fullLayout) return void this.sheet.replaceChildren();
    const { xaxis, yaxis } = this.plot._fullLayout;
    const place = (x, y) => [xaxis.l2p(x), yaxis.l2p(y)];
    const size = [this.frame.clientWidth, this.frame.clientHeight];
    const { tiles, left, top } = contactSheet(this.scene, ...size, CELL, (row) => this.source(row) !== null, place);
    const any = this.flags.some(Boolean);
    const marked = new Set([...this.scene.rings, this.scene.focus]);
    const old = new Map([...this.sheet.children].map((node) => [node.dataset.row, node]));
    const nodes = tiles.map((tile) => {
      const node = old.get(String(tile.row)) ?? this.sheetTile(tile.row);
      node.style.transform = `translate(${left + tile.column * CELL}px, ${top + tile.line * CELL}px)`;
      node.style.setProperty("--c", this.colourOf(tile.row));
      node.classList.toggle("tde-map-real", this.scene.origin[tile.row] === 1);
      node.classList.toggle("tde-map-dim", any && !this.flags[tile.row]);
      node.classList.toggle("tde-map-ring", marked.has(tile.row));
      this.sheetTiles.set(`${tile.column},${tile.line}`, tile.row);
      return node;
    });
    this.sheetOrigin = { left, top };
    this.sheet.replaceChildren(...nodes);
  }

  sheetTile(row) {
    const node = element("div", "tde-map-tile");
    node.dataset.row = row;
    const picture = element("img");
    picture.alt = "";
    picture.decoding = "async";
    picture.src = this.source(row);
    node.append(picture);
    return node;
  }

  colourOf(row) {
    const { paint } = this.scene;
    if (paint.code[row] === 255) return this.look.other;
    if (paint.kind !== "number") return paint.colours[paint.code[row]];
    const share = (paint.values[row] - paint.low) / (paint.high - paint.low || 1);
    const at = Math.max(0, Math.min(0.999, share)) * (paint.scale.length - 1);
    return paint.scale[Math.round(at)][1];
  }

  sheetRowAt(event) {
    if (!this.sheetOn() || !this.sheetOrigin) return undefined;
    const frame = this.frame.getBoundingClientRect();
    const column = Math.floor((event.clientX - frame.left - this.sheetOrigin.left) / CELL);
    const line = Math.floor((event.clientY - frame.top - this.sheetOrigin.top) / CELL);
    return this.sheetTiles.get(`${column},${line}`);
  }

  onSheetMove(event) {
    if (!this.sheetOn() || event.buttons) return;
    const row = this.sheetRowAt(event);
    if (row === undefined) this.hover.hide();
    else this.showCard(row, event);
  }

  onSheetClick(event) {
    const row = this.sheetRowAt(event);
    if (row !== undefined) this.send("open", row);
  }

  drawLegend() {
    this.legendBox.replaceChildren(legend(this.scene, (code) => this.pick(code), this.activeCodes()));
  }

  // --- view --------------------------------------------------------------------------------------------------
  setTool(name) {
    this.tool = name;
    this.showTool(name);
    this.Plotly?.relayout(this.plot, { dragmode: name });
  }

  ranges() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return { x: xaxis.range.slice(), y: yaxis.range.slice() };
  }

  view({ x, y }) {
    this.Plotly?.relayout(this.plot, { "xaxis.range": x, "yaxis.range": y });
  }

  zoom(factor) {
    const about = ([a, b]) => [(a + b) / 2 - ((b - a) / 2) * factor, (a + b) / 2 + ((b - a) / 2) * factor];
    const now = this.ranges();
    this.view({ x: about(now.x), y: about(now.y) });
  }

  /** The wheel scrolls the page, unless the map is being moved or Ctrl or ⌘ is held. */
  onWheel(event) {
    if (this.tool !== "pan" && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  }

  remember() {
    if (!this.plot._fullLayout || !this.data) return;
    const state = { rev: this.rev, flags: this.flags, outlines: this.outlines ?? [], view: this.ranges() };
    REMEMBERED.set(this.data.key, state);
  }

  onResize() {
    if (!this.plot._fullLayout) return;
    this.Plotly.Plots.resize(this.plot).then(() => this.gone || this.drawSheet());
  }

  destroy() {
    this.gone = true;
    this.remember();
    this.resizer.disconnect();
    if (this.plot._fullLayout) this.Plotly.purge(this.plot);
  }
}

const MAPS = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  let map = MAPS.get(root);
  if (!map) MAPS.set(root, (map = new EmbeddingMap(root)));
  map.update(component);
  return () => {
    map.destroy();
    MAPS.delete(root);
  };
}
