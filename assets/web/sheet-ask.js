// One question before many samples are decided at once: Enter or Y is yes, Esc or N is no.

import { button, el, keycap } from "./dom.js";

export function createAsk() {
  const text = el("p", { class: "ls-ask-text", id: "ls-ask-text" });
  let answer = null;
  const reply = (value) => {
    const done = answer;
    answer = null;
    if (dialog.open) dialog.close();
    done?.(value);
  };
  const yes = button({ class: "ls-button ls-primary" }, () => reply(true), "Yes", keycap("Enter"));
  const dialog = el("dialog", { class: "ls-ask", "aria-labelledby": "ls-ask-text" }, text,
    el("div", { class: "ls-ask-acts" }, button({ class: "ls-button" }, () => reply(false), "No", keycap("Esc")), yes));
  dialog.addEventListener("close", () => reply(false)); // Esc
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = event.key.toLowerCase();
    if (event.repeat && (key === "enter" || key === "y")) event.preventDefault(); // the key that asked is still down
    else if (key === "y") reply(true);
    else if (key === "n") reply(false);
  });
  return {
    root: dialog,
    /** Resolves to true for yes, false for no. */
    ask(question) {
      text.textContent = question;
      return new Promise((done) => {
        answer = done;
        dialog.showModal();
        yes.focus();
      });
    },
  };
}
