// Whatever shows a key follows the map: caps, titles, aria-keyshortcuts.

import { button, el, keycap } from "./dom.js";

/** Calls `write()` now and after every change of the keys. */
export function follow(keys, write) {
  write();
  keys.subscribe(write);
}

/** The cap of an action's key; hidden from assistive technology where the button around it says the key. */
export function liveCap(keys, action, hidden = true) {
  const cap = keycap("", hidden);
  follow(keys, () => { cap.textContent = keys.cap(action); });
  return cap;
}

/** What aria-keyshortcuts calls a key: "A", "Shift+Z", "ArrowLeft". */
export const shortcut = (key) => (/^(Shift\+)?[a-z]$/.test(key) ? key.replace(/[a-z]$/, (letter) => letter.toUpperCase()) : key === "+" ? "Plus" : key);

/** A button of an action, with its key in the attribute that assistive technology reads. */
export function keyButton(keys, action, attributes, run, ...children) {
  const node = button(attributes, run, ...children);
  follow(keys, () => node.setAttribute("aria-keyshortcuts", shortcut(keys.key(action))));
  return node;
}

/** "Undo (Z)" as title and label of a button. */
export function titled(keys, action, node, words) {
  follow(keys, () => {
    const text = `${words} (${keys.cap(action).replace("⇧", "Shift+")})`;
    node.title = text;
    node.setAttribute("aria-label", text);
  });
  return node;
}

/** A cap that can be pressed: the cheat sheet's buttons. */
export function capButton(keys, action, words, run) {
  const node = el("button", { type: "button", class: "ls-keychange" });
  node.append(liveCap(keys, action));
  node.addEventListener("click", run);
  follow(keys, () => {
    const text = `${words}: ${keys.cap(action).replace("⇧", "Shift+")}. Change this key`;
    node.setAttribute("aria-label", text);
    node.title = "Change this key";
  });
  return node;
}
