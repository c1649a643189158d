// The form of a new run: choices as cards with what they cost, and the settings of the chosen detector, drawn
// from the fields that the server reads off its settings model.

import { button, el } from "./dom.js";
import { changes, costLine, faultyField } from "./runs-words.js";

const PAUSE = 300; // ms without a key until the cost is asked for again

function control(field, value, id) {
  const attributes = { id, class: "ls-control", "aria-describedby": `${id}-help`, name: field.name, autocomplete: "off" };
  if (field.kind === "choice") {
    return el("select", attributes, ...field.choices.map((choice) => el("option", { value: choice, selected: choice === value }, choice)));
  }
  if (field.kind === "switch") return el("input", { ...attributes, type: "checkbox", checked: value === true });
  if (field.kind === "text") return el("input", { ...attributes, type: "text", value: value ?? "" });
  return el("input", { ...attributes, type: "number", value: value ?? "", min: field.low, max: field.high, step: field.kind === "integer" ? 1 : "any" });
}

const usualWords = ({ kind, default: usual }) => (usual === null ? "empty" : kind === "switch" ? (usual ? "on" : "off") : String(usual));

/** A setting; start: its value in the chosen preset, or its default. */
function row(field, value, start, onChange) {
  const id = `setting-${field.name}`;
  const input = control(field, value, id);
  const read = () => (field.kind === "switch" ? input.checked : input.value);
  const mark = () => root.classList.toggle("ls-changed", String(read()) !== String(start ?? ""));
  const help = [field.help, field.rule, `default ${usualWords(field)}`].filter(Boolean).join(" · ");
  const root = el("div", { class: `ls-field ls-${field.kind}` }, el("label", { for: id }, field.label), input, el("p", { id: `${id}-help` }, help));
  const changed = () => {
    mark();
    onChange(field.name, read());
  };
  input.addEventListener(field.kind === "switch" || field.kind === "choice" ? "change" : "input", changed);
  mark();
  return { root, input };
}

/** A card of the choice: a radio button with its words and its cost. */
function optionCard(option, run) {
  const radio = el("input", { type: "radio", name: "labelsieve-option", value: option.key });
  const cost = el("span", { class: "ls-cost" });
  const words = el("span", { class: "ls-option-words" });
  radio.addEventListener("change", () => run(option.key));
  const root = el("label", { class: "ls-option" }, el("span", { class: "ls-option-head" }, radio, el("span", { class: "ls-option-title" }, option.title)),
    words, cost);
  return {
    radio,
    root,
    show(next) {
      radio.disabled = Boolean(next.unavailable);
      root.classList.toggle("ls-off", radio.disabled);
      // A preset becomes another one where it would take too long here.
      if (words.textContent !== next.words) words.textContent = next.words;
      const line = next.unavailable || costLine(next);
      if (cost.textContent !== line) cost.textContent = line;
    },
  };
}

/**
 * The form. onEstimate(detector, settings) → {seconds, bytes, error}; onStart(detector, settings) → Promise.
 * `show(answer)` takes what `/api/runs/options` says: the first time it builds, later it only changes words.
 */
export function createForm({ onEstimate, onStart }) {
  const presets = el("div", { class: "ls-options" });
  const others = el("div", { class: "ls-options" });
  const more = el("details", { class: "ls-more" }, el("summary", {}, "Other detectors"), others);
  const options = el("div", { class: "ls-choice", role: "radiogroup", "aria-label": "What to run" }, presets, more);
  const fields = el("div", { class: "ls-fields" });
  const summary = el("summary", {});
  const settings = el("details", { class: "ls-settings" }, summary, fields);
  const fault = el("p", { class: "ls-fault", role: "alert" });
  const start = button({ id: "start-run", class: "ls-button ls-primary" }, submit, "Start run");
  const cost = el("span", { class: "ls-now-cost" });
  const learn = el("span", { class: "ls-learn" });
  const root = el("section", { class: "ls-new", "aria-label": "New run" }, el("h2", {}, "New run"), options, settings,
    el("div", { class: "ls-go" }, start, el("p", { class: "ls-forecast", role: "status" }, cost, learn)), fault);
  const cards = new Map();
  const typed = new Map(); // option → Map of setting → value, so that going back to a choice finds it as it was left
  let [answer, chosen, inputs, timer, asked] = [null, null, new Map(), null, 0];
  let [busy, sending] = [null, false];

  const option = () => answer.options.find(({ key }) => key === chosen);
  const values = () => {
    const { key, settings: preset } = option();
    if (!typed.has(key)) typed.set(key, new Map(Object.entries(preset)));
    return typed.get(key);
  };
  const wanted = () => changes(answer.forms[option().detector], values());

  function say(text) {
    fault.textContent = text;
    const at = faultyField(text);
    for (const [name, input] of inputs) input.toggleAttribute("aria-invalid", name === at);
  }

  function count() {
    const n = fields.querySelectorAll(".ls-changed").length;
    summary.textContent = n ? `Settings (${n} changed)` : "Settings";
  }

  async function reckon() {
    const mine = ++asked;
    try {
      const said = await onEstimate(option().detector, wanted());
      if (mine !== asked) return;
      say(said.error);
      cost.textContent = said.error ? "" : costLine(said);
    } catch (error) {
      if (mine === asked) say(error.message);
    }
  }

  function edited(name, value) {
    values().set(name, value);
    count();
    clearTimeout(timer);
    timer = setTimeout(reckon, PAUSE);
  }

  function fill() {
    const rows = answer.forms[option().detector].map((field) => {
      const start = option().settings[field.name] ?? field.default;
      return [field.name, row(field, values().has(field.name) ? values().get(field.name) : start, start, edited)];
    });
    inputs = new Map(rows.map(([name, { input }]) => [name, input]));
    const usual = button({ class: "ls-button ls-usual" }, () => {
      typed.delete(chosen);
      fill();
      reckon();
    }, "Reset");
    fields.replaceChildren(...(rows.length ? [...rows.map(([, { root: each }]) => each), usual] : [el("p", {}, "This detector has no settings.")]));
    count();
  }

  function choose(key) {
    chosen = key;
    cards.get(key).radio.checked = true;
    clearTimeout(timer);
    say("");
    fill();
    cost.textContent = costLine(option());
    reckon();
  }

  async function submit() {
    if (sending || busy) return;
    sending = true;
    enable();
    clearTimeout(timer);
    asked += 1;
    try {
      await onStart(option().detector, wanted());
      say("");
    } catch (error) {
      say(error.message);
    }
    sending = false;
    enable();
  }

  function enable() {
    start.disabled = sending || Boolean(busy) || !answer;
    start.title = busy ? `One run at a time: ${busy} is at work.` : "";
  }

  enable();
  return {
    root,
    show(next) {
      const first = !answer;
      answer = next;
      if (first) {
        for (const each of next.options) cards.set(each.key, optionCard(each, choose));
        for (const each of next.options) (each.is_preset ? presets : others).append(cards.get(each.key).root);
      }
      for (const each of next.options) cards.get(each.key)?.show(each);
      if (first) choose(next.next);
      else reckon();
      enable();
    },
    /** Which run is at work (null: none), and what a new one would learn from, in words. */
    follow(run, words) {
      busy = run;
      enable();
      const text = busy ? `${words} · one run at a time` : words;
      if (learn.textContent !== text) learn.textContent = text;
    },
  };
}
