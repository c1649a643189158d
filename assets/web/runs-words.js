// What the runs tab says, as pure functions of what the server told.

import { count, percent, plural } from "./dom.js";
import { timeLeft } from "./start-words.js";

/** A duration as coarse as such a guess is: "40 s", "3 min", "2.5 h". */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(5, Math.round(seconds / 5) * 5)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3600;
  return `${hours < 10 ? hours.toFixed(1).replace(".0", "") : count(Math.round(hours))} h`;
}

/** Bytes of memory: "0.6 GB". */
export const memory = (bytes) => `${bytes < 10e9 ? Math.max(0.1, bytes / 1e9).toFixed(1) : Math.round(bytes / 1e9)} GB`;

/** What a run would take. */
export function costLine({ seconds, bytes }) {
  if (seconds === null || seconds === undefined) return "time unknown until the first ranking";
  return `about ${duration(seconds)}, ${memory(bytes)}`;
}

/** What the next run would learn from. */
export const learnLine = (decisions) => (decisions ? `learns from ${plural(decisions, "decision")}` : "learns from the labels alone: nothing is decided yet");

/** The decisions that a past run has seen; "…" while they are being counted. */
export const seenWords = (decisions) => (decisions === null ? "…" : decisions ? plural(decisions, "decision") : "labels alone");

/** How far a run at work is: "training, 320 of 900, about 2 min left". */
export function progressLine(run) {
  if (run.state === "starting" || !run.stage) return "starting";
  const far = run.of ? `${count(run.done)} of ${count(run.of)}` : "";
  return [run.stage, far, timeLeft(run.seconds_left)].filter(Boolean).join(", ");
}

/** The share that is done, [0, 1], or null while it is unknown. */
export const share = ({ state, done, of }) => (state === "running" && of ? Math.min(1, (done ?? 0) / of) : null);

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}` : "");

/** What a run that is not at work says of itself. */
export function verdict(run) {
  if (run.state === "prepared") return "Prepared, and not started.";
  if (run.state !== "done") return run.message;
  const faults = run.faults ? `, ${plural(run.faults, "image")} could not be read` : "";
  return `${plural(run.samples ?? 0, "sample")} in ${took(run.seconds ?? 0)}${faults}. ${sentence(run.reason)}`.trim();
}

const took = (seconds) => (seconds < 90 ? `${seconds.toFixed(1)} s` : seconds < 5400 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`);

/** That a run can go on, and with what. */
export function resumeLine(run) {
  if (run.resumable === null) return "";
  const seen = run.decisions === null ? "the decisions" : run.decisions ? `the ${plural(run.decisions, "decision")}` : "the labels";
  return `It can go on after epoch ${run.resumable}, with ${seen} that it has seen.`;
}

/** The newest epoch in words. */
export function epochLine(epochs) {
  const last = epochs.at(-1);
  if (!last) return "";
  const known = (value, words) => (value === null ? null : words(value));
  return [
    `Epoch ${last.epoch} of ${last.of}`,
    known(last.loss, (loss) => `loss ${loss.toPrecision(3)}`),
    known(last.selected, (part) => `${percent(part)} counted clean`),
    known(last.agreement, (part) => `agrees with ${percent(part)} of the decisions`),
  ].filter(Boolean).join(" · ");
}

/** The setting that a sentence of the server is about, or null: "deft.epochs is 0; it …" → "epochs". */
export const faultyField = (text) => /^(?:Unknown key )?\w+\.(\w+)/.exec(text)?.[1] ?? null;

/** The settings of the form that are not the defaults; numbers as numbers. */
export function changes(fields, values) {
  const chosen = {};
  for (const { name, kind, default: usual, is_optional: optional } of fields) {
    if (!values.has(name)) continue;
    const typed = values.get(name);
    const isNumber = (kind === "integer" || kind === "number") && String(typed).trim() !== "" && Number.isFinite(Number(typed));
    const value = isNumber ? Number(typed) : optional && typed === "" ? null : typed;
    if (value !== usual) chosen[name] = value;
  }
  return chosen;
}
