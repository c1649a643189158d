// The first view: the demo, a workspace that exists, a new one.

import { button, el } from "./dom.js";
import { opened } from "./start-words.js";

const text = (tag, content, attributes = {}) => {
  const node = el(tag, attributes);
  node.textContent = content;
  return node;
};

const DEMO = "Drawn pictures in twelve classes, about a fifth of them labelled wrongly. Everything is here already: "
  + "no download, and the first suspicious cards within seconds.";
const DRAWN = "Its model comes with Labelsieve and knows only this drawn world; for photos you choose another, below.";

export function createChoose({ ask, browser, go, say, toMake }) {
  const strip = el("div", { class: "st-strip", "aria-hidden": "true" });
  const kept = text("p", "", { class: "st-muted st-small" });
  const tryIt = button({ class: "st-button st-primary", id: "try-demo" }, () => go("demo", {}));
  tryIt.textContent = "Try the demo";
  const recent = el("ul", { class: "st-recent" });
  const browse = button({ class: "st-button", id: "browse-workspace" }, async () => {
    const path = await browser.pick("workspace");
    if (path) go("open", { path });
  });
  browse.textContent = "Browse…";
  const fresh = button({ class: "st-button", id: "make-workspace" }, async () => {
    const path = await browser.pick("images");
    if (path) toMake(path);
  });
  fresh.textContent = "Choose a folder of images…";
  const root = el("div", { class: "st-choose" },
    el("section", { class: "st-card st-demo" },
      el("div", { class: "st-demo-words" }, text("h2", "Try the demo"), text("p", DEMO), text("p", DRAWN, { class: "st-muted" }),
        el("div", { class: "st-row" }, tryIt), kept),
      strip),
    el("section", { class: "st-card" }, text("h2", "Open a workspace"), recent, el("div", { class: "st-row" }, browse)),
    el("section", { class: "st-card" }, text("h2", "Make one from a folder"),
      text("p", "A folder with one sub-folder per class, or a folder of images and a table of their labels. "
        + "Your images are read where they are; nothing of yours is changed."),
      text("p", "For photos you choose a CLIP to download once, from about 600 MB. After that no network is needed.", { class: "st-muted" }),
      el("div", { class: "st-row" }, fresh)));

  function drawRecent(entries) {
    const now = new Date();
    recent.replaceChildren(...entries.slice(0, 5).map((entry) => {
      const name = text("bdi", entry.name, { class: "st-name" });
      const where = text("bdi", entry.path, { class: "st-muted st-small st-path" });
      const row = button({ class: "st-recent-row", title: entry.path }, () => go("open", { path: entry.path }),
        el("span", { class: "st-recent-names" }, name, where),
        text("span", opened(entry.opened, now), { class: "st-muted st-small" }));
      return el("li", {}, row);
    }));
    if (!entries.length) recent.append(text("li", "None was opened on this computer yet.", { class: "st-muted" }));
  }

  async function enter() {
    try {
      const { demo, recent: entries } = await ask("choices");
      drawRecent(entries);
      strip.replaceChildren(...Array.from({ length: demo.pictures }, (_, number) => el("img", { src: `/start/picture/${number}`, alt: "", width: "96", height: "96" })));
      strip.hidden = !demo.pictures;
      tryIt.disabled = !demo.there;
      tryIt.textContent = demo.made ? "Go on with the demo" : "Try the demo";
      kept.textContent = demo.there ? `Your decisions are kept in ${demo.place}` : "The demo did not come with this installation.";
    } catch (error) {
      say(error.message);
    }
  }

  return { root, enter };
}
