// Tiles of pictures, each a button. All text through textContent, pictures only as <img src>.

const SIZES = { tiny: 68, small: 104, medium: 148, large: 212 };

function part(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** One line of text; what is too long of a path loses its beginning, since its end tells the concepts apart. */
function caption(text) {
  if (!text.includes("/")) return part("span", "caption", text);
  const line = part("span", "caption path");
  line.append(part("bdi", "", text));
  return line;
}

function tile(item, open) {
  const node = part("button", "tile");
  node.type = "button";
  node.title = item.caption;
  node.setAttribute("aria-label", [item.caption, item.origin, item.note, "open"].filter(Boolean).join(", "));
  const frame = part("span", "frame");
  const picture = part("img", "picture");
  picture.alt = "";
  picture.loading = "lazy";
  picture.decoding = "async";
  picture.addEventListener("error", () => frame.classList.add("missing"));
  if (item.src) picture.src = item.src;
  else frame.classList.add("missing");
  frame.append(picture);
  if (item.origin) {
    const badge = part("span", item.real ? "badge real" : "badge");
    badge.append(part("span", "mark"), part("span", "", item.origin));
    frame.append(badge);
  }
  node.append(frame, caption(item.caption));
  if (item.note) node.append(part("span", "note", item.note));
  node.addEventListener("click", () => open(item.row));
  return node;
}

/** Arrow keys move between tiles, as in a grid; Tab leaves it after the next one. */
function moveFocus(event, tiles) {
  const at = tiles.indexOf(event.target);
  if (at < 0) return;
  const columns = tiles.filter((t) => t.offsetTop === tiles[0].offsetTop).length || 1;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const next = step && tiles[at + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

export default function (component) {
  const { parentElement: root, data, setTriggerValue } = component;
  let grid = root.querySelector(".grid");
  if (!grid) {
    grid = part("div", "grid");
    grid.setAttribute("role", "group");
    grid.addEventListener("keydown", (event) => moveFocus(event, [...grid.children]));
    root.append(grid);
  }
  grid.setAttribute("aria-label", data.label);
  grid.style.setProperty("--tile", `${SIZES[data.size]}px`);
  grid.classList.toggle("small", data.size === "small");
  grid.classList.toggle("tiny", data.size === "tiny");
  grid.open = (row) => setTriggerValue("open", row);
  const drawn = JSON.stringify(data.tiles);
  if (grid.drawn === drawn) return; // the same page again: keep pictures and focus
  grid.drawn = drawn;
  grid.replaceChildren(...data.tiles.map((item) => tile(item, (row) => grid.open(row))));
}
