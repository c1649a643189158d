// What stands in place of a card: loading, no answer, no ranking, the end of the queue; each says what to do.

import { button, count, el, icon, keycap, plural } from "./dom.js";

const screen = (kind, title, ...rest) => el("div", { class: `ls-screen ls-screen-${kind}` },
  el("h2", {}, title), ...rest.filter(Boolean).map((part) => (typeof part === "string" ? el("p", {}, part) : part)));

export const loadingScreen = (text = "Fetching the next cards") =>
  screen("loading", text, el("div", { class: "ls-bar ls-unknown" }, el("span", {})));

/** The server refused; `onClear`: where the filter may be why. */
export const errorScreen = (sentence, onRetry, onClear = null) => screen("error", "The cards cannot be shown", sentence,
  el("div", { class: "ls-actions" },
    onClear && button({ class: "ls-button ls-primary" }, onClear, "Clear the filter"),
    button({ class: `ls-button${onClear ? "" : " ls-primary"}` }, onRetry, "Try again")));

/** The server is gone and no card is left to go on with. */
export const lostScreen = (onRetry) => screen("lost", "The reviewer does not answer",
  "What you decided is kept in this browser and sent when it is back: leave this page open.",
  el("p", {}, "Start it again with ", el("code", {}, "python -m reviewer"), "; the cards come back by themselves."),
  el("div", { class: "ls-bar ls-unknown" }, el("span", {})), button({ class: "ls-button" }, onRetry, "Try again"));

/** No run has ranked the samples, and none is about to. */
export const unrankedScreen = ({ state, message }, { onRuns, onUnranked }) => screen("unranked",
  state === "failed" ? "The first ranking failed" : "No run has ranked the samples yet",
  state === "failed" ? message : "A run finds the suspicious labels; until then cards can only come in the order of the table.",
  el("div", { class: "ls-actions" },
    button({ class: "ls-button ls-primary" }, onRuns, "Open the Runs tab"),
    button({ class: "ls-button" }, onUnranked, "Review unranked cards meanwhile")));

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

/** Nothing that is undecided matches the filter. */
export const nothingMatchesScreen = (keys, { onUndo, onClear }) => screen("empty", "No undecided card matches the filter",
  "What matched is decided, or nothing ever did. Without the filter the queue goes on with all samples.",
  el("div", { class: "ls-actions" },
    button({ class: "ls-button ls-primary" }, onClear, "Clear the filter"),
    button({ class: "ls-button" }, onUndo, icon("undo"), "Undo the last", keycap(keys.cap("undo")))));

/** The queue is empty. */
export function emptyScreen(progress, keys, { onUndo, onCheck, onRuns }) {
  const { samples, decided, flagged_left: left } = progress;
  const all = decided >= samples;
  const title = !samples ? "There are no samples yet" : all ? "Everything is decided" : left ? "No further card for you right now" : "All flagged samples are decided";
  const advice = !samples ? "Open a folder or a table of labels to start."
    : all ? "Download the corrected table, or train again: your decisions make the next ranking better."
      : left ? "The rest is with other annotators, or was skipped. New cards appear here by themselves."
        : "Download the corrected table, or raise the threshold in the Runs tab to look at less suspicious samples as well.";
  const tally = [["kept", "kept"], ["relabelled", "relabelled"], ["ambiguous", "ambiguous"], ["out_of_scope", "out of scope"], ["bad_image", "bad images"], ["skipped", "skipped"]]
    .filter(([key]) => progress[key]).map(([key, words]) => el("li", {}, el("b", {}, count(progress[key])), ` ${words}`));
  return screen("empty", title, `${plural(decided, "decision")} for ${plural(samples, "sample")}.`, el("ul", { class: "ls-tally" }, ...tally), advice,
    el("div", { class: "ls-actions" },
      left || !samples ? null : el("a", { class: "ls-button ls-primary", href: "/export.csv", download: true }, "Download the corrected table"),
      left || !samples ? null : button({ class: "ls-button" }, onRuns, "Open the Runs tab"),
      button({ class: "ls-button" }, onCheck, "Look for new cards"),
      decided ? button({ class: "ls-button" }, onUndo, icon("undo"), "Undo the last", keycap(keys.cap("undo"))) : null));
}
