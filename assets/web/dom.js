// Building DOM without markup: every text goes through textContent, so no name can become code.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  arrow: "M4 12h15m-6-6 6 6-6 6",
  check: "m5 12.5 4.5 4.5L19 7.5",
  warn: "M12 3.5 22 20.5H2ZM12 10v5m0 2.6v.4",
  undo: "M8.5 5 4 9.5 8.5 14M4.5 9.5H14a5.5 5.5 0 0 1 0 11H9",
  redo: "M15.5 5 20 9.5 15.5 14M19.5 9.5H10a5.5 5.5 0 0 0 0 11h5",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm4.8-1.7L20.5 20.5",
  close: "M6 6l12 12M18 6 6 18",
  image: "M4 5h16v14H4ZM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
};

/** An element with attributes (class, title, aria-…, on = {event: handler}) and children. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A line icon; decorative, so hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `ls-icon ls-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

export const keycap = (text, hidden = true) => {
  const cap = el("kbd", { class: "ls-key", "aria-hidden": hidden ? "true" : null });
  cap.textContent = text;
  return cap;
};

/** A span for a name that came from the data: whatever script, whatever length. */
export const nameSpan = (className = "ls-name") => el("bdi", { class: className, dir: "auto" });

/** A name inside a sentence: its direction does not turn the words around it. */
export const isolate = (name) => `\u2068${name}\u2069`;

export function setName(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.title = text;
}

/** A button that gives the focus back after a mouse click, so that Space cannot press it again. */
export function button(attributes, run, ...children) {
  const node = el("button", { type: "button", ...attributes }, ...children);
  node.addEventListener("click", (event) => {
    if (event.detail > 0) node.blur();
    run(event);
  });
  return node;
}

export function percent(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value > 0 && value < 0.005) return "<1 %";
  if (value < 1 && value >= 0.995) return ">99 %";
  return `${Math.round(value * 100)} %`;
}

const numbers = new Intl.NumberFormat("en");
export const count = (value) => numbers.format(value ?? 0);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
