// The strip above the card: progress, what was decided last, whether it is saved; and the two
// lines below it that appear only when there is something to say (NOT SAVED, a notice).

import { DISK } from "./calls.js";
import { button, count, el, icon, keycap, plural } from "./dom.js";
import { titled } from "./keymap-caps.js";
import { isAsking } from "./log-in-again.js";

const LOST = "The reviewer does not answer; your decisions are kept in this browser and sent when it is back.";
const LOGGED_OUT = "They are kept in this browser and saved once you have logged in.";
const KEPT = "Nothing is lost: your decisions are kept in this browser and sent again.";

export function createHeader(act, keys, { onRetry, onHelp, aside = [] }) {
  const done = el("strong", {});
  const left = el("span", {});
  const last = el("span", { class: "ls-last" });
  const saved = el("span", { class: "ls-saved", role: "status" });
  const ranking = el("span", { class: "ls-ranking", role: "status" });
  const tool = (type, name, label) => titled(keys, type, button({ class: "ls-tool" }, () => act({ type }), icon(name)), label);
  const track = el("div", { class: "ls-track", role: "progressbar", "aria-label": "Flagged samples decided", "aria-valuemin": "0" }, el("span", {}));
  const strip = el("div", { class: "ls-strip" },
    el("div", { class: "ls-progress" }, done, left), ...aside, last, ranking, saved,
    el("div", { class: "ls-tools" },
      tool("undo", "undo", "Undo"), tool("redo", "redo", "Redo"),
      tool("back", "left", "Back without deciding"), tool("forward", "right", "Forward without deciding")),
    button({ class: "ls-quiet ls-keys", "aria-label": "Keyboard shortcuts" }, onHelp, keycap("?"), "for keys"));
  const alertText = el("span", {});
  const alert = el("div", { class: "ls-alert", hidden: true }, icon("warn"), alertText,
    button({ class: "ls-button" }, onRetry, "Try again"));
  const alertBox = el("div", { "aria-live": "assertive", role: "alert" }, alert);
  const refusal = el("span", {});
  const refusalBox = el("div", { class: "ls-alert ls-refusal", hidden: true }, icon("warn"), refusal,
    button({ class: "ls-quiet", "aria-label": "Dismiss" }, () => { refusalBox.hidden = true; }, icon("close")));
  const notice = el("div", { class: "ls-notice", role: "status", hidden: true });
  const root = el("div", { class: "ls-header" }, strip, track, alertBox, el("div", { role: "alert" }, refusalBox), notice);
  let saving = { unsaved: 0, notSaved: false, failing: false, status: null };
  let lost = false;

  function drawSaving() {
    const { unsaved, notSaved, failing, status, sentence } = saving;
    const loggedOut = notSaved && !failing && isAsking(); // what waits for a log-in is no silence
    const silent = !loggedOut && (lost || (failing && status === null) || (notSaved && !failing));
    const trouble = notSaved || lost;
    alert.hidden = !trouble;
    const why = loggedOut ? LOGGED_OUT : silent ? LOST : status === DISK ? `${sentence} ${KEPT}` : `The reviewer could not save (it answered ${status}); your decisions are kept in this browser and sent again.`;
    const text = notSaved ? `NOT SAVED: ${plural(unsaved, "decision")}. ${why}` : why;
    if (trouble && alertText.textContent !== text) alertText.textContent = text;
    saved.classList.toggle("ls-bad", notSaved);
    const state = notSaved ? `NOT SAVED: ${count(unsaved)}` : unsaved ? "Saving" : "Saved";
    if (saved.dataset.state === state) return;
    saved.dataset.state = state;
    saved.replaceChildren(icon(notSaved ? "warn" : unsaved ? "redo" : "check"), state);
    saved.classList.toggle("ls-pending", unsaved > 0 && !notSaved);
  }

  return {
    root,
    progress(progress) {
      const { samples, decided, flagged, flagged_left: open } = progress;
      done.textContent = `${count(decided)} decided`;
      left.textContent = flagged ? `${count(open)} of ${count(flagged)} flagged left` : `${count(samples)} samples`;
      const [value, max] = flagged ? [flagged - open, flagged] : [decided, samples];
      track.setAttribute("aria-valuemax", String(max));
      track.setAttribute("aria-valuenow", String(value));
      track.title = `${count(value)} of ${count(max)} ${flagged ? "flagged " : ""}decided`;
      track.style.setProperty("--share", max ? value / max : 0);
    },
    last(text) {
      last.textContent = text;
      last.title = text;
    },
    ranking(state) {
      const running = state?.state === "running";
      ranking.hidden = !running;
      if (running) ranking.textContent = `Ranking: ${state.message}${state.of ? ` ${Math.round((100 * (state.done ?? 0)) / state.of)} %` : ""}`;
    },
    saving(next) {
      saving = next;
      drawSaving();
    },
    lost(value) {
      if (lost === value) return;
      lost = value;
      drawSaving();
    },
    refused(sentence) {
      refusal.textContent = sentence;
      refusalBox.hidden = false;
    },
    notice(text) {
      notice.hidden = !text;
      if (notice.textContent !== text) notice.textContent = text;
    },
  };
}
