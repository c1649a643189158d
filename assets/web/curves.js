// The curves of a training: what Plotly is asked to draw, as pure functions; and the two charts in the DOM.

import { el } from "./dom.js";
import { PALETTE } from "./points.js";

const DASHES = ["dot", "dash", "dashdot", "longdash"];
const SYMBOLS = ["square", "diamond", "triangle-up", "x"];
const CONFIG = { displayModeBar: false, responsive: false, showTips: false, doubleClick: false };
const HEIGHT = 200;

function line(name, x, y, colour, dash, symbol, format) {
  return {
    type: "scatter", mode: "lines+markers", name, x, y, connectgaps: false,
    line: { color: colour, width: 2, dash }, marker: { color: colour, size: x.length > 40 ? 3 : 6, symbol }, hovertemplate: `%{y:${format}}`,
  };
}

/** The loss, and the parts that it is the sum of where there are several. */
export function lossTraces(epochs) {
  const x = epochs.map(({ epoch }) => epoch);
  const names = [...new Set(epochs.flatMap(({ losses }) => Object.keys(losses)))];
  const whole = line("loss", x, epochs.map(({ loss }) => loss), PALETTE[0], "solid", "circle", ".3f");
  if (names.length < 2) return [whole];
  return [whole, ...names.map((name, i) => line(name.replaceAll("_", " "), x, epochs.map(({ losses }) => losses[name] ?? null),
    PALETTE[[1, 3, 4, 8][i % 4]], DASHES[i % DASHES.length], SYMBOLS[i % SYMBOLS.length], ".3f"))];
}

/** The shares in [0, 1]; one that is known of no epoch is left out. */
export function shareTraces(epochs) {
  const x = epochs.map(({ epoch }) => epoch);
  return [["counted clean", "selected", PALETTE[0], "solid", "circle"], ["agrees with decisions", "agreement", PALETTE[1], "dash", "diamond"]]
    .filter(([, key]) => epochs.some((epoch) => epoch[key] !== null))
    .map(([name, key, ...look]) => line(name, x, epochs.map((epoch) => epoch[key]), ...look, ".1%"));
}

/** The layout of a chart; ink: colour of its text, edge: of its lines, yaxis: what is special about that one. */
export function layoutOf(title, epochs, width, { ink, edge, font }, yaxis = {}) {
  const of = epochs.at(-1)?.of ?? 1;
  const axis = { gridcolor: edge, linecolor: edge, zeroline: false, fixedrange: true, ticks: "outside", tickcolor: edge, ticklen: 3 };
  return {
    width, height: HEIGHT, margin: { l: 46, r: 10, t: 30, b: 24 }, showlegend: true, hovermode: "x unified", dragmode: false,
    title: { text: title, x: 0, xref: "container", y: 0.98, yref: "container", yanchor: "top", font: { size: 13, weight: 600 } },
    font: { color: ink, family: font, size: 12 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "bottom", font: { size: 11.5 }, bgcolor: "rgba(0,0,0,0)" },
    xaxis: { ...axis, range: [0.5, of + 0.5], tickformat: "d", dtick: of <= 12 ? 1 : undefined, nticks: 10, showgrid: false },
    yaxis: { ...axis, ...yaxis },
  };
}

/** A colour of the page, "rgb(…)", so thin that lines of it stay behind the curves. */
export const faded = (colour) => (/^rgb\([^/]+\)$/.test(colour) ? colour.replace("rgb(", "rgba(").replace(")", ", 0.18)") : "rgba(128, 128, 128, 0.3)");

/** Two charts side by side; `draw` is called with every change, and does nothing where there is none. */
export function createCurves() {
  const hosts = [el("div", { class: "ls-chart", role: "img" }), el("div", { class: "ls-chart", role: "img" })];
  const root = el("div", { class: "ls-charts", hidden: true }, ...hosts);
  let drawn = "";

  return {
    root,
    async draw(Plotly, epochs, words) {
      root.hidden = epochs.length === 0;
      if (root.hidden || !root.clientWidth) return;
      const style = getComputedStyle(root);
      const look = { ink: style.color, edge: faded(style.color), font: style.fontFamily };
      const width = hosts[0].clientWidth;
      const key = JSON.stringify([epochs, look, width]);
      if (key === drawn) return;
      drawn = key;
      const bubble = { hoverlabel: { bgcolor: style.backgroundColor, bordercolor: look.edge, font: { color: look.ink } } };
      const shares = shareTraces(epochs);
      for (const host of hosts) host.setAttribute("aria-label", words);
      await Plotly.react(hosts[0], lossTraces(epochs), { ...layoutOf("Loss by epoch", epochs, width, look, { rangemode: "tozero" }), ...bubble }, CONFIG);
      hosts[1].hidden = shares.length === 0;
      if (shares.length) await Plotly.react(hosts[1], shares, { ...layoutOf("Shares by epoch", epochs, width, look, { range: [-0.02, 1.02], tickformat: ".0%", dtick: 0.25 }), ...bubble }, CONFIG);
    },
    clear() {
      drawn = "";
      root.hidden = true;
    },
  };
}
