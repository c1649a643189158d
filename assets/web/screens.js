// What stands in place of a card: loading, ranking in progress, the end of the queue, no answer;
// and the cheat sheet.

import { button, count, el, icon, keycap, plural } from "./dom.js";
import { CHEAT_SHEET } from "./keys.js";

const screen = (kind, title, ...rest) => el("div", { class: `ls-screen ls-screen-${kind}` },
  el("h2", {}, title), ...rest.filter(Boolean).map((part) => (typeof part === "string" ? el("p", {}, part) : part)));

export const loadingScreen = (text = "Fetching the next cards") =>
  screen("loading", text, el("div", { class: "ls-bar ls-unknown" }, el("span", {})));

export const errorScreen = (sentence, onRetry) =>
  screen("error", "The review cannot start", sentence, button({ class: "ls-button ls-primary" }, onRetry, "Try again"));

/** The first ranking is on its way. */
export function rankingScreen(onUnranked) {
  const message = el("p", {});
  const bar = el("div", { class: "ls-bar", role: "progressbar", "aria-label": "Ranking" }, el("span", {}));
  const steps = el("p", { class: "ls-muted" });
  const root = screen("ranking", "Finding the suspicious labels", message, bar, steps,
    el("p", { class: "ls-muted" }, "The most suspicious cards appear here by themselves."),
    button({ class: "ls-button" }, onUnranked, "Review unranked cards meanwhile"));
  return {
    root,
    update({ message: text, done, of }) {
      message.textContent = text || "Starting";
      bar.classList.toggle("ls-unknown", !of);
      bar.style.setProperty("--share", of ? (done ?? 0) / of : 0);
      steps.textContent = of ? `${count(done)} of ${count(of)}` : "";
    },
  };
}

/** The queue is empty. */
export function emptyScreen(progress, { onUndo, onCheck }) {
  const { samples, decided, flagged_left: left } = progress;
  const all = decided >= samples;
  const title = !samples ? "There are no samples yet" : all ? "Everything is decided" : left ? "No further card for you right now" : "All flagged samples are decided";
  const advice = !samples ? "Open a folder or a table of labels to start."
    : all ? "Export the corrected table in the Data tab, or train again: your decisions make the next ranking better."
      : left ? "The rest is with other annotators, or was skipped. New cards appear here by themselves."
        : "Export the corrected table in the Data tab. Raise the threshold there to look at less suspicious samples as well.";
  const tally = [["kept", "kept"], ["relabelled", "relabelled"], ["ambiguous", "ambiguous"], ["out_of_scope", "out of scope"], ["bad_image", "bad images"], ["skipped", "skipped"]]
    .filter(([key]) => progress[key]).map(([key, words]) => el("li", {}, el("b", {}, count(progress[key])), ` ${words}`));
  return screen("empty", title, `${plural(decided, "decision")} for ${plural(samples, "sample")}.`, el("ul", { class: "ls-tally" }, ...tally), advice,
    el("div", { class: "ls-actions" },
      button({ class: "ls-button" }, onUndo, icon("undo"), "Undo the last", keycap("Z")),
      button({ class: "ls-button" }, onCheck, "Look for new cards")));
}

/** The cheat sheet; `toggle()` opens and closes it. */
export function createCheatSheet() {
  const dialog = el("dialog", { class: "ls-sheet", "aria-label": "Keyboard shortcuts" },
    el("div", { class: "ls-sheet-head" }, el("h2", {}, "Keys"), button({ class: "ls-quiet", "aria-label": "Close" }, () => dialog.close(), icon("close"))),
    el("div", { class: "ls-sheet-body" }, ...CHEAT_SHEET.map(([group, rows]) => el("section", {}, el("h3", {}, group),
      el("dl", {}, ...rows.flatMap(([keys, text]) => [el("dt", {}, ...keys.map((key) => keycap(key, false))), el("dd", {}, text)]))))),
    el("p", { class: "ls-muted" }, "Space and Enter decide nothing. Keys rest while you type in a field or hold Ctrl, Alt or Cmd."));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return {
    root: dialog,
    get isOpen() { return dialog.open; },
    toggle() {
      if (dialog.open) dialog.close();
      else dialog.showModal();
    },
  };
}
