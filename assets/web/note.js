// The note of a card: one line, saved with the decision. What is written before is kept for its card.

import { el } from "./dom.js";
import { follow, liveCap, shortcut } from "./keymap-caps.js";

export const LONGEST = 2000; // characters, as the server takes them

/** The notes that wait for their decision: position → text. Pure. */
export function createDrafts() {
  const drafts = new Map();
  return {
    /** What the field of a card shows: what was begun here, else what its decision says. */
    textOf: (position, decision) => drafts.get(position) ?? decision?.note ?? "",
    write(position, text) { drafts.set(position, text.slice(0, LONGEST)); },
    /** The note that goes with a decision of now, or null; the draft is used up. */
    take(position, decision) {
      const text = (drafts.get(position) ?? decision?.note ?? "").trim();
      drafts.delete(position);
      return text || null;
    },
    /** A decision was taken back or refused: its note waits for the next one. */
    restore(position, note) {
      if (note && !drafts.has(position)) drafts.set(position, note);
    },
  };
}

/** The field. `drafts` as above; Enter and Esc leave it and decide nothing. */
export function createNote(keys, drafts) {
  const input = el("input", { type: "text", class: "ls-note-input", placeholder: "Note", maxlength: LONGEST, "aria-label": "Note", autocomplete: "off", enterkeyhint: "done" });
  const root = el("label", { class: "ls-note" }, input, liveCap(keys, "note"));
  let position = null;
  follow(keys, () => input.setAttribute("aria-keyshortcuts", shortcut(keys.key("note"))));
  input.addEventListener("input", () => { if (position !== null) drafts.write(position, input.value); });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    input.blur();
  });
  return {
    root,
    show(card, decision) {
      position = card.position;
      const text = drafts.textOf(position, decision);
      if (input.value !== text) input.value = text;
      input.title = text;
      root.classList.toggle("ls-written", text !== "");
    },
    focus() { input.focus({ preventScroll: true }); },
  };
}
