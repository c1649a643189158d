// The second view: a folder and its labels, which backbone reads it, and where the workspace is kept.

import { createBackbones } from "./start-backbones.js";
import { button, el } from "./dom.js";
import { createPreview } from "./start-preview.js";
import { guessLine } from "./start-words.js";

const text = (tag, content, attributes = {}) => {
  const node = el(tag, attributes);
  node.textContent = content;
  return node;
};

function pathField(id, label, { onChange, onBrowse, onClear }) {
  const input = el("input", { type: "text", id, class: "st-input", spellcheck: "false", autocomplete: "off", on: { change: onChange } });
  const browse = button({ class: "st-button", "aria-label": `Browse for: ${label}` }, onBrowse);
  browse.textContent = "Browse…";
  const clear = onClear && button({ class: "st-button", "aria-label": `No ${label.toLowerCase()}` }, onClear);
  if (clear) clear.textContent = "None";
  return { input, root: el("div", { class: "st-field" }, text("label", label, { for: id }), el("div", { class: "st-row" }, input, browse, clear)) };
}

function columnField(id, label, onChange) {
  const why = text("p", "", { class: "st-muted st-small st-why", id: `${id}-why` });
  const select = el("select", { id, class: "st-input", "aria-describedby": `${id}-why`, on: { change: onChange } });
  const root = el("div", { class: "st-field" }, text("label", label, { for: id }), select, why);
  return {
    select, root,
    fill(columns, chosen, reason = "") {
      why.textContent = guessLine(reason);
      select.replaceChildren(...["", ...columns].map((name) => {
        const option = text("option", name || "choose a column");
        option.value = name;
        return option;
      }));
      select.value = chosen ?? "";
    },
  };
}

export function createMake({ ask, browser, go, say, toChoose }) {
  let begun = false;
  let asked = 0;
  let ready = false;
  const images = pathField("images", "Folder of images", { onChange: () => changed(), onBrowse: () => browseFor(images, "images") });
  const labels = pathField("labels", "Table of labels (where the sub-folders are not the classes)", {
    onChange: () => changed(), onBrowse: () => browseFor(labels, "labels"), onClear: () => { labels.input.value = ""; changed(); },
  });
  const pathColumn = columnField("path-column", "Column of the image", () => look());
  const labelColumn = columnField("label-column", "Column of the label", () => look());
  const columns = el("div", { class: "st-columns", hidden: true }, pathColumn.root, labelColumn.root);
  const preview = createPreview();
  let suggested = ""; // the place that was suggested last: one that the person wrote stays
  const place = el("input", { type: "text", id: "place", class: "st-input", spellcheck: "false", autocomplete: "off" });
  const warning = text("p", "", { class: "st-small st-warning", role: "status" });
  const make = button({ class: "st-button st-primary", id: "make", disabled: true }, () => go("make", {
    ...source(), place: place.value.trim(), backbone: backbones.chosen(),
  }));
  make.textContent = "Make the workspace";
  const back = button({ class: "st-button" }, () => { begun = false; toChoose(); });
  back.textContent = "Back";
  const backbones = createBackbones({ ask, say, onChoice: () => warn() });
  const root = el("div", { class: "st-make" },
    el("section", { class: "st-card" }, text("h2", "The images"), images.root, labels.root, columns, preview.root),
    el("section", { class: "st-card" }, backbones.root),
    el("section", { class: "st-card st-foot" },
      el("div", { class: "st-field" }, text("label", "Keep the workspace in", { for: "place" }), place),
      warning, el("div", { class: "st-row st-end" }, back, make)));

  function source() {
    const table = labels.input.value.trim();
    return {
      images: images.input.value.trim(), labels: table || null,
      path_column: (table && pathColumn.select.value) || null, label_column: (table && labelColumn.select.value) || null,
    };
  }

  async function browseFor(field, kind) {
    const path = await browser.pick(kind, kind === "labels" ? images.input.value.trim() : field.input.value.trim());
    if (path === null) return;
    field.input.value = path;
    changed();
  }

  function changed() {
    pathColumn.fill([], null);
    labelColumn.fill([], null);
    look();
  }

  async function look() {
    const mine = ++asked;
    ready = false;
    warn();
    if (!images.input.value.trim()) return preview.say("");
    preview.reading();
    try {
      const found = await ask("preview", source());
      if (mine === asked) draw(found);
    } catch (error) {
      if (mine === asked) preview.say(error.message, true);
    }
    return undefined;
  }

  function draw(found) {
    columns.hidden = found.columns.length === 0;
    pathColumn.fill(found.columns, found.path_column, found.path_why);
    labelColumn.fill(found.columns, found.label_column, found.label_why);
    if (!place.value.trim() || place.value === suggested) place.value = found.place;
    suggested = found.place;
    ready = preview.show(found, images.input.value.trim());
    warn();
  }

  function warn() {
    make.disabled = !ready;
    warning.textContent = backbones.warning();
  }

  return {
    root,
    isBegun: () => begun,
    begin(path) {
      begun = true;
      images.input.value = path;
      labels.input.value = "";
      columns.hidden = true;
      changed();
      backbones.read();
    },
    download: (view) => backbones.download(view),
  };
}
