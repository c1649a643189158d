// A session has ended while its page is open: a dialog over the page, and what waited goes on after it. Calls say
// whose page this is, so that nothing is recorded for somebody who has logged in in another tab meanwhile.

import { button, el, isolate } from "./dom.js";
import { logOut, wire } from "./log-in.js";
import { loadStyle } from "./page.js";

const LOGGED_OUT = 401;
let person = null; // whose page this is; null: nobody has to log in, or it is not known yet
let asking = null; // the dialog that is open, as a promise

/** Whether a log-in is open over the page, and calls wait for it. */
export const isAsking = () => asking !== null;

/** Whose page this is from now on. */
export function belongsTo(name) { person = name; }

/** The headers that say whose page this is. */
export const personHeaders = () => (person === null ? {} : { "x-labelsieve-person": encodeURIComponent(person) });

/** Ends the session and shows the log-in. */
export async function leave() {
  await logOut();
  window.location.assign("/log-in");
}

function ask(sentence) {
  loadStyle("log-in");
  const name = el("input", { name: "name", autocomplete: "username", maxlength: "100", required: true, readonly: person !== null, value: person ?? "" });
  const password = el("input", { name: "password", type: "password", autocomplete: "current-password", maxlength: "1000", required: true });
  const other = button({ class: "li-quiet" }, () => leave().catch(() => {}), "Log in as somebody else");
  const form = el("form", { class: "li-form" },
    el("label", {}, "Name", name), el("label", {}, "Password", password),
    el("p", { class: "li-fault", role: "alert", hidden: true }), el("button", { type: "submit" }, "Log in"), other);
  const said = el("p", {});
  said.textContent = sentence;
  const dialog = el("dialog", { class: "li-dialog", "aria-label": "Log in" }, el("h2", {}, person === null ? "Log in" : `Log in as ${isolate(person)}`), said, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // nothing works without it
  document.body.append(dialog);
  dialog.showModal();
  password.focus();
  return new Promise((done) => wire(form, (known) => {
    dialog.remove();
    if (person !== null && known !== person) window.location.reload();
    done();
  }));
}

/**
 * Sends a call, and sends it again after a log-in where one is needed. `send(headers)` resolves to a Response; it is
 * called anew each time, so that a time limit begins anew.
 */
export async function whenLoggedIn(send, show = ask) {
  for (;;) {
    const reply = await send(personHeaders());
    if (reply.status !== LOGGED_OUT) return reply;
    const said = await reply.json().catch(() => null);
    asking ??= show(typeof said?.error === "string" ? said.error : "You are not logged in.").finally(() => { asking = null; });
    await asking;
    globalThis.window?.dispatchEvent(new CustomEvent("labelsieve:logged-in"));
  }
}
