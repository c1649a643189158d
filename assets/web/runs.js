// The runs tab: mount(element) puts it into Gradio's gr.HTML element, once the tab is shown for the first time.
// It asks the server while it is seen, once a second while a run is at work, and changes what has changed.

import { createCalls } from "./calls.js";
import { button, el, percent } from "./dom.js";
import { loadStyle } from "./page.js";
import { loadPlotly } from "./plane.js";
import { createCompare } from "./runs-compare.js";
import { createForm } from "./runs-form.js";
import { createPanel, setShare, setText } from "./runs-panel.js";
import { learnLine, progressLine, seenWords, share, verdict } from "./runs-words.js";

const PACE = { busy: 1, idle: 3 }; // seconds between two looks

/** The table; a row is made once for a run and its cells are rewritten where they differ. */
function createTable(onShow) {
  const body = el("tbody", {});
  const none = el("p", {}, "No run yet. The first one starts by itself when the app opens.");
  const table = el("table", { class: "runs" }, el("thead", {}, el("tr", {}, ...["Run", "Detector", "State", "Learnt from", "What it says"].map((name) => el("th", { scope: "col" }, name)))), body);
  const root = el("section", { id: "runs-table", "aria-label": "All runs" }, el("h2", {}, "Runs"), none, el("div", { class: "ls-scroll", tabindex: "0", role: "region", "aria-label": "Table of runs" }, table));
  const rows = new Map();

  function create(id) {
    const name = button({ class: "ls-link", title: "Show this run above" }, () => onShow(id), id);
    const [detector, state, seen, words] = [el("span", {}), el("span", {}), el("td", {}), el("span", {})];
    const mark = el("span", { class: "mark" }, "orders the cards");
    const bar = el("progress", { max: "1", "aria-label": `Progress of ${id}` });
    const row = el("tr", { "data-run": id }, el("td", {}, name), el("td", {}, detector), el("td", {}, state, mark), seen, el("td", {}, words));
    return { row, name, detector, state, seen, words, mark, bar };
  }

  return {
    root,
    show(runs, chosen) {
      none.hidden = runs.length > 0;
      table.hidden = runs.length === 0;
      for (const id of [...rows.keys()]) if (!runs.some((run) => run.id === id)) rows.delete(id);
      const order = runs.map((run) => {
        if (!rows.has(run.id)) rows.set(run.id, create(run.id));
        const cells = rows.get(run.id);
        const works = run.state === "running" || run.state === "starting";
        setText(cells.detector, run.detector);
        setText(cells.state, run.state);
        setText(cells.seen, seenWords(run.decisions));
        setText(cells.words, works ? progressLine(run) : verdict(run));
        cells.mark.hidden = !run.active;
        if (!works) cells.bar.remove();
        else if (!cells.bar.isConnected) cells.words.before(cells.bar);
        setShare(cells.bar, share(run));
        cells.row.classList.toggle("ls-shown", run.id === chosen);
        if (run.id === chosen) cells.name.setAttribute("aria-current", "true");
        else cells.name.removeAttribute("aria-current");
        return cells.row;
      });
      // Moving a row would take its focus away, so the rows are put in only where the list is another one.
      if (order.length !== body.children.length || order.some((row, i) => body.children[i] !== row)) body.replaceChildren(...order);
    },
  };
}

/** The threshold below which a sample is flagged; it belongs to the person. */
function createThreshold(onChange) {
  const output = el("output", { for: "flag-below" });
  const slider = el("input", { type: "range", id: "flag-below", min: "0.05", max: "0.95", step: "0.05", disabled: true });
  slider.addEventListener("input", () => setText(output, percent(Number(slider.value))));
  slider.addEventListener("change", () => onChange(Number(slider.value)));
  const root = el("section", { class: "ls-flag" }, el("label", { for: "flag-below" }, "Flag a sample when the probability that its label is right is below"), slider, output);
  return {
    root,
    show(value) {
      slider.disabled = false; // from now on it stands where it should
      if (document.activeElement === slider) return;
      slider.value = String(value);
      setText(output, percent(value));
    },
  };
}

export async function mount(element) {
  window.__labelsieve_runs?.abort();
  const control = window.__labelsieve_runs = new AbortController();
  const { signal } = control;
  const calls = createCalls({ signal });
  let [state, chosen, shownAt, known, seconds] = [null, null, "", "", 0];
  let [plotly, asking, again] = [null, false, false];

  const lost = el("p", { class: "ls-fault", role: "status", hidden: true }, "The reviewer does not answer; what is shown is a moment old.");
  const form = createForm({
    onEstimate: (detector, settings) => calls.post("/api/runs/estimate", { detector, settings }),
    async onStart(detector, settings) {
      chosen = (await calls.post("/api/runs", { detector, settings })).run;
      await refresh();
    },
  });
  const act = (name) => async (id) => {
    await calls.post(`/api/runs/${encodeURIComponent(id)}/${name}`, {});
    await refresh();
  };
  const panel = createPanel({ onStop: act("stop"), onResume: act("resume") });
  const table = createTable((id) => {
    chosen = id;
    show();
    refresh();
    panel.root.scrollIntoView({ block: "nearest" });
  });
  const comparison = createCompare(calls);
  const threshold = createThreshold((value) => calls.post("/api/threshold", { threshold: value }).catch((error) => console.warn(error.message)));
  const root = el("div", { id: "labelsieve-runs" }, lost, form.root, panel.root, table.root, comparison.root, threshold.root);

  const visible = () => element.isConnected && element.offsetParent !== null;
  const run = () => state?.runs.find(({ id }) => id === chosen) ?? null;

  function show() {
    table.show(state.runs, chosen);
    panel.show(run(), state.busy);
    form.follow(state.busy, learnLine(state.decisions));
    threshold.show(state.threshold);
    comparison.show(state.runs);
  }

  async function look() {
    state = await calls.get("/api/runs");
    if (!run()) chosen = state.busy ?? state.runs[0]?.id ?? null;
    show();
    // What a run would cost changes with what a finished run has measured.
    const measured = JSON.stringify([state.measured, state.runs.find(({ state: each }) => each === "done")?.id]);
    if (measured !== known) {
      form.show(await calls.get("/api/runs/options"));
      known = measured;
    }
    await lookClosely();
  }

  async function lookClosely() {
    const shown = run();
    if (!shown) return;
    const works = shown.state === "running" || shown.state === "starting";
    const at = JSON.stringify([shown.id, shown.state]);
    if (!works && at === shownAt) return; // nothing more comes of it
    const details = await calls.get(`/api/runs/${encodeURIComponent(shown.id)}`);
    if (details.epochs.length && state.plotly && !plotly) plotly = await loadPlotly(state.plotly).catch(() => null);
    await panel.fill(details, plotly);
    shownAt = at;
  }

  async function refresh() {
    again = asking;
    if (asking || signal.aborted) return;
    asking = true;
    try {
      await look();
      lost.hidden = true;
    } catch (error) {
      if (!signal.aborted) lost.hidden = false;
      if (error.status) lost.textContent = error.message;
    }
    asking = false;
    if (again) await refresh();
  }

  await Promise.all([loadStyle("panes"), loadStyle("runs")]);
  if (signal.aborted) return;
  element.replaceChildren(root);
  let wasVisible = false;
  const fit = () => {
    const now = visible();
    if (now && !wasVisible) refresh();
    if (now) panel.draw(plotly);
    wasVisible = now;
  };
  const observer = new ResizeObserver(fit); // also reports that the tab is shown again
  for (const node of [element, root]) observer.observe(node);
  const themes = new MutationObserver(() => panel.draw(plotly));
  themes.observe(document.body, { attributeFilter: ["class"] });
  const clock = setInterval(() => {
    seconds += 1;
    if (visible() && !document.hidden && seconds % (state?.busy ? PACE.busy : PACE.idle) === 0) refresh();
  }, 1000);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    themes.disconnect();
    clearInterval(clock);
  });
  fit();
}
