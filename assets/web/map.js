// The map tab: mount(element) puts it into Gradio's gr.HTML element, once the tab is shown for the first
// time. What it holds comes as bytes from routes of ours; a click opens the card in the review tab.

import { createCalls } from "./calls.js";
import { button, count, el, percent, plural } from "./dom.js";
import { chosenOf, rowsInside } from "./lasso.js";
import { createChosenBar, createGlass, selectionName } from "./map-select.js";
import { createChoice, createLegend, createPeek } from "./map-side.js";
import { fitHeight } from "./pane.js";
import { createPlane, loadPlotly, obstacle } from "./plane.js";
import { loadStyle, showTab } from "./page.js";
import { decodePoints, decodeValues, flaggedRows, groupsOf } from "./points.js";
import { showSelection } from "./selection.js";

const SPACES = [["image", "Image features", "What looks alike lies together"],
  ["joint", "Vision–language features", "What looks alike and means the same to the model lies together"]];
const COLOURS = [["given", "Given label"], ["suggested", "Suggested label"], ["p_clean", "Probability"], ["outcome", "Decision"]];
const DRAGS = [["pan", "Move", "Dragging moves the map"], ["lasso", "Lasso", "Dragging draws around images"], ["box", "Box", "Dragging draws a box around images"]];
const TITLES = { given: "Given label", suggested: "Suggested label", p_clean: "Probability that the given label is right", outcome: "Decision" };
const MAX_RINGS = 1500; // flagged points above which their rings would hide the map; the legend shows them
const PACE = { ready: 5, none: 2, running: 1, failed: 3, error: 3 }; // seconds between two looks

export async function mount(element) {
  window.__labelsieve_map?.abort();
  const control = window.__labelsieve_map = new AbortController();
  const { signal } = control;
  const calls = createCalls({ signal });
  let [space, by, alone, withRings] = ["image", "given", null, null]; // withRings null: where they do not hide the rest
  let [header, points, values, plane] = [null, null, null, null];
  let [busy, again, ticks] = [false, false, 0];
  let groups = [];
  let drawnAt = null; // row of the card under review when it was drawn last
  let groupOf = null; // row → number of its group
  let chosen = null; // rows that were drawn around, as a Set

  const host = el("div", { class: "ls-plane", role: "img" });
  const message = el("div", { class: "ls-message", role: "status" });
  const peek = createPeek(calls);
  const legend = createLegend((key) => { alone = key; draw(); }, (on) => { withRings = on; draw(); });
  const summary = el("p", { class: "ls-summary" });
  const glass = createGlass({ onDrawn: choose, signal });
  const bar = createChosenBar({ onReview: () => send("review"), onSheet: () => send("sheet"), onClear: () => letGo() });
  const stage = el("div", { class: "ls-stage" }, host, glass.root, message, peek.root, bar.root);
  const root = el("section", { class: "ls-map", id: "labelsieve-map", "aria-label": "Map of all images" },
    el("div", { class: "ls-bar-row" },
      createChoice("Space", SPACES, space, (value) => { space = value; letGo(); peek.hide(); refresh(); }),
      createChoice("Drag", DRAGS, "pan", (value) => { glass.set(value); peek.hide(); }),
      createChoice("Colour", COLOURS, by, (value) => { by = value; alone = null; regroup(); }),
      button({ class: "ls-button ls-all" }, () => plane?.showAll(), "Show all")),
    el("div", { class: "ls-ground" }, stage, legend.root), summary);

  const visible = () => element.isConnected && element.offsetParent !== null;

  function say(state, sentence = "", { done = null, of = null } = {}) {
    element.dataset.map = state;
    message.hidden = state === "ready";
    root.classList.toggle("ls-blank", state !== "ready");
    if (state === "ready") return;
    peek.hide();
    const bar = el("div", { class: `ls-bar${of ? "" : " ls-unknown"}` }, el("span", {}));
    bar.style.setProperty("--share", of ? (done ?? 0) / of : 0);
    const title = { running: "The map is being drawn", loading: "Opening the map", none: "There is no map yet" }[state] ?? "There is no map";
    message.replaceChildren(el("h2", {}, title), el("p", {}, sentence),
      ...(state === "running" || state === "loading" ? [bar] : []), ...(of ? [el("p", {}, `${count(done)} of ${count(of)}`)] : []));
  }

  // ---- what is drawn -----------------------------------------------------------------------------
  function currentRow() {
    const position = Number(document.querySelector("#review [data-position], #review[data-position]")?.dataset.position ?? NaN);
    return Number.isNaN(position) ? -1 : points.positions.indexOf(position);
  }

  function regroup() {
    if (!values) return undefined;
    groups = groupsOf(values, by, header);
    if (!groups.some((group) => group.key === alone)) alone = null;
    groupOf = new Uint16Array(values.n);
    groups.forEach((group, g) => { for (const row of group.rows) groupOf[row] = g; });
    plane.choose(chosen && chosenOf(groups, chosen));
    return draw();
  }

  async function draw() {
    if (!values || !visible()) return;
    const accepts = (row) => alone === null || groups[groupOf[row]].key === alone;
    const flagged = flaggedRows(values, header.threshold);
    const rings = withRings ?? flagged.length <= MAX_RINGS;
    const current = drawnAt = currentRow();
    legend.show({ title: TITLES[by], groups: by === "p_clean" ? [...groups].reverse() : groups, alone, flagged: flagged.length, rings, hasCurrent: current >= 0 });
    summary.textContent = `${plural(points.n, "image")} · wheel: zoom · drag: move, or draw around images · double click beside a point: show all · click: open the card`;
    host.setAttribute("aria-label", `Map of ${plural(points.n, "image")}, coloured by ${TITLES[by].toLowerCase()}`);
    await plane.draw({
      groups: groups.map((group) => ({ ...group, dim: alone !== null && group.key !== alone })),
      flagged: rings ? flagged.filter(accepts) : [], current, ink: getComputedStyle(root).color, accepts,
    });
  }

  // ---- what was drawn around ---------------------------------------------------------------------
  function choose(corners) {
    if (!values || !plane) return;
    const rows = rowsInside(points, plane.toPlane(corners), (row) => alone === null || groups[groupOf[row]].key === alone);
    chosen = rows.length ? new Set(rows) : null;
    bar.show(rows.length);
    plane.choose(chosen && chosenOf(groups, chosen));
  }

  function letGo() {
    chosen = null;
    bar.show(null);
    plane?.choose(null);
  }

  async function send(target) {
    const positions = [...chosen].map((row) => points.positions[row]);
    try {
      await showSelection(calls, { name: selectionName(glass.mode, positions.length), positions, tab: target, leave: letGo });
    } catch (error) {
      if (!signal.aborted) summary.textContent = `The selection was not kept: ${error.message} Try again.`;
    }
  }

  function wordsOf(row) {
    const name = (k) => header.classes[k] ?? "a class that is gone";
    const [p, outcome] = [values.pClean[row], values.outcome[row]];
    const decided = outcome ? groupsOf({ outcome: [outcome] }, "outcome", header)[0].name : "";
    return {
      given: name(values.given[row]), suggested: name(values.suggested[row]),
      note: [Number.isNaN(p) ? "" : `${percent(p)} that the given label is right`, decided].filter(Boolean).join(" · "),
    };
  }

  const pointer = {
    signal,
    onHover(row, at) {
      if (row < 0 || !values) peek.hide();
      else peek.show(points.positions[row], wordsOf(row), at, stage);
    },
    onOpen(row) {
      peek.hide();
      window.dispatchEvent(new CustomEvent("labelsieve:open", { detail: { position: points.positions[row] } }));
      showTab("review");
    },
  };

  // ---- what the server says ----------------------------------------------------------------------
  // The addresses name a version of what they hold, so the browser may keep it.
  const bytes = async (address) => (await calls.bytes(address, "default")).buffer;

  async function look() {
    const next = await calls.get(`/api/map?space=${space}`);
    if (next.state !== "ready") {
      [header, points, values] = [next, null, null];
      return say(next.state, next.message, next);
    }
    const samePoints = points && header?.points === next.points;
    const sameValues = values && ["run", "version", "threshold"].every((key) => header[key] === next[key]);
    const hindrance = obstacle(next.count);
    if (hindrance) return say("failed", hindrance);
    if (!points) say("loading", `Fetching ${plural(next.count, "point")}`);
    const [Plotly, placed, meant] = await Promise.all([
      loadPlotly(next.plotly),
      samePoints ? points : bytes(next.points).then(decodePoints),
      sameValues ? values : bytes(next.values).then(decodeValues)]);
    if (signal.aborted || next.space !== space) return undefined;
    if (placed.n !== meant.n) throw new Error("The points and their values do not belong together; reload the page.");
    [header, points, values] = [next, placed, meant];
    plane ??= createPlane(host, Plotly, pointer);
    say("ready");
    if (!samePoints) {
      letGo(); // rows of other points
      plane.setPoints(points);
    }
    if (!samePoints || !sameValues) return regroup();
    return currentRow() === drawnAt ? undefined : draw();
  }

  async function refresh() {
    again = busy;
    if (busy || signal.aborted) return;
    busy = true;
    try {
      await look();
    } catch (error) {
      // What is drawn stays; without anything drawn, the person has to know.
      if (!signal.aborted && element.dataset.map !== "ready") say("error", error.message);
    }
    busy = false;
    if (again) await refresh();
  }

  // ---- start -------------------------------------------------------------------------------------
  await Promise.all([loadStyle("panes"), loadStyle("map")]);
  if (signal.aborted) return;
  element.replaceChildren(root);
  say("loading", "Asking where it stands");
  let shown = false;
  const fit = () => {
    const now = visible();
    if (now) {
      fitHeight(element);
      plane?.fit();
      if (!shown) refresh(); // cards were decided meanwhile, and another one is under review
    }
    shown = now;
  };
  const observer = new ResizeObserver(fit); // also reports that the tab is shown again
  for (const node of [element, stage, document.body]) observer.observe(node);
  const themes = new MutationObserver(() => draw());
  themes.observe(document.body, { attributeFilter: ["class"] });
  const clock = setInterval(() => {
    ticks += 1;
    if (visible() && !document.hidden && ticks % (PACE[element.dataset.map] ?? 2) === 0) refresh();
  }, 1000);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    themes.disconnect();
    clearInterval(clock);
  });
  window.addEventListener("resize", fit, { signal });
  fit();
}
