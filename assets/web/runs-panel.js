// One run in full: how far it is, its curves, its notes, the end of its log, and what can be done with it.
// Every value is written as text, and only where it has changed, so that nothing flickers or loses the focus.

import { createCurves } from "./curves.js";
import { button, el } from "./dom.js";
import { epochLine, progressLine, resumeLine, share, verdict } from "./runs-words.js";

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A <progress> that shows a share in [0, 1], or null: that something goes on. */
export function setShare(bar, value) {
  if (value === null) bar.removeAttribute("value");
  else if (bar.value !== value || !bar.hasAttribute("value")) bar.value = value;
}

/** onStop(id), onResume(id): promises; what they say when they fail is shown. */
export function createPanel({ onStop, onResume }) {
  const title = el("h2", {});
  const state = el("span", { class: "ls-state" });
  const bar = el("progress", { max: "1", "aria-label": "Progress of the run" });
  const far = el("span", { class: "ls-far", role: "status" });
  const going = el("div", { class: "ls-going" }, bar, far);
  const words = el("p", { class: "ls-words" });
  const settings = el("p", { class: "ls-chosen" });
  const epoch = el("p", { class: "ls-epoch" });
  const notes = el("ul", { class: "ls-notes" });
  const fault = el("p", { class: "ls-fault", role: "alert" });
  const log = el("pre", { class: "ls-log", tabindex: "0", role: "region", "aria-label": "End of the log" });
  const logBox = el("details", { class: "ls-log-box" }, el("summary", {}, "Log"), log);
  const curves = createCurves();
  let run = null;
  let details = null;

  /** Nothing of the run that was shown before stays until the next one's details are here. */
  function clear() {
    details = null;
    for (const node of [settings, epoch, log, fault]) setText(node, "");
    delete notes.dataset.told;
    notes.replaceChildren();
    curves.clear();
  }

  async function act(what) {
    try {
      fault.textContent = "";
      await what(run.id);
    } catch (error) {
      fault.textContent = error.message;
    }
  }

  const stop = button({ id: "stop-run", class: "ls-button" }, () => act(onStop), "Stop");
  const resume = button({ id: "resume-run", class: "ls-button ls-primary" }, () => act(onResume), "Resume");
  const root = el("section", { class: "ls-now", id: "run-panel", "aria-label": "The run in full" },
    el("div", { class: "ls-now-head" }, title, state, el("span", { class: "ls-acts" }, stop, resume)),
    going, words, settings, notes, epoch, curves.root, logBox, fault);

  return {
    root,
    /** The line of the table that is shown in full, or null. at_work: another run is at work. */
    show(next, busy) {
      root.hidden = next === null;
      if (next === null) return;
      if (run?.id !== next.id) clear();
      run = next;
      const works = run.state === "running" || run.state === "starting";
      setText(title, run.detector);
      title.title = run.id;
      setText(state, `${run.state} · ${run.id}`);
      going.hidden = !works;
      setShare(bar, share(run));
      setText(far, works ? progressLine(run) : "");
      setText(words, works ? "" : [verdict(run), resumeLine(run)].filter(Boolean).join(" "));
      stop.hidden = !works;
      stop.disabled = run.state !== "running";
      resume.hidden = run.resumable === null || works;
      resume.disabled = Boolean(busy);
      resume.title = busy ? `One run at a time: ${busy} is at work.` : "";
    },
    /** What `/api/runs/{id}` says of the run that is shown; Plotly: null until it is here. */
    async fill(next, Plotly) {
      if (next.id !== run?.id) return;
      details = next;
      const chosen = Object.entries(next.settings).map(([name, value]) => `${name.toLowerCase()} ${value}`);
      setText(settings, chosen.length ? `Settings: ${chosen.join(", ")}` : "");
      const told = next.notes.join("\n");
      if (notes.dataset.told !== told) {
        notes.dataset.told = told;
        notes.replaceChildren(...next.notes.map((text) => el("li", {}, text)));
      }
      setText(epoch, epochLine(next.epochs));
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
      setText(log, next.log.length ? next.log.join("\n") : "The log is empty.");
      if (atEnd) log.scrollTop = log.scrollHeight;
      await this.draw(Plotly);
    },
    /** The curves again, after a change of the theme or of the width. */
    async draw(Plotly) {
      if (!details?.epochs.length) curves.clear();
      else if (Plotly) await curves.draw(Plotly, details.epochs, epochLine(details.epochs));
    },
  };
}
