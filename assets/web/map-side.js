// What stands around the plane of the map: the choices above it, the legend, and the window at the pointer.

import { button, count, el, isolate, nameSpan, setName } from "./dom.js";

const DWELL = 60; // ms on a point until its picture is asked for

/** Buttons of which one is chosen: options are [value, text, title]. */
export function createChoice(label, options, chosen, run) {
  const buttons = options.map(([value, text, title]) =>
    button({ class: "ls-option", role: "radio", title, "aria-checked": String(value === chosen), "data-value": value }, () => {
      for (const each of buttons) each.setAttribute("aria-checked", String(each.dataset.value === value));
      run(value);
    }, text));
  return el("div", { class: "ls-choice", role: "radiogroup", "aria-label": label }, el("span", { class: "ls-choice-label" }, label), ...buttons);
}

/** The window beside the pointer: the picture, given → suggested, and how likely the given label is right. */
export function createPeek(calls) {
  const img = el("img", { alt: "", draggable: "false" });
  const given = nameSpan();
  const suggested = nameSpan();
  const arrow = el("span", { "aria-hidden": "true" }, "→");
  const note = el("p", {});
  const root = el("div", { class: "ls-peek", hidden: true }, el("div", { class: "ls-peek-picture" }, img), el("p", { class: "ls-peek-names" }, given, arrow, suggested), note);
  const addresses = new Map();
  let shown = -1;
  let timer = null;

  async function picture(position) {
    try {
      if (!addresses.has(position)) addresses.set(position, (await calls.get(`/api/map/point/${position}`)).image);
    } catch {
      return; // the words are there; the next point asks again
    }
    if (shown === position) img.src = addresses.get(position);
  }

  return {
    root,
    hide() {
      shown = -1;
      clearTimeout(timer);
      root.hidden = true;
    },
    show(position, words, at, box) {
      if (shown !== position) {
        shown = position;
        img.removeAttribute("src");
        setName(given, words.given);
        setName(suggested, words.suggested);
        suggested.hidden = arrow.hidden = words.suggested === words.given;
        note.textContent = words.note;
        clearTimeout(timer);
        timer = setTimeout(() => picture(position), addresses.has(position) ? 0 : DWELL);
      }
      root.hidden = false;
      const left = at.x + 18 + root.offsetWidth > box.clientWidth ? at.x - 18 - root.offsetWidth : at.x + 18;
      const top = Math.max(4, Math.min(at.y - 40, box.clientHeight - root.offsetHeight - 4));
      root.style.transform = `translate(${Math.round(Math.max(4, left))}px, ${Math.round(top)}px)`;
    },
  };
}

/** The list of colours; a click on one shows it alone, another click all again. */
export function createLegend(onAlone, onRings) {
  const title = el("h3", {});
  const list = el("ul", {});
  const ringCount = el("span", { class: "ls-count" });
  const rings = button({ class: "ls-entry", "aria-pressed": "true" }, () => {
    onRings(rings.getAttribute("aria-pressed") !== "true");
  }, el("i", { class: "ls-swatch ls-ring" }), el("span", { class: "ls-name" }, "Flagged, undecided"), ringCount);
  const current = el("p", { class: "ls-here" }, el("i", { class: "ls-swatch ls-cross" }), "The card under review");
  return {
    root: el("aside", { class: "ls-legend" }, title, list, rings, current),
    show({ title: text, groups, alone, flagged, rings: withRings, hasCurrent }) {
      title.textContent = text;
      const shown = [...groups.filter((group) => group.key !== "others"), ...groups.filter((group) => group.key === "others")];
      const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
      list.replaceChildren(...shown.map((group) => {
        const name = nameSpan();
        setName(name, group.name);
        const swatch = el("i", { class: `ls-swatch ls-${group.shape}` });
        swatch.style.setProperty("--colour", group.colour);
        return el("li", {}, button({ class: `ls-entry${alone && alone !== group.key ? " ls-off" : ""}`, "aria-pressed": String(alone === group.key), title: `Show ${isolate(group.name)} alone` },
          () => onAlone(alone === group.key ? null : group.key), swatch, name, el("span", { class: "ls-count" }, count(group.rows.length))));
      }));
      list.children[focused]?.firstChild.focus(); // the list is new; whoever walks it by key stays in it
      rings.setAttribute("aria-pressed", String(withRings));
      ringCount.textContent = count(flagged);
      current.hidden = !hasCurrent;
    },
  };
}
