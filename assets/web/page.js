// What every tab needs of the page: its style sheet, an id of its own, its place among the tabs.

import { el } from "./dom.js";

/** Adds a style sheet of this folder once; resolves when it is there, or after two seconds without it. */
export function loadStyle(name) {
  if (document.querySelector(`link[data-labelsieve="${name}"]`)) return Promise.resolve();
  const link = el("link", { rel: "stylesheet", href: new URL(`./${name}.css`, import.meta.url).href, "data-labelsieve": name });
  const loaded = new Promise((done) => { link.onload = link.onerror = done; setTimeout(done, 2000); });
  document.head.append(link);
  return loaded;
}

/** A new id. crypto.randomUUID exists only on https and localhost; getRandomValues everywhere. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte, i) =>
    (i === 6 ? (byte & 15) | 64 : i === 8 ? (byte & 63) | 128 : byte).toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What the browser keeps for this address, or null where it keeps nothing. */
export const localStore = () => {
  try { return window.localStorage; } catch { return null; }
};

/** An id of this page that survives loading it again, but not closing it. */
export function pageId() {
  try {
    const known = sessionStorage.getItem("labelsieve:page") ?? uuid();
    sessionStorage.setItem("labelsieve:page", known);
    return known;
  } catch {
    return uuid(); // a browser that keeps nothing
  }
}

/** Shows another tab of the page. */
export const showTab = (name) => document.getElementById(`${name}-tab-button`)?.click();
