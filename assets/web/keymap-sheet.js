// The cheat sheet (?): every key with what it does; the keys that are buttons can be changed there.

import { button, el, icon, keycap } from "./dom.js";
import { CHEAT_SHEET } from "./keys.js";
import { capButton, follow } from "./keymap-caps.js";
import { capOf, keyOf, refusalOf, WORDS } from "./keymap.js";

const FIRST = "Press one of the keys above to give it another. Space and Enter decide nothing; keys rest while you type in a field or hold Ctrl, Alt or Cmd.";
const short = (action) => WORDS[action].split(/[:;]/)[0];

/** `toggle()` opens and closes it; `takes(event)` is true for a key that goes into a change of the keys. */
export function createCheatSheet(keys) {
  let changing = null; // {action, node} that waits for its new key
  let wanted = null; // {action, key} that waits for a yes
  const words = el("span", {});
  const swap = button({ class: "ls-button ls-primary" }, () => confirm(), "Swap them");
  const leave = button({ class: "ls-button" }, () => stop(), "Leave it");
  const status = el("div", { class: "ls-sheet-foot", role: "status" }, words, swap, leave);
  const standard = button({ class: "ls-quiet" }, () => { keys.reset(); stop("The standard keys are back."); }, icon("undo"), "Back to the standard keys");

  const buttons = new Map();
  const capsOf = ({ actions = [], fixed = [] }) => [
    ...actions.map((action) => {
      const node = capButton(keys, action, short(action), () => start(action));
      buttons.set(action, node);
      return node;
    }),
    ...fixed.map((key) => keycap(key, false)),
  ];
  const dialog = el("dialog", { class: "ls-sheet", "aria-label": "Keyboard shortcuts" },
    el("div", { class: "ls-sheet-head" }, el("h2", {}, "Keys"), standard, button({ class: "ls-quiet", "aria-label": "Close" }, () => dialog.close(), icon("close"))),
    el("div", { class: "ls-sheet-body" }, ...CHEAT_SHEET.map(([group, rows]) => el("section", {}, el("h3", {}, group),
      el("dl", {}, ...rows.flatMap((row) => [el("dt", {}, ...capsOf(row)), el("dd", {}, row.text ?? WORDS[row.actions[0]])]))))),
    status);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => stop());
  follow(keys, () => { standard.hidden = keys.isStandard; });

  function say(text, asks = false) {
    words.textContent = text;
    swap.hidden = leave.hidden = !asks;
  }

  function stop(text = FIRST) {
    const focus = (wanted ?? changing)?.action;
    buttons.get(changing?.action)?.classList.remove("ls-on");
    changing = wanted = null;
    say(text);
    if (focus && dialog.open) buttons.get(focus).focus();
  }

  function start(action) {
    stop();
    changing = { action };
    buttons.get(action).classList.add("ls-on");
    say(`Press the new key for “${short(action)}”; Esc leaves it as it is.`);
  }

  function confirm() {
    const { action, key } = wanted;
    const other = keys.takenBy(key);
    keys.assign(action, key);
    stop(`${keys.cap(action)}: ${short(action)}. ${keys.cap(other)}: ${short(other)}.`);
  }

  function choose(action, key) {
    const other = keys.takenBy(key);
    if (other && other !== action) {
      buttons.get(action).classList.remove("ls-on");
      changing = null;
      wanted = { action, key };
      say(`${capOf(key)} belongs to “${short(other)}”. Swap the two keys?`, true);
      swap.focus();
      return;
    }
    keys.assign(action, key);
    stop(`${capOf(key)}: ${short(action)}.`);
  }

  stop();
  return {
    root: dialog,
    get isOpen() { return dialog.open; },
    takes(event) {
      if (!changing) return false;
      if (event.key === "Escape") stop();
      else {
        const refusal = refusalOf(event);
        if (refusal === "") return true; // a key that is only held: the one that it goes with is to come
        if (refusal) say(refusal);
        else choose(changing.action, keyOf(event));
      }
      return true;
    },
    toggle() {
      if (dialog.open) dialog.close();
      else dialog.showModal();
    },
  };
}
