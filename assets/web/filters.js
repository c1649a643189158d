// The filter: what a queue, a sheet or a selection holds. Pure parts turn it into a query string and back
// (the page keeps it in location.hash, so that it can be bookmarked and sent) and into words; the bar shows it.

import { button, el, icon, isolate, setName } from "./dom.js";
import { loadStyle } from "./page.js";

export const KEYS = ["given", "suggested", "p_min", "p_max", "outcome", "annotator", "run", "reason", "text", "selection", "query", "like", "kind"];
export const OUTCOMES = {
  undecided: "undecided", keep: "kept", relabel: "relabelled", ambiguous: "ambiguous",
  out_of_scope: "out of scope", bad_image: "bad image", skip: "skipped",
};
const LONGEST = { given: 1000, suggested: 1000, annotator: 200, run: 200, reason: 60, text: 200, selection: 64, query: 300, like: 9, kind: 40 };
const TYPING = 350; // ms without a key until the text counts as typed

function checked(key, value) {
  if (key === "outcome") {
    const wanted = Array.isArray(value) ? value : String(value).split(",");
    const known = Object.keys(OUTCOMES).filter((outcome) => wanted.includes(outcome));
    return known.length && known.length < Object.keys(OUTCOMES).length ? known : null;
  }
  if (key === "p_min" || key === "p_max") {
    const number = typeof value === "number" ? value : /^\d*\.?\d+(e-\d+)?$/i.test(value.trim()) ? Number(value) : NaN;
    const limit = key === "p_min" ? 0 : 1; // 0 ≤ p_clean ≤ 1 is no filter
    return number >= 0 && number <= 1 && number !== limit ? number : null;
  }
  if (key === "like" && !/^\d+$/.test(String(value))) return null;
  const text = key === "text" || key === "query" ? String(value).trim() : String(value);
  return text && text.length <= LONGEST[key] ? text : null;
}

/** The filter with its keys in order, without what is unknown, empty or out of range. */
export function cleanFilter(filter) {
  const clean = {};
  for (const key of KEYS) {
    const value = filter[key] === null || filter[key] === undefined ? null : checked(key, filter[key]);
    if (value !== null) clean[key] = value;
  }
  if (clean.p_min > clean.p_max) delete clean.p_min; // nothing could match
  return clean;
}

/** The filter in a query string or hash ("#given=cat&suggested=dog"); anything else in it is dropped. */
export function parseFilter(text) {
  return cleanFilter(Object.fromEntries(new URLSearchParams(String(text ?? "").replace(/^[#?]/, ""))));
}

/** The filter as a query string, keys in a fixed order; "" for no filter. */
export function formatFilter(filter) {
  return new URLSearchParams(Object.entries(cleanFilter(filter)).map(([key, value]) => [key, String(value)])).toString();
}

function pWords({ p_min: low, p_max: high }) {
  if (low === undefined) return `p_clean below ${high}`;
  return high === undefined ? `p_clean from ${low}` : `p_clean from ${low} to ${high}`;
}

const named = (list, key, id, words) => (list ?? []).find((entry) => entry[key] === id)?.[words];

/**
 * The parts of a filter, each with the keys that it stands for: [{keys, words}]. `values` is what
 * /api/filters answers: it gives runs, reasons and selections their names.
 */
export function filterParts(filter, values = {}) {
  const clean = cleanFilter(filter);
  const { given, suggested, outcome, annotator, run, reason, text, selection, query, like, kind } = clean;
  const parts = [];
  const add = (keys, words) => parts.push({ keys, words });
  if (given) add(["given"], `given ${isolate(given)}`);
  if (suggested) add(["suggested"], `suggested ${isolate(suggested)}`);
  if ("p_min" in clean || "p_max" in clean) add(["p_min", "p_max"], pWords(clean));
  if (outcome) add(["outcome"], outcome.map((name) => OUTCOMES[name]).join(" or "));
  if (annotator) add(["annotator"], `decided by ${isolate(annotator)}`);
  if (run) add(["run"], `flagged by ${named(values.runs, "run", run, "detector") ?? isolate(run)}`);
  if (reason) add(["reason"], named(values.reasons, "key", reason, "words") ?? `reason ${isolate(reason)}`);
  if (text) add(["text"], `path with “${isolate(text)}”`);
  if (selection) add(["selection"], isolate(named(values.selections, "id", selection, "name") ?? "a selection"));
  if (query) add(["query"], `like “${isolate(query)}”`);
  if (like) add(["like"], "like one image");
  if (kind) add(["kind"], named(values.kinds, "key", kind, "words") ?? isolate(kind));
  return parts;
}

/** The filter in words: "given cat, suggested dog, p_clean below 0.3". */
export const filterWords = (filter, values) => filterParts(filter, values).map(({ words }) => words).join(", ") || "all samples";

export const without = (filter, keys) => cleanFilter(Object.fromEntries(Object.entries(filter).filter(([key]) => !keys.includes(key))));

// ---- the bar ---------------------------------------------------------------------------------------

const choices = {
  given: (values) => (values.classes ?? []).map((name) => [name, name]),
  suggested: (values) => (values.classes ?? []).map((name) => [name, name]),
  annotator: (values) => (values.annotators ?? []).map((name) => [name, name]),
  run: (values) => (values.runs ?? []).map(({ run, detector }) => [run, `${detector}, ${run}`]),
  reason: (values) => (values.reasons ?? []).map(({ key, words }) => [key, words]),
  selection: (values) => (values.selections ?? []).map(({ id, name }) => [id, name]),
  kind: (values) => (values.kinds ?? []).map(({ key, words }) => [key, words]),
};
const FIELDS = [["given", "Given label"], ["suggested", "Suggested label"], ["run", "Flagged by the run"], ["reason", "Reason"],
  ["annotator", "Decided by"], ["selection", "Selection"], ["kind", "Alike, apart, disputed"]];

function fillSelect(select, options, chosen) {
  const known = chosen === undefined || options.some(([value]) => value === chosen);
  select.replaceChildren(...[["", "any"], ...(known ? [] : [[chosen, chosen]]), ...options].map(([value, words]) => {
    const option = el("option", { value });
    option.textContent = words;
    return option;
  }));
  select.value = chosen ?? "";
}

function createPanel(change) {
  const selects = new Map(FIELDS.map(([key]) => [key, el("select", { on: { change: (event) => change({ [key]: event.target.value || null }) } })]));
  const query = el("input", {
    type: "search", placeholder: "a dog on snow", autocomplete: "off", on: { change: () => change({ query: query.value }) },
  });
  const limits = ["p_min", "p_max"].map((key) => el("input", {
    type: "number", min: "0", max: "1", step: "0.05", placeholder: key === "p_min" ? "0" : "1", "aria-label": `p_clean ${key === "p_min" ? "from" : "to"}`,
    on: { change: (event) => change({ [key]: event.target.value === "" ? null : event.target.valueAsNumber }) },
  }));
  const boxes = Object.entries(OUTCOMES).map(([outcome, words]) => {
    const box = el("input", { type: "checkbox", value: outcome, on: { change: () => change({ outcome: boxes.filter(({ box: each }) => each.checked).map(({ box: each }) => each.value) }) } });
    return { box, root: el("label", { class: "ls-f-check" }, box, words) };
  });
  const root = el("div", { class: "ls-f-panel", hidden: true, role: "group", "aria-label": "Choose what to show" },
    ...FIELDS.map(([key, words]) => el("label", { class: "ls-f-field" }, el("span", {}, words), selects.get(key))),
    el("label", { class: "ls-f-field" }, el("span", {}, "Images of"), query),
    el("div", { class: "ls-f-field", role: "group", "aria-label": "Probability that the given label is right" }, el("span", {}, "p_clean (1: surely right)"),
      el("div", { class: "ls-f-range" }, limits[0], "to", limits[1])),
    el("fieldset", { class: "ls-f-outcomes" }, el("legend", {}, "Decision"), ...boxes.map((each) => each.root)));
  return {
    root,
    show(filter, values) {
      for (const [key, select] of selects) fillSelect(select, choices[key](values), filter[key]);
      query.value = filter.query ?? "";
      limits[0].value = filter.p_min ?? "";
      limits[1].value = filter.p_max ?? "";
      for (const { box } of boxes) box.checked = filter.outcome?.includes(box.value) ?? false;
    },
    focus: () => selects.get("given").focus(),
  };
}

/**
 * The filter as a row of chips, a field for paths and a panel of choices. `values`: what /api/filters answers, and
 * `classes` (names). `onChange(filter)` is called with the next filter and shows nothing by itself: `show(filter)` does.
 */
export function createFilterBar({ values = {}, onChange }) {
  let filter = {};
  let timer = null;
  loadStyle("filters");
  const change = (part) => {
    const next = cleanFilter({ ...filter, ...part });
    if (formatFilter(next) !== formatFilter(filter)) onChange(next);
  };
  const panel = createPanel(change);
  const chips = el("ul", { class: "ls-f-chips", "aria-label": "Filter" });
  const text = el("input", { type: "search", class: "ls-f-text", placeholder: "Part of the path", "aria-label": "Part of the path", autocomplete: "off", spellcheck: "false" });
  const opener = button({ class: "ls-f-button", "aria-expanded": "false" }, () => open(panel.root.hidden), "Filter", el("span", { class: "ls-f-caret", "aria-hidden": "true" }, "▾"));
  const clear = button({ class: "ls-f-quiet" }, () => onChange({}), "Clear");
  const root = el("div", { class: "ls-filters" }, opener, el("div", { class: "ls-f-search" }, icon("search"), text), chips, clear, panel.root);

  function open(wanted) {
    panel.root.hidden = !wanted;
    opener.setAttribute("aria-expanded", String(wanted));
    if (!wanted) return;
    panel.show(filter, values); // filled only when it opens: there may be thousands of classes
    panel.focus();
  }

  function typed() {
    clearTimeout(timer);
    timer = null;
    change({ text: text.value });
  }

  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(typed, TYPING); });
  text.addEventListener("change", typed);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.root.hidden) return;
    event.stopPropagation();
    event.preventDefault(); // a search field would be emptied by it, and the queue with it
    open(false);
    opener.focus();
  });
  // A press anywhere else closes the panel; the root may leave the page for good, and its listener with it.
  const outside = (event) => {
    if (!root.isConnected) document.removeEventListener("pointerdown", outside);
    else if (!panel.root.hidden && !root.contains(event.target)) open(false);
  };

  function draw() {
    const parts = filterParts(filter, values);
    chips.replaceChildren(...parts.map(({ keys, words }) => {
      const name = el("bdi", {});
      setName(name, words);
      return el("li", { class: "ls-f-chip" }, name, button({ "aria-label": `Remove the filter ${words}` }, () => onChange(without(filter, keys)), icon("close")));
    }));
    chips.hidden = !parts.length;
    clear.hidden = parts.length < 2;
    if (timer === null && document.activeElement !== text) text.value = filter.text ?? "";
    if (!panel.root.hidden) panel.show(filter, values);
  }

  return {
    root,
    /** True while its panel is open: letters belong to it then. */
    get isOpen() { return !panel.root.hidden; },
    show(next) {
      filter = cleanFilter(next);
      document.removeEventListener("pointerdown", outside);
      document.addEventListener("pointerdown", outside);
      draw();
    },
    /** What there is to choose from has changed. */
    offer(next) {
      values = { ...values, ...next };
      draw();
    },
  };
}
