// The DOM of one card, built once and refilled: showing a card writes texts, widths and swaps in
// image elements that are already decoded. Nothing here reads layout, so a swap costs one frame.

import { button, el, icon, isolate, keycap, nameSpan, percent, setName } from "./dom.js";
import { digitCap, KEYCAPS } from "./keys.js";

const ROWS = 10;
const NEIGHBOURS = 12;
const RUNS = 4; // detectors whose word has room below the bar
const OUTCOMES = [["ambiguous", "Ambiguous"], ["out_of_scope", "Out of scope"], ["bad_image", "Bad image"], ["skip", "Skip"]];
const SAID = {
  keep: "Kept", relabel: "Relabelled", ambiguous: "Ambiguous", out_of_scope: "Out of scope", bad_image: "Bad image", skip: "Skipped",
};

/** The ten rows of a card: its likeliest classes, or the first classes where nothing is ranked. */
export function rowsOf(card, classes) {
  const rows = card.likeliest?.length ? card.likeliest : classes.map((name) => ({ name, probability: null }));
  return rows.slice(0, ROWS);
}

/** What was decided, in words: "Relabelled deer by ada". */
export function decisionText(decision) {
  const labels = decision.labels?.length && decision.outcome !== "keep" ? ` ${decision.labels.map(isolate).join(" / ")}` : "";
  return `${SAID[decision.outcome] ?? decision.outcome}${labels}${decision.annotator ? ` by ${decision.annotator}` : ""}`;
}

/**
 * What each run says, for the line below the bar: the newest run of each detector, newest first (`runs` comes
 * that way); its earlier runs are in the title. Returns [{detector, p_clean, title}].
 */
export function runWords(runs) {
  const newest = new Map();
  for (const run of runs) {
    const { detector, p_clean: p } = run;
    const words = `${run.run}: ${percent(p)} that the given label is right`;
    if (newest.has(detector)) newest.get(detector).title += `\nearlier, ${words}`;
    else newest.set(detector, { detector, p_clean: p, title: words });
  }
  return [...newest.values()];
}

const bar = (className) => el("span", { class: className, "aria-hidden": "true" });
const fill = (node, value) => node.style.setProperty("--share", Math.max(0, Math.min(1, value ?? 0)));

function tile(kind, caption, run) {
  const name = nameSpan("ls-tile-name");
  const note = el("span", { class: "ls-tile-note" });
  const root = button({ class: `ls-tile ls-${kind}` }, run,
    el("span", { class: "ls-tile-cap" }, el("span", {}, caption), keycap(KEYCAPS[kind === "given" ? "keep" : "suggestion"])), name, note);
  return { root, name, note };
}

export function createCard(act) {
  const picture = el("div", { class: "ls-picture" });
  const badge = el("div", { class: "ls-badge", hidden: true });
  const hint = el("div", { class: "ls-hint", role: "status" });
  const pathHead = el("span", { class: "ls-path-head" });
  const pathTail = el("span", { class: "ls-path-tail" });
  const path = el("div", { class: "ls-path", dir: "ltr" }, pathHead, pathTail);
  const size = el("span", { class: "ls-size" });
  const stage = el("figure", { class: "ls-stage" }, picture, badge, hint);
  const slots = Array.from({ length: NEIGHBOURS }, () => {
    const tick = el("span", { class: "ls-tick", role: "img", "aria-label": "confirmed" }, icon("check"));
    const thumb = el("span", { class: "ls-thumb" }, el("span", {}), tick);
    const sign = el("span", {});
    const name = nameSpan("ls-near-name");
    return { root: el("li", { class: "ls-neighbour" }, thumb, el("span", { class: "ls-near-label" }, sign, name)), thumb, tick, sign, name };
  });
  const nearText = el("p", { class: "ls-near-text" });
  const near = el("ul", { class: "ls-near", "aria-label": "Nearest images" }, ...slots.map((slot) => slot.root));
  const nearBox = el("section", { class: "ls-near-box" }, nearText, near);
  const caption = el("div", { class: "ls-caption" }, path, size);
  const left = el("div", { class: "ls-left" }, stage, caption, nearBox);

  const given = tile("given", "Given label", () => act({ type: "keep" }));
  const suggested = tile("suggested", "Suggested", () => act({ type: "suggestion" }));
  const trustValue = el("strong", { class: "ls-trust-value" });
  const trustBar = bar("ls-meter");
  const runs = el("div", { class: "ls-runs" });
  const trust = el("section", { class: "ls-trust" },
    el("div", { class: "ls-trust-line" }, el("span", {}, "Probability that the given label is right"), trustValue), trustBar, runs);
  const reasons = el("ul", { class: "ls-reasons" });
  const rowsTitle = el("h3", {});
  const allClasses = el("span", {});
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const name = nameSpan();
    const tag = el("span", { class: "ls-tag" });
    const value = el("span", { class: "ls-row-value" });
    const share = bar("ls-row-bar");
    const root = button({ class: "ls-row" }, () => act({ type: "digit", index: i }), share, keycap(digitCap(i)), name, tag, value);
    return { root, name, tag, value, share };
  });
  const classesBox = el("section", { class: "ls-classes", "aria-label": "Likeliest classes" },
    el("div", { class: "ls-classes-head" }, rowsTitle,
      button({ class: "ls-quiet ls-find", "aria-keyshortcuts": "/" }, () => act({ type: "search" }), icon("search"), allClasses, keycap("/"))),
    el("div", { class: "ls-rows" }, ...rows.map((row) => row.root)));
  const outcomes = el("section", { class: "ls-outcomes", "aria-label": "Other outcomes" }, ...OUTCOMES.map(([type, text]) =>
    button({ class: "ls-button", "data-outcome": type, "aria-keyshortcuts": KEYCAPS[type] }, () => act({ type }), el("span", {}, text), keycap(KEYCAPS[type]))));
  const right = el("div", { class: "ls-right" },
    el("section", { class: "ls-choice" }, given.root, icon("arrow"), suggested.root), trust, reasons, classesBox, outcomes);
  const root = el("div", { class: "ls-card" }, left, right);
  let hintTimer = null;

  function showLabels(card) {
    const agrees = card.suggested?.name === card.given.name;
    setName(given.name, card.given.name);
    given.note.textContent = card.given.probability === null ? "as it came with the data" : `likelihood ${percent(card.given.probability)}`;
    given.root.setAttribute("aria-label", `Keep the given label ${card.given.name}, key A`);
    setName(suggested.name, card.suggested?.name ?? "No suggestion");
    suggested.note.textContent = !card.suggested ? "choose below" : agrees ? "the same: W keeps it"
      : card.suggested.probability === null ? "take it" : `likelihood ${percent(card.suggested.probability)}`;
    suggested.root.classList.toggle("ls-absent", !card.suggested);
    suggested.root.setAttribute("aria-label", card.suggested ? `Take the suggestion ${card.suggested.name}, key W` : "No suggestion");
  }

  function showTrust(card, threshold) {
    const known = card.p_clean !== null && card.p_clean !== undefined;
    trustValue.textContent = known ? percent(card.p_clean) : "not ranked yet";
    trust.classList.toggle("ls-unranked", !known);
    trust.classList.toggle("ls-low", known && card.p_clean < threshold);
    fill(trustBar, known ? card.p_clean : 0);
    trustBar.style.setProperty("--threshold", threshold ?? 0.5);
    const said = runWords(card.runs ?? []);
    const chips = said.slice(0, RUNS).map(({ detector, p_clean: p, title }) =>
      el("span", { class: "ls-run", title }, el("bdi", {}, detector), el("b", {}, percent(p))));
    const rest = said.slice(RUNS);
    if (rest.length) chips.push(el("span", { class: "ls-run", title: rest.map(({ detector, title }) => `${detector}, ${title}`).join("\n") }, `+${rest.length}`));
    if (known) chips.push(el("span", { class: "ls-threshold" }, `flagged below ${percent(threshold)}`));
    runs.replaceChildren(...chips);
    const why = card.reasons ?? [];
    reasons.replaceChildren(...why.slice(0, 3).map((text) => el("li", { title: text }, text)));
    reasons.title = why.slice(3).join("\n");
  }

  function showRows(card, list, total) {
    rows.forEach((row, i) => {
      const item = list[i];
      row.root.hidden = !item;
      if (!item) return;
      const isGiven = item.name === card.given.name;
      const isSuggested = item.name === card.suggested?.name;
      setName(row.name, item.name);
      row.tag.textContent = isGiven ? "given" : isSuggested ? "suggested" : "";
      row.root.className = `ls-row${isGiven ? " ls-given" : isSuggested ? " ls-suggested" : ""}`;
      row.root.setAttribute("aria-label", `${isGiven ? "Keep the given label" : "Relabel as"} ${item.name}, key ${digitCap(i)}`);
      row.value.textContent = item.probability === null ? "" : percent(item.probability);
      fill(row.share, item.probability < 0.005 ? 0 : item.probability);
    });
    rowsTitle.textContent = card.likeliest?.length ? "Likeliest classes" : "Classes";
    allClasses.textContent = `all ${total}`;
  }

  function showNeighbours(card, thumbs) {
    const all = card.neighbours ?? [];
    const same = all.filter((neighbour) => neighbour.label === card.given.name).length;
    nearText.textContent = all.length ? `Nearest images: ${same} of ${all.length} carry the given label` : "";
    nearBox.hidden = !all.length;
    slots.forEach((slot, i) => {
      slot.root.hidden = !thumbs[i];
      if (!thumbs[i]) return;
      const { label, confirmed, similarity } = all[i];
      const differs = label !== card.given.name;
      setName(slot.name, label);
      slot.root.className = `ls-neighbour${!differs ? " ls-given" : label === card.suggested?.name ? " ls-suggested" : ""}`;
      slot.root.title = `${label}${confirmed ? ", confirmed by a person" : ""}, similarity ${similarity.toFixed(2)}`;
      slot.sign.textContent = differs ? "≠" : "=";
      slot.sign.setAttribute("aria-label", differs ? "differs:" : "same:");
      slot.tick.hidden = !confirmed;
      slot.thumb.replaceChild(thumbs[i], slot.thumb.firstChild);
    });
  }

  function showPath(card) {
    const text = card.path ?? card.sample_id;
    const cut = Math.max(text.lastIndexOf("/"), text.length - 28);
    pathHead.textContent = cut > 0 ? text.slice(0, cut) : "";
    pathTail.textContent = cut > 0 ? text.slice(cut) : text;
    path.title = text;
    size.textContent = card.width && card.height ? `${card.width} × ${card.height}` : "";
  }

  return {
    root,
    near,
    outcomes,
    stage,
    caption,
    /** Puts the decoded <img> on the stage; null while it loads; "failed" where it cannot be shown. */
    picture(img) {
      picture.classList.toggle("ls-loading", img === null);
      if (img === null) picture.replaceChildren();
      else if (img === "failed") picture.replaceChildren(el("div", { class: "ls-broken" }, icon("image"), "This image cannot be shown. B marks it as a bad image."));
      else {
        img.style.setProperty("--ratio", img.naturalWidth / Math.max(1, img.naturalHeight));
        picture.replaceChildren(img);
      }
    },
    show({ card, decision }, { classes, threshold, thumbs, isLast }) {
      showLabels(card);
      showTrust(card, threshold);
      showRows(card, rowsOf(card, classes), classes.length);
      showNeighbours(card, thumbs);
      showPath(card);
      badge.hidden = !decision;
      if (decision) badge.replaceChildren(icon("check"), el("bdi", {}, decisionText(decision)), el("span", {}, isLast ? "Z undoes it; decide again to change" : "decide again to change"));
    },
    hint(text) {
      hint.textContent = text;
      hint.classList.add("ls-on");
      clearTimeout(hintTimer);
      hintTimer = setTimeout(() => hint.classList.remove("ls-on"), 2600);
    },
  };
}
