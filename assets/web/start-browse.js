// The folder browser: a dialog that lists names and gives one path back.

import { button, count, el } from "./dom.js";

const KINDS = {
  workspace: { title: "Open a workspace", hint: "Workspaces are marked; choose one to open it.", here: "Open this folder", tables: false },
  images: { title: "Folder of images", hint: "Go into the folder that holds the images, or the folders of the classes.", here: "Choose this folder", tables: false },
  labels: { title: "Table of labels", hint: "A CSV or TSV file with a column of paths and a column of labels.", here: null, tables: true },
};

const line = (tag, content, attributes = {}) => {
  const node = el(tag, attributes);
  node.textContent = content;
  return node;
};

export function createBrowser(ask) {
  const title = el("h2", {});
  const hint = el("p", { class: "st-muted" });
  const field = el("input", { type: "text", class: "st-input", "aria-label": "Folder", spellcheck: "false", autocomplete: "off" });
  const list = el("ul", { class: "st-list", "aria-label": "Folders" });
  const trouble = el("p", { class: "st-bad", role: "alert" });
  const up = button({ class: "st-button", title: "The folder above" }, () => parent && visit(parent));
  up.textContent = "Up";
  const home = button({ class: "st-button" }, () => visit(""));
  home.textContent = "Home";
  const here = button({ class: "st-button st-primary", id: "choose-here" }, () => finish(place));
  const cancel = button({ class: "st-button" }, () => finish(null));
  cancel.textContent = "Cancel";
  const form = el("form", { class: "st-row", method: "dialog", on: { submit: (event) => { event.preventDefault(); visit(field.value); } } }, up, home, field);
  const dialog = el("dialog", { class: "st-dialog", on: { cancel: (event) => { event.preventDefault(); finish(null); } } },
    title, hint, form, trouble, list, el("div", { class: "st-row st-end" }, cancel, here));
  let kind = KINDS.images;
  let place = "";
  let parent = null;
  let resolve = () => {};
  let asked = 0;

  function finish(path) {
    dialog.close();
    dialog.remove();
    resolve(path);
  }

  async function visit(path) {
    const mine = ++asked;
    try {
      const found = await ask(`folder?path=${encodeURIComponent(path)}`);
      if (mine !== asked) return;
      trouble.textContent = "";
      ({ path: place, parent } = found);
      field.value = place;
      up.disabled = parent === null;
      draw(found);
    } catch (error) {
      if (mine === asked) trouble.textContent = error.message;
    }
  }

  function draw({ entries, n_left_off: more }) {
    const shown = entries.filter((entry) => entry.kind !== "table" || kind.tables);
    list.replaceChildren(...shown.map((entry) => {
      const mark = entry.kind === "folder" ? null : line("span", entry.kind, { class: `st-mark st-${entry.kind}` });
      const row = button({ class: "st-list-row", title: entry.name, disabled: entry.path === null }, () => press(entry),
        line("span", entry.kind === "table" ? "▤" : "▸", { class: "st-muted", "aria-hidden": "true" }),
        line("bdi", entry.name, { class: "st-name" }), mark);
      return el("li", {}, row);
    }));
    if (!shown.length) list.append(line("li", kind.tables ? "No folder and no table in here." : "No folder in here.", { class: "st-muted st-none" }));
    if (more) list.append(line("li", `${count(more)} more are not shown; write the path above.`, { class: "st-muted st-none" }));
    list.scrollTop = 0;
  }

  function press(entry) {
    if (entry.kind === "table" || (entry.kind === "workspace" && kind === KINDS.workspace)) finish(entry.path);
    else visit(entry.path);
  }

  return {
    /** Opens the dialog; gives the path that was chosen, or null. `from`: where to begin. */
    pick(which, from = "") {
      kind = KINDS[which];
      title.textContent = kind.title;
      hint.textContent = kind.hint;
      here.hidden = kind.here === null;
      here.textContent = kind.here ?? "";
      trouble.textContent = "";
      list.replaceChildren();
      document.body.append(dialog);
      dialog.showModal();
      visit(from || place);
      return new Promise((done) => { resolve = done; });
    },
  };
}
