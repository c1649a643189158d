// The strip below the picture: the nearest images, then further ones of the given and of the suggested
// class, so that each image is there once. Pure arrangement first, then its DOM.

import { button, el, icon, isolate, nameSpan, setName } from "./dom.js";

const SLOTS = 12;
const SAID = { ambiguous: "ambiguous", out_of_scope: "out of scope", bad_image: "bad image" };

/** How many tiles a class of its own gets beside the nearest, in a strip of `columns`. */
const ofAClass = (columns) => (columns >= 9 ? 3 : columns >= 6 ? 2 : 1);

/**
 * The tiles of a strip of `columns`: [{kind: "nearest" | "given" | "suggested", neighbour}], the nearest
 * first. `card.neighbours` come nearest first; a class whose images are all among the nearest gets no part.
 */
export function tilesOf(card, columns) {
  const all = card.neighbours ?? [];
  const given = card.given.name;
  const suggested = card.suggested?.name ?? given;
  const kinds = suggested === given ? [["given", given]] : [["given", given], ["suggested", suggested]];
  const further = (from) => kinds.flatMap(([kind, label]) =>
    all.slice(from).filter((neighbour) => neighbour.label === label).slice(0, ofAClass(columns)).map((neighbour) => ({ kind, neighbour })));
  let nearest = columns - kinds.length * ofAClass(columns);
  while (nearest < Math.min(columns, all.length) && nearest + further(nearest).length < columns) nearest += 1;
  return [...all.slice(0, nearest).map((neighbour) => ({ kind: "nearest", neighbour })), ...further(nearest)].slice(0, columns);
}

/** What the title of a tile says: "wolf, confirmed by a person, similarity 0.83". */
export function tileWords({ label, outcome, confirmed, similarity }) {
  const name = label === null ? `no class (${SAID[outcome] ?? outcome})` : isolate(label);
  return `${name}${confirmed ? ", confirmed by a person" : ""}, similarity ${similarity.toFixed(2)}`;
}

function createSlot(open) {
  const tick = el("span", { class: "ls-tick", role: "img", "aria-label": "confirmed" }, icon("check"));
  const picture = el("span", { class: "ls-thumb-picture" });
  const thumb = el("span", { class: "ls-thumb" }, picture, tick);
  const sign = el("span", { "aria-hidden": "true" });
  const name = nameSpan("ls-near-name");
  let position = null;
  const press = button({ class: "ls-near-tile" }, () => open(position), thumb, el("span", { class: "ls-near-label" }, sign, name));
  const root = el("li", {}, press);
  return {
    root,
    show(neighbour, img, card) {
      position = neighbour.position;
      const { label, confirmed } = neighbour;
      const differs = label !== card.given.name;
      setName(name, label ?? SAID[neighbour.outcome] ?? "no class");
      root.className = `ls-neighbour${!differs ? " ls-given" : label === card.suggested?.name ? " ls-suggested" : ""}`;
      const words = tileWords(neighbour);
      press.title = `${words}; open its card`;
      press.setAttribute("aria-label", `Open the neighbour: ${differs ? "another label" : "the same label"}, ${words}`);
      sign.textContent = differs ? "≠" : "=";
      tick.hidden = !confirmed;
      if (picture.firstChild !== img) picture.replaceChildren(img);
    },
  };
}

/** `open(position)` opens a neighbour's card. */
export function createNear(open) {
  const groups = ["nearest", "given", "suggested"].map((kind) => {
    const words = el("span", {});
    const name = nameSpan("ls-name");
    const slots = Array.from({ length: kind === "nearest" ? SLOTS : ofAClass(SLOTS) }, () => createSlot(open));
    const list = el("ul", { class: "ls-near-list" }, ...slots.map((slot) => slot.root));
    const root = el("div", { class: `ls-near-group ls-near-${kind}`, role: "group" }, el("p", { class: "ls-near-text" }, words, name), list);
    return { kind, root, words, name, slots };
  });
  const strip = el("div", { class: "ls-near" }, ...groups.map((group) => group.root));
  const root = el("section", { class: "ls-near-box", "aria-label": "Neighbours" }, strip);

  function headOf({ kind, root: group, words, name }, card) {
    const lacks = kind === "nearest" && !(card.neighbours ?? []).some((neighbour) => neighbour.label === card.given.name);
    words.textContent = kind !== "nearest" ? "More" : lacks ? `Nearest images; of ${card.searched} none is` : "Nearest images";
    setName(name, kind === "suggested" ? card.suggested?.name ?? "" : kind === "given" || lacks ? card.given.name : "");
    group.setAttribute("aria-label", `${words.textContent} ${name.textContent}`.trim());
  }

  return {
    root,
    strip,
    /** `thumbs`: an <img> for each of `tiles`, as `tilesOf` gave them. */
    show(card, tiles, thumbs) {
      root.hidden = !tiles.length;
      for (const group of groups) {
        const mine = tiles.map((tile, i) => [tile, thumbs[i]]).filter(([{ kind }]) => kind === group.kind);
        group.root.hidden = !mine.length;
        group.root.style.setProperty("--tiles", mine.length);
        if (mine.length) headOf(group, card);
        group.slots.forEach((slot, i) => {
          slot.root.hidden = !mine[i];
          if (mine[i]) slot.show(mine[i][0].neighbour, mine[i][1], card);
        });
      }
    },
  };
}
