// What a folder and its table would become: the first rows with their pictures, the classes, what cannot be found.

import { count, el } from "./dom.js";
import { faultLine, foundLine } from "./start-words.js";

const text = (tag, content, attributes = {}) => {
  const node = el(tag, attributes);
  node.textContent = content;
  return node;
};

/** The columns of the preview's table, those of the image and of the label first: [{name, at, part}]. */
export function columnsOf({ columns, path_column: path, label_column: label }) {
  if (!columns.length) return [{ name: "image", at: 0, part: "path" }, { name: "class", at: 1, part: "label" }];
  const part = (at) => (at === columns.indexOf(path) ? "path" : at === columns.indexOf(label) ? "label" : "");
  const all = columns.map((name, at) => ({ name, at, part: part(at) }));
  const rank = { path: 0, label: 1, "": 2 };
  return all.sort((a, b) => rank[a.part] - rank[b.part] || a.at - b.at);
}

/** What to do next, where the table alone does not say it; "" otherwise. */
export function askFor({ columns, path_column: path, label_column: label }) {
  if (!columns.length || (path !== null && label !== null)) return "";
  if (path === null && label === null) return "Choose the column that names the image and the one that holds the label.";
  return path === null ? "Choose the column that names the image." : "Choose the column that holds the label.";
}

export function createPreview() {
  const found = text("p", "", { class: "st-found", role: "status" });
  const bar = el("div", { class: "st-bar st-unknown", role: "progressbar", "aria-label": "Reading", hidden: true }, el("span", {}));
  const rest = el("div", { class: "st-rest", tabindex: "0", role: "region", "aria-label": "What was found", hidden: true });
  const root = el("div", { class: "st-preview" }, found, bar, rest);

  function picture(row, folder) {
    if (row.path === null) return text("span", row.problem ? "✗" : "", { class: "st-bad", "aria-hidden": "true" });
    const address = `/start/thumbnail?${new URLSearchParams({ images: folder, path: row.path })}`;
    return el("img", { src: address, alt: "", width: "40", height: "40", loading: "lazy" });
  }

  function cell(row, { at, part }) {
    const value = text("bdi", row.cells[at] ?? "", { title: row.cells[at] ?? "" });
    const problem = part === "path" && row.problem ? text("span", row.problem, { class: "st-bad st-small" }) : null;
    return el("td", { class: part ? `st-cell-${part}` : null }, value, problem);
  }

  function table(preview, folder) {
    const columns = columnsOf(preview);
    const words = { path: "the image", label: "the label", "": null };
    const head = columns.map(({ name, part }) => el("th", { scope: "col", class: part ? `st-cell-${part}` : null },
      text("bdi", name), part && preview.columns.length ? text("span", words[part], { class: "st-part" }) : null));
    const rows = preview.rows.map((row) => el("tr", {}, el("td", { class: "st-cell-picture" }, picture(row, folder)), ...columns.map((column) => cell(row, column))));
    return el("div", { class: "st-table" }, el("table", {},
      el("thead", {}, el("tr", {}, el("td", {}), ...head)), el("tbody", {}, ...rows)));
  }

  function classes({ classes: all, n_classes: n }) {
    const chips = all.map(({ name, count: of }) => el("li", { class: "st-chip", title: name }, text("bdi", name), text("span", ` ${count(of)}`, { class: "st-muted" })));
    const more = n - all.length;
    return el("ul", { class: "st-classes", "aria-label": "Classes and how many samples each has" }, ...chips,
      more > 0 ? text("li", `and ${count(more)} more`, { class: "st-muted" }) : null);
  }

  function faults({ faults: all, n_faults: n }) {
    if (!n) return null;
    const more = n - all.length;
    return el("div", { class: "st-faults" }, text("h3", "What cannot be used as it is"),
      el("ul", {}, ...all.map((fault) => text("li", faultLine(fault))), more > 0 ? text("li", `and ${count(more)} more; all of them stand in the Data tab afterwards`) : null));
  }

  function say(sentence, bad = false) {
    bar.hidden = true;
    rest.hidden = true;
    found.textContent = sentence;
    found.classList.toggle("st-bad", bad);
  }

  return {
    root, say,
    reading() {
      say("Reading the folder and its labels");
      bar.hidden = false;
    },
    /** Draws what the server found below `folder`; true where a workspace can be made of it. */
    show(preview, folder) {
      const missing = askFor(preview);
      const ready = !missing && !preview.problem;
      say(missing || preview.problem || foundLine(preview), Boolean(preview.problem));
      rest.replaceChildren(...[...(ready ? [classes(preview)] : []), table(preview, folder), ready ? faults(preview) : null].filter(Boolean));
      rest.hidden = false;
      rest.scrollTop = 0;
      return ready;
    },
  };
}
