// The DOM of one card, built once and refilled: showing a card writes texts, widths and swaps in
// image elements that are already decoded. Nothing here reads layout, so a swap costs one frame.

import { createEvidence } from "./card-evidence.js";
import { createNear, tilesOf } from "./card-near.js";
import { createRows } from "./card-rows.js";
import { el, icon, isolate, nameSpan, percent, setName } from "./dom.js";
import { follow, keyButton, liveCap } from "./keymap-caps.js";

export { runWords } from "./card-evidence.js";

const OUTCOMES = [["ambiguous", "Ambiguous"], ["out_of_scope", "Out of scope"], ["bad_image", "Bad image"], ["skip", "Skip"]];
const SAID = {
  keep: "Kept", relabel: "Relabelled", ambiguous: "Ambiguous", out_of_scope: "Out of scope", bad_image: "Bad image", skip: "Skipped",
};

/** What was decided, in words: "Relabelled deer by ada". */
export function decisionText(decision) {
  const labels = decision.labels?.length && decision.outcome !== "keep" ? ` ${decision.labels.map(isolate).join(" / ")}` : "";
  return `${SAID[decision.outcome] ?? decision.outcome}${labels}${decision.annotator ? ` by ${decision.annotator}` : ""}`;
}

function tile(keys, kind, caption, run) {
  const name = nameSpan("ls-tile-name");
  const note = el("span", { class: "ls-tile-note" });
  const action = kind === "given" ? "keep" : "suggestion";
  const root = keyButton(keys, action, { class: `ls-tile ls-${kind}` }, run,
    el("span", { class: "ls-tile-cap" }, el("span", {}, caption), liveCap(keys, action)), name, note);
  return { root, name, note };
}

/** Who said what of a sample that people disagree about: "ada: Kept; bob: Relabelled deer". */
export const saidWords = (opinions) => opinions.map(({ annotator, ...decision }) => `${isolate(annotator)}: ${decisionText(decision)}`).join("; ");

/** `act(action)`; `keys`: the key map; `onReason(key)`: the cards with a reason are wanted. */
export function createCard(act, keys, onReason) {
  const picture = el("div", { class: "ls-picture" });
  const badge = el("div", { class: "ls-badge", hidden: true });
  const hint = el("div", { class: "ls-hint", role: "status" });
  const pathHead = el("span", { class: "ls-path-head" });
  const pathTail = el("span", { class: "ls-path-tail" });
  const path = el("div", { class: "ls-path", dir: "ltr" }, pathHead, pathTail);
  const size = el("span", { class: "ls-size" });
  const stage = el("figure", { class: "ls-stage" }, picture, badge, hint);
  const near = createNear((position) => act({ type: "open", position }));
  const caption = el("div", { class: "ls-caption" }, path, size);
  const left = el("div", { class: "ls-left" }, stage, caption, near.root);

  const given = tile(keys, "given", "Given label", () => act({ type: "keep" }));
  const suggested = tile(keys, "suggested", "Suggested", () => act({ type: "suggestion" }));
  const evidence = createEvidence(onReason);
  const rows = createRows(act, keys);
  const outcomes = el("section", { class: "ls-outcomes", "aria-label": "Other outcomes" }, ...OUTCOMES.map(([type, text]) =>
    keyButton(keys, type, { class: "ls-button", "data-outcome": type }, () => act({ type }), el("span", {}, text), liveCap(keys, type))));
  const right = el("div", { class: "ls-right" },
    el("section", { class: "ls-choice" }, given.root, icon("arrow"), suggested.root), ...evidence.roots, rows.root, outcomes);
  const root = el("div", { class: "ls-card" }, left, right);
  let hintTimer = null;
  let shown = null; // the card on screen, for labels that name a key

  function nameKeys() {
    if (!shown) return;
    const { given: { name }, suggested: other } = shown;
    given.root.setAttribute("aria-label", `Keep the given label ${name}, key ${keys.cap("keep")}`);
    suggested.root.setAttribute("aria-label", other ? `Take the suggestion ${other.name}, key ${keys.cap("suggestion")}` : shown.blind ? "The suggestion is hidden" : "No suggestion");
  }
  follow(keys, nameKeys);

  function showLabels(card) {
    shown = card;
    const agrees = card.suggested?.name === card.given.name;
    setName(given.name, card.given.name);
    given.note.textContent = card.given.probability === null ? "as it came with the data" : `likelihood ${percent(card.given.probability)}`;
    setName(suggested.name, card.suggested?.name ?? (card.blind ? "Hidden" : "No suggestion"));
    suggested.note.textContent = card.blind ? "choose what you see" : !card.suggested ? "choose below" : agrees ? `the same: ${keys.cap("suggestion")} keeps it`
      : card.suggested.probability === null ? "take it" : `likelihood ${percent(card.suggested.probability)}`;
    suggested.root.classList.toggle("ls-absent", !card.suggested);
    nameKeys();
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
    strip: near.strip,
    stage,
    holder: picture,
    caption,
    /** Puts the decoded <img> on the stage; null while it loads; "failed" where it cannot be shown. */
    picture(img) {
      picture.classList.toggle("ls-loading", img === null);
      if (img === null) picture.replaceChildren();
      else if (img === "failed") picture.replaceChildren(el("div", { class: "ls-broken" }, icon("image"), `This image cannot be shown. ${keys.cap("bad_image")} marks it as a bad image.`));
      else if (picture.firstChild !== img) {
        img.style.setProperty("--ratio", img.naturalWidth / Math.max(1, img.naturalHeight));
        picture.replaceChildren(img);
      }
    },
    /** `thumbs`: an <img> for each tile of a strip of `columns`. */
    show({ card, decision }, { classes, threshold, thumbs, columns, isLast }) {
      showLabels(card);
      evidence.show(card, threshold);
      rows.show(card, classes);
      near.show(card, tilesOf(card, columns), thumbs);
      showPath(card);
      const opinions = card.opinions ?? [];
      badge.hidden = !decision && !opinions.length;
      badge.classList.toggle("ls-disputed", !decision && opinions.length > 0);
      if (!decision && opinions.length) {
        badge.replaceChildren(icon("warn"), el("span", { class: "ls-said" }, ...opinions.map((each) => el("bdi", {}, saidWords([each])))), el("span", {}, "decide to settle it"));
      }
      if (decision) badge.replaceChildren(icon("check"), el("bdi", {}, decisionText(decision)), el("span", {}, isLast ? `${keys.cap("undo")} undoes it; decide again to change` : "decide again to change"));
    },
    hint(text) {
      hint.textContent = text;
      hint.classList.add("ls-on");
      clearTimeout(hintTimer);
      hintTimer = setTimeout(() => hint.classList.remove("ls-on"), 2600);
    },
  };
}
