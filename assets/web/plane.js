// The plane on which the points are drawn: Plotly's scattergl, and which point a pointer means. Plotly draws
// and moves; its own hit test is left alone, because a click has to land on the nearest point of all.

import { createOverlay } from "./plane-chosen.js";
import { createIndex, fitRanges, placeAt, resized, sizeOf } from "./points.js";

const REACH = 14; // px from the pointer within which a point is meant
const STILL = 5; // px that a click may tremble
const SVG_LIMIT = 20000; // points that a browser without WebGL can bear
const CONFIG = { scrollZoom: true, displayModeBar: false, doubleClick: false, showTips: false, responsive: false };
const AXIS = { visible: false, autorange: false, fixedrange: false };

let plotly = null;

/** Plotly, loaded once and only now: it is larger than everything else on the page together. */
export function loadPlotly(url) {
  plotly ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => done(window.Plotly);
    script.onerror = () => fail(new Error("plotly.js did not arrive."));
    document.head.append(script);
  }).catch((error) => {
    plotly = null;
    throw error;
  });
  return plotly;
}

const hasWebgl = () => {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
};

/** What keeps `n` points from being drawn here, as a sentence, or "". */
export function obstacle(n) {
  return n <= SVG_LIMIT || hasWebgl() ? "" : `This browser draws without WebGL; that is too slow for ${n} points. Switch on hardware acceleration.`;
}

const pick = (values, rows) => Float32Array.from(rows, (row) => values[row]);

/**
 * A plane in `host`. onHover(row, {x, y}) hears the point under the pointer (−1: none), onOpen(row) a click
 * on one; both until `signal` aborts.
 */
export function createPlane(host, Plotly, { onHover, onOpen, signal }) {
  const type = hasWebgl() ? "scattergl" : "scatter";
  const overlay = createOverlay(host);
  let over = null; // groups of the points that are drawn above the others
  let points = null;
  let index = null;
  let accept = () => true;
  let ranges = null;
  let whole = true; // everything is in view, and stays so when the window changes
  let box = { width: 0, height: 0 };
  let drawn = false;
  let down = null;
  let frame = 0;

  const layout = () => ({
    ...box, margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: "pan", hovermode: false, showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: { ...AXIS, range: [...ranges.x] }, yaxis: { ...AXIS, range: [...ranges.y] },
  });

  function trace(rows, marker) {
    return { type, mode: "markers", hoverinfo: "skip", x: pick(points.x, rows), y: pick(points.y, rows), marker };
  }

  function measure() {
    const { clientWidth: width, clientHeight: height } = host;
    if (!width || !height) return false; // another tab is shown
    if (points && (whole || !ranges)) ranges = fitRanges(points, width, height);
    else if (ranges && (width !== box.width || height !== box.height)) ranges = resized(ranges, box, { width, height });
    box = { width, height };
    return true;
  }

  function readRanges() {
    const { xaxis, yaxis } = host.layout ?? {};
    if (xaxis?.range && yaxis?.range) ranges = { x: [...xaxis.range], y: [...yaxis.range] };
    lift();
  }

  function lift() {
    if (over && points && ranges) overlay.show(over, points, { ranges, box, size: sizeOf(points.n) });
    else overlay.hide();
  }

  function rowAt(event) {
    if (!index || !ranges) return -1;
    const { left, top } = host.getBoundingClientRect();
    const place = placeAt(ranges, box, event.clientX - left, event.clientY - top);
    return index.nearest(place.x, place.y, REACH * place.perPixel, accept);
  }

  function hover(event) {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const { left, top } = host.getBoundingClientRect();
      const row = event.buttons ? -1 : rowAt(event);
      host.classList.toggle("ls-on-point", row >= 0);
      onHover(row, { x: event.clientX - left, y: event.clientY - top });
    });
  }

  function leave() {
    cancelAnimationFrame(frame);
    onHover(-1, null);
  }

  host.addEventListener("pointermove", hover, { signal });
  host.addEventListener("pointerleave", leave, { signal });
  host.addEventListener("wheel", () => {
    whole = false;
    leave();
  }, { signal, passive: true });
  host.addEventListener("pointerdown", (event) => {
    down = event.button === 0 ? { x: event.clientX, y: event.clientY } : null;
    leave();
  }, { signal, capture: true });
  // On the window: while a button is down, Plotly covers the page with an element of its own.
  window.addEventListener("pointerup", (event) => {
    const start = down;
    down = null;
    if (!start || Math.hypot(event.clientX - start.x, event.clientY - start.y) > STILL) return;
    const row = rowAt(event);
    if (row >= 0) onOpen(row);
  }, { signal, capture: true });
  window.addEventListener("pointercancel", () => { down = null; }, { signal, capture: true });
  host.addEventListener("dblclick", (event) => { if (rowAt(event) < 0) plane.showAll(); }, { signal, capture: true });
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(frame);
    if (drawn) Plotly.purge(host);
  });

  const plane = {
    /** Takes other points, all of them in view. */
    setPoints(next) {
      points = next;
      index = createIndex(next);
      whole = true;
      plane.choose(null);
    },
    /** Draws the points of these groups above all others, which fade; null: none. */
    choose(groups) {
      over = groups;
      lift();
    },
    /**
     * Draws groups [{colour, shape, rows, dim}], rings around `flagged` rows and a mark at `current` (−1:
     * none). Only rows with `accepts(row)` can be pointed at. ink: the colour of text.
     */
    async draw({ groups, flagged, current, ink, accepts }) {
      if (!points || !measure()) return;
      accept = accepts;
      const size = sizeOf(points.n);
      const edge = { width: points.n > 20000 ? 0 : 0.6, color: ink };
      const traces = groups.map(({ rows, colour, shape, dim }) =>
        trace(rows, { size, color: colour, symbol: shape, opacity: dim ? 0.07 : 0.85, line: edge }));
      if (flagged.length) traces.push(trace(flagged, { size: size + 5, color: ink, symbol: "circle-open", opacity: 0.9, line: { width: points.n > 20000 ? 0.8 : 1.4, color: ink } }));
      if (current >= 0) traces.push(trace([current], { size: size + 16, color: ink, symbol: "circle-cross-open", line: { width: 2.4, color: ink } }));
      if (drawn) await Plotly.react(host, traces, layout(), CONFIG);
      else {
        drawn = true;
        await Plotly.newPlot(host, traces, layout(), CONFIG);
        host.on("plotly_relayout", readRanges);
        host.on("plotly_relayouting", () => {
          whole = false;
          readRanges();
        });
      }
      lift();
    },
    /** Corners in pixels of the host as corners of the plane. */
    toPlane: (corners) => corners.map(([left, top]) => {
      const { x, y } = placeAt(ranges, box, left, top);
      return [x, y];
    }),
    /** Follows the size of the host. */
    async fit() {
      const before = box;
      if (!drawn || !measure() || (before.width === box.width && before.height === box.height)) return;
      await Plotly.relayout(host, { ...box, "xaxis.range": [...ranges.x], "yaxis.range": [...ranges.y] });
      lift();
    },
    /** Everything in view again. */
    async showAll() {
      if (!points || !drawn) return;
      whole = true;
      ranges = fitRanges(points, box.width, box.height);
      await Plotly.relayout(host, { "xaxis.range": [...ranges.x], "yaxis.range": [...ranges.y] });
    },
  };
  return plane;
}
