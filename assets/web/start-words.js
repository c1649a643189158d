// What the start page says, as pure functions of what the server told.

import { count, plural } from "./dom.js";

const MEGA = 1e6;

/** Bytes as megabytes: "312 MB"; above a thousand, "1.71 GB". */
export function size(bytes) {
  if (bytes >= 999.5 * MEGA) return `${(bytes / (1000 * MEGA)).toFixed(2)} GB`;
  const megabytes = bytes / MEGA;
  return megabytes < 10 ? `${megabytes.toFixed(1)} MB` : `${Math.round(megabytes)} MB`;
}

/** Seconds as the time that is left, as coarse as such a guess is. */
export function timeLeft(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 5) return "a few seconds left";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${Math.round(seconds / 3600)} h left`;
}

/** The line under the bar of a download. */
export function downloadLine({ state, done, of, seconds_left: left, message }) {
  if (state === "starting") return "Starting the download";
  if (state === "running") {
    const amount = of ? `${size(done)} of ${size(of)}` : size(done);
    return [amount, timeLeft(left)].filter(Boolean).join(", ");
  }
  if (state === "done") return "Downloaded.";
  if (state === "cancelled") return "Cancelled; nothing was kept.";
  return state === "failed" ? message : "";
}

/** Share of a download in [0, 1], or null while its size is unknown. */
export const share = ({ state, done, of }) => (state === "done" ? 1 : state === "running" && of ? Math.min(1, done / of) : null);

/** What is being done while a workspace is opened. */
export function stageLine(stage) {
  return {
    make: "Reading the folder and its labels",
    open: "Opening the database",
    page: "Building the page; the first ranking has begun already",
  }[stage] ?? "Starting";
}

/** When a workspace was opened last, as seen from `now`; both as Date, `opened` as ISO text in UTC. */
export function opened(text, now) {
  const then = new Date(`${text}Z`);
  if (Number.isNaN(then.getTime())) return "";
  const day = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((day(now) - day(then)) / 86400000);
  if (days <= 0) return "today";
  if (days === 1) return "yesterday";
  return days < 15 ? `${days} days ago` : then.toISOString().slice(0, 10);
}

/** What a folder would become: one line. */
export function foundLine({ n_rows: rows, n_samples: samples, n_classes: classes, n_faults: faults }) {
  const left = rows > samples ? `, ${count(rows - samples)} cannot be reviewed` : "";
  const report = faults ? `; ${plural(faults, "line")} in the import report` : "";
  return `${plural(samples, "sample")} of ${plural(classes, "class", "classes")}${left}${report}.`;
}

/** Why a column was taken, below its field; a column that the person chose needs no reason. */
export const guessLine = (why) => (why ? `Guessed: ${why}.` : "");

/** One fault of the import report: row, file, problem. */
export function faultLine({ source_row: row, path, problem }) {
  const where = row === null || row === undefined ? "" : `row ${row + 1}: `;
  return `${where}${path ? `${path} ` : ""}${problem}`;
}

/** Which backbone is chosen before anybody chose: the first for photos that is here, else the first. */
export function preferred(backbones) {
  const photos = backbones.filter((item) => !item.bundled);
  return photos.find((item) => item.here) ?? photos[0] ?? backbones[0];
}

export const keyOf = ({ model, weights }) => `${model} ${weights}`;
