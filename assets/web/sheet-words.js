// What a key will do, what it asks first, and what was done, in plain words. Pure. An action is {outcome, labels};
// of a sheet it is known which given and suggested class its samples share, if they do.

import { count, isolate, plural } from "./dom.js";

export const ASK_ABOVE = 20; // samples that one key decides without asking

const list = (names) => names.map(isolate).join(" / ");

function effect({ outcome, labels }, { given, suggested }, n) {
  const one = n === 1;
  switch (outcome) {
    case "keep": return given ? `${one ? "keeps" : "keep"} ${isolate(given)}` : one ? "keeps its given label" : "keep their given labels";
    case "suggestion": return suggested ? `${one ? "gets" : "get"} ${isolate(suggested)}` : one ? "gets its suggested label" : "get their suggested labels";
    case "relabel": return `${one ? "gets" : "get"} ${list(labels)}`;
    case "ambiguous": return `${one ? "is" : "are"} ambiguous${labels?.length ? ` between ${list(labels)}` : ""}`;
    case "out_of_scope": return `${one ? "is" : "are"} out of scope`;
    case "bad_image": return one ? "is a bad image" : "are bad images";
    default: return `${one ? "is" : "are"} skipped`;
  }
}

const nobody = (of, mode) => (!of ? "Nothing is left to decide here." : mode === "chosen" ? "Point at a tile, or choose more: click, drag a rectangle, or X."
  : `All ${count(of)} are exceptions; E acts on them.`);

/** "W: 57 of 60 get dog; 3 stay undecided"; where there is nobody to act on, what to do. */
export function preview(cap, action, { targets, spared, of, elsewhere }, { mode, filter = {} }) {
  const n = targets.length;
  if (!n) return nobody(of, mode);
  const who = mode === "chosen" ? `${count(n)} chosen${elsewhere ? ` (${count(elsewhere)} on other pages)` : ""}` : `${count(n)} of ${count(of)}`;
  const stay = spared && mode !== "chosen" ? `; ${count(spared)} ${spared === 1 ? "stays" : "stay"} as ${spared === 1 ? "it is" : "they are"}` : "";
  const undecided = !filter.outcome || (filter.outcome.length === 1 && filter.outcome[0] === "undecided");
  return `${cap}: ${who} ${effect(action, filter, n)}${undecided ? stay.replace(/as (it is|they are)/, "undecided") : stay}`;
}

/** What is asked before more than ASK_ABOVE samples are decided at once. */
export function question({ outcome, labels }, n, filter = {}) {
  const these = plural(n, "sample");
  const anew = filter.outcome && !filter.outcome.includes("undecided") ? " They have a decision already; this one replaces it." : "";
  const asked = {
    keep: `Keep the given label of ${these}?`,
    suggestion: `Take the suggestion for ${these}?`,
    relabel: `Relabel ${these} as ${list(labels ?? [])}?`,
    ambiguous: `Call ${these} ambiguous between ${list(labels ?? [])}?`,
    out_of_scope: `Call ${these} out of scope?`,
    bad_image: `Call ${these} bad images?`,
    skip: `Skip ${these}?`,
  }[outcome];
  return asked + anew;
}

const DONE = {
  keep: "kept", suggestion: "relabelled", relabel: "relabelled", ambiguous: "ambiguous",
  out_of_scope: "out of scope", bad_image: ["bad image", "bad images"], skip: "skipped",
};

/** "57 relabelled" */
export function past(outcome, n) {
  const words = DONE[outcome] ?? outcome;
  return `${count(n)} ${Array.isArray(words) ? words[n === 1 ? 0 : 1] : words}`;
}

/** The sign and the words of a tile's decision: ["→", "dog"]. */
export function sign({ outcome, labels }) {
  const first = labels?.[0];
  return {
    keep: ["check", "kept"], relabel: ["arrow", first ?? "relabelled"], suggestion: ["arrow", first ?? "relabelled"],
    ambiguous: ["eye", "ambiguous"], out_of_scope: ["close", "out of scope"], bad_image: ["image", "bad image"], skip: ["right", "skipped"],
  }[outcome] ?? ["check", outcome];
}

/** "61–120 of 312 undecided"; says so where not all that match are listed. */
export function rangeWords({ first, last, of, listed }, what = "") {
  if (!listed) return "";
  const more = of > listed ? `, the ${count(listed)} most suspicious are listed` : "";
  return `${count(first)}–${count(last)} of ${count(of)}${what ? ` ${what}` : ""}${more}`;
}

/** The classes that digits stand for: the suggestions of the sheet's samples, most frequent first; at most ten names. */
export function suggestionsOf(cells, { given, suggested } = {}) {
  const sums = new Map();
  for (const cell of cells) {
    if (given && cell.given !== given) continue;
    sums.set(cell.suggested, (sums.get(cell.suggested) ?? 0) + cell.undecided);
  }
  const names = [...sums].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([name]) => name);
  const first = suggested ? [suggested] : [];
  return [...first, ...names.filter((name) => name !== suggested && name !== given)].slice(0, 10);
}
