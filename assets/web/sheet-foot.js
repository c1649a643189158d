// Below the tiles: the sample pointed at, whom the keys act on, the keys, and in one line what a key will do.

import { DISK } from "./calls.js";
import { button, count, el, icon, isolate, keycap, nameSpan, percent, plural, setName } from "./dom.js";
import { digitCap } from "./keys.js";
import { SHEET_CAPS } from "./sheet-keys.js";
import { preview } from "./sheet-words.js";

const OTHERS = [["ambiguous", "Ambiguous"], ["out_of_scope", "Out of scope"], ["bad_image", "Bad image"], ["skip", "Skip"]];

/** The line about one tile. */
function createPeekLine() {
  const [given, suggested, path] = [nameSpan(), nameSpan(), nameSpan("ls-peek-path")];
  const arrow = icon("arrow");
  const p = el("span", { class: "ls-peek-p" });
  const names = el("span", { class: "ls-peek-names" }, given, arrow, suggested);
  const root = el("p", { class: "ls-peek" }, names, p, path);
  return {
    root,
    show(tile) {
      names.hidden = p.hidden = !tile;
      if (!tile) return setName(path, "");
      const differs = Boolean(tile.suggested) && tile.suggested !== tile.given;
      setName(given, tile.given);
      setName(suggested, tile.suggested ?? "");
      arrow.style.display = differs ? "" : "none";
      suggested.hidden = !differs;
      p.textContent = tile.p_clean === null ? "not ranked" : `p_clean ${percent(tile.p_clean)}`;
      return setName(path, tile.path);
    },
  };
}

function createSwitch(label, options, run) {
  const buttons = options.map(([value, title]) => button({ class: "ls-option", role: "radio", "data-value": value, title }, () => run(value)));
  return {
    root: el("div", { class: "ls-choice", role: "radiogroup", "aria-label": label }, el("span", { class: "ls-choice-label" }, label), ...buttons),
    show(chosen, words, disabled = false) {
      buttons.forEach((each, i) => {
        each.setAttribute("aria-checked", String(each.dataset.value === chosen));
        each.disabled = disabled;
        each.textContent = words[i];
      });
    },
  };
}

/** hands: {act(action), mode(value), scope(value), again()}; keys: of keymap.js. */
export function createFoot(hands, keymap) {
  const peek = createPeekLine();
  const mode = createSwitch("Act on", [["rest", "Marked tiles are exceptions, and stay"], ["chosen", "Marked tiles are chosen, and nothing else is touched"]], hands.mode);
  mode.root.append(keycap(SHEET_CAPS.swap));
  const scope = createSwitch("of", [["page", "Only what is on the screen"], ["all", "All pages"]], hands.scope);
  const status = el("p", { class: "ls-status", role: "status" });
  const alertText = el("span", {});
  const again = button({ class: "ls-button" }, hands.again, "Send again");
  const alert = el("div", { class: "ls-alert", hidden: true }, icon("warn"), alertText, again);
  const alertBox = el("div", { role: "alert" }, alert);
  const words = el("p", { class: "ls-preview", "aria-live": "polite" });
  const keys = el("div", { class: "ls-acts", role: "group", "aria-label": "Give a label" });
  const others = el("div", { class: "ls-acts ls-others", role: "group", "aria-label": "Other outcomes" });
  const root = el("div", { class: "ls-foot" }, el("div", { class: "ls-line" }, peek.root, status), alertBox,
    el("div", { class: "ls-switches" }, mode.root, scope.root, others), keys, words);
  let drawn = null; // what the keys were drawn for
  let model = null;
  let pointed = null;

  const sentence = ({ cap, action }) => preview(cap, action, model.plan, model);

  function tell() {
    if (!model) return;
    const usual = ["suggestion", "keep"].map((outcome) => ({ cap: keymap.cap(outcome), action: { outcome, labels: [] } }));
    const text = pointed ? sentence(pointed) : model.plan.targets.length ? usual.map(sentence).join(" · ") : sentence(usual[0]);
    if (words.textContent !== text) words.textContent = text;
  }

  /** A key as a button: what it will do is said while it is pointed at. */
  function key(action, cap, said, label, press) {
    const meaning = action && { cap, action };
    const point = (value) => () => { pointed = value; tell(); };
    return button({ class: "ls-button", "aria-label": label, "data-act": press.type, on: { pointerenter: point(meaning), pointerleave: point(null), focus: point(meaning), blur: point(null) } },
      () => hands.act(press), keycap(cap), said);
  }

  function name(text, before = "") {
    const span = nameSpan();
    setName(span, text);
    return el("span", { class: "ls-act-name" }, ...(before ? [el("span", {}, before)] : []), span);
  }

  function drawKeys({ filter, classes }) {
    const now = JSON.stringify([filter.given, filter.suggested, classes, keymap.map]);
    if (now === drawn) return;
    drawn = now;
    pointed = null;
    const act = (type, text, said) => key({ outcome: type, labels: [] }, keymap.cap(type), said ?? text, `${text}, key ${keymap.cap(type)}`, { type });
    keys.replaceChildren(
      act("keep", filter.given ? `Keep ${isolate(filter.given)}` : "Keep the given label", filter.given ? name(filter.given, "Keep") : "Keep"),
      act("suggestion", filter.suggested ? `Take the suggestion ${isolate(filter.suggested)}` : "Take the suggestions", filter.suggested ? name(filter.suggested, "Take") : "Suggested"),
      ...classes.map((label, i) => key({ outcome: "relabel", labels: [label] }, digitCap(i), name(label), `Relabel as ${isolate(label)}, key ${digitCap(i)}`, { type: "digit", index: i })),
      key(null, keymap.cap("search"), "Other", `Another class, key ${keymap.cap("search")}`, { type: "search" }));
    others.replaceChildren(
      ...OTHERS.map(([type, text]) => act(type, text)),
      key(null, keymap.cap("undo"), icon("undo"), `Undo, key ${keymap.cap("undo")}`, { type: "undo" }),
      key(null, keymap.cap("redo"), icon("redo"), `Redo, key ${keymap.cap("redo").replace("⇧", "Shift ")}`, { type: "redo" }));
  }

  return {
    root,
    peek: (tile) => peek.show(tile),
    status(text) {
      if (status.textContent !== text) status.textContent = text;
    },
    /** state of sheet-acts.js */
    saving({ notSaved }) {
      alert.hidden = !notSaved;
      if (!notSaved) return;
      const why = notSaved.status === null ? "The reviewer does not answer." : notSaved.status === DISK ? notSaved.sentence : `The reviewer could not save (it answered ${notSaved.status}).`;
      alertText.textContent = `NOT SAVED: ${plural(notSaved.act.positions.length, "decision")}. ${why} Keep this page open and send again.`;
    },
    /** model: {plan (targetsOf), mode, scope, filter, classes (names), page, all (undecided in each), marked} */
    show(next) {
      model = next;
      const many = next.marked ? ` ${count(next.marked)}` : "";
      mode.show(next.mode, ["the rest", `the chosen${next.mode === "chosen" ? many : ""}`]);
      scope.show(next.scope, [`this page (${count(next.page)})`, `all ${count(next.all)}`], next.mode === "chosen");
      drawKeys(next);
      tell();
    },
  };
}
