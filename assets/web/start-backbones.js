// Which CLIP reads the images: what each is for, its size, whether it is here; and its download, which
// is the only thing on this page that uses a network, and only after a click.

import { button, el } from "./dom.js";
import { downloadLine, keyOf, preferred, share, size } from "./start-words.js";

const text = (tag, content, attributes = {}) => {
  const node = el(tag, attributes);
  node.textContent = content;
  return node;
};

export function createBackbones({ ask, say, onChoice }) {
  let known = [];
  let chosen = null;
  let seen = "none";
  const list = el("div", { class: "st-backbones", role: "radiogroup", "aria-label": "Backbone" });
  const kept = text("p", "", { class: "st-muted st-small" });
  const fetchIt = button({ class: "st-button", id: "download" }, () => post("fetch", chosen && { model: chosen.model, weights: chosen.weights }));
  const cancel = button({ class: "st-button", id: "cancel-download", hidden: true }, () => post("cancel", {}));
  cancel.textContent = "Cancel";
  const bar = el("div", { class: "st-bar", role: "progressbar", "aria-label": "Download", "aria-valuemin": "0", "aria-valuemax": "100", hidden: true }, el("span", {}));
  const line = text("p", "", { class: "st-small", id: "download-line", role: "status" });
  const root = el("div", {}, text("h2", "The backbone"),
    text("p", "The model that looks at the images and reads the names of the classes.", { class: "st-muted" }),
    list, kept, el("div", { class: "st-row" }, fetchIt, cancel), bar, line);

  async function post(path, body) {
    try {
      draw(await ask(path, body));
    } catch (error) {
      say(error.message);
    }
  }

  function choose(item) {
    chosen = item;
    for (const node of list.children) node.classList.toggle("st-chosen", node.dataset.key === keyOf(item));
    offer();
    onChoice();
  }

  function offer() {
    fetchIt.hidden = !chosen || chosen.here;
    fetchIt.textContent = chosen ? `Download ${chosen.model} (${size(chosen.megabytes * 1e6)})` : "";
    fetchIt.disabled = ["starting", "running"].includes(seen);
  }

  function row(item) {
    const radio = el("input", { type: "radio", name: "backbone", value: keyOf(item), on: { change: () => choose(item) } });
    radio.checked = chosen !== null && keyOf(item) === keyOf(chosen);
    const state = item.here ? "here already" : size(item.megabytes * 1e6);
    return el("label", { class: "st-backbone", "data-key": keyOf(item) }, radio,
      el("span", {}, el("span", { class: "st-backbone-name" }, text("strong", item.bundled ? "Bundled model" : item.model),
        item.bundled ? null : text("span", item.weights, { class: "st-muted st-small" }),
        text("span", state, { class: `st-mark${item.here ? " st-here" : ""}` })),
      text("span", item.purpose, { class: "st-small st-purpose" })));
  }

  async function read() {
    try {
      const answer = await ask("backbones");
      known = answer.backbones;
      kept.textContent = `Downloaded weights are kept in ${answer.place}, shared by all workspaces.`;
      const same = chosen && known.find((item) => keyOf(item) === keyOf(chosen));
      chosen = same ?? preferred(known);
      list.replaceChildren(...known.map(row));
      choose(chosen);
    } catch (error) {
      say(error.message);
    }
  }

  function draw(view) {
    const part = share(view);
    const working = view.state === "starting" || view.state === "running";
    bar.hidden = !working;
    cancel.hidden = !working;
    bar.classList.toggle("st-unknown", working && part === null);
    bar.style.setProperty("--share", part ?? 0);
    if (part === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(Math.round(100 * part)));
    const words = view.state === "none" ? "" : `${working ? `${view.model}: ` : ""}${downloadLine(view)}`;
    if (line.textContent !== words) line.textContent = words;
    line.classList.toggle("st-bad", view.state === "failed");
    const ended = view.state === "done" && seen !== "done";
    if (seen !== view.state) {
      seen = view.state;
      offer();
    }
    if (ended) read();
  }

  return {
    root, read,
    download: draw,
    chosen: () => chosen && { model: chosen.model, weights: chosen.weights },
    /** One sentence for the foot of the form where the choice will disappoint; "" otherwise. */
    warning() {
      if (!chosen) return "";
      if (chosen.bundled) return "The bundled model knows only drawings; for photos choose another backbone.";
      return chosen.here ? "" : "These weights are not on this computer: download them first, or the first ranking cannot begin.";
    },
  };
}
