// The review pane: mount(element) puts it into Gradio's gr.HTML element. Glue only: listeners, the
// pane's height, and the view that the flow speaks to.

import { createAttention } from "./attention.js";
import { createCalls } from "./calls.js";
import { createCard, decisionText } from "./card.js";
import { el, isolate } from "./dom.js";
import { createFlow } from "./flow.js";
import { createHeader } from "./header.js";
import { createImages } from "./images.js";
import { actionOf, isTextField, ownsArrows } from "./keys.js";
import { keepFitting } from "./pane.js";
import { createPicker } from "./picker.js";
import { createSaver } from "./saver.js";
import { createCheatSheet, emptyScreen, errorScreen, loadingScreen, rankingScreen } from "./screens.js";
import { recordPaint } from "./timings.js";
import { createTrail } from "./trail.js";

function loadStyle() {
  const known = document.querySelector("link[data-labelsieve]");
  if (known) return Promise.resolve();
  const link = el("link", { rel: "stylesheet", href: new URL("./review.css", import.meta.url).href, "data-labelsieve": true });
  const loaded = new Promise((done) => { link.onload = link.onerror = done; setTimeout(done, 2000); });
  document.head.append(link);
  return loaded;
}

const localStore = () => {
  try { return window.localStorage; } catch { return null; }
};

/** crypto.randomUUID exists only on https and localhost; getRandomValues everywhere. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte, i) =>
    (i === 6 ? (byte & 15) | 64 : i === 8 ? (byte & 63) | 128 : byte).toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export async function mount(element) {
  window.__labelsieve_review?.abort();
  const control = window.__labelsieve_review = new AbortController();
  const { signal } = control;
  window.__labelsieve_ready = false;
  const state = (name) => { if (!signal.aborted) element.dataset.state = name; };
  state("loading");
  const now = () => performance.now();

  let flow = null;
  let session = null;
  let progress = null;
  let drawn = null; // {entry, item, info} on the card
  let emptyFor = null;
  let ranker = null; // the ranking screen, while it is shown
  const calls = createCalls({ signal, onLost: (lost) => header.lost(lost) });
  const images = createImages();
  const trail = createTrail();
  const act = (action) => {
    picker.close();
    flow?.press({ ...action, at: now() });
  };
  const header = createHeader(act, { onRetry: () => { saver?.retry(); poll(); }, onHelp: () => sheet.toggle() });
  const card = createCard(act);
  const attention = createAttention({ get: calls.get, near: () => trail.near(), say: (words) => { spoken.textContent = words; }, signal });
  card.stage.firstChild.after(attention.root);
  card.caption.append(attention.button);
  const picker = createPicker();
  const sheet = createCheatSheet();
  const spoken = el("div", { class: "ls-spoken", "aria-live": "polite" });
  const body = el("div", { class: "ls-body" });
  const root = el("section", { class: "ls-review", id: "labelsieve-review", "aria-label": "Label review" }, header.root, body, picker.root, sheet.root, spoken);
  let saver = null;

  function screen(node, name) {
    if (signal.aborted) return; // a later mount owns the element
    drawn = null;
    attention.leave();
    delete element.dataset.position;
    picker.close();
    ranker = null;
    emptyFor = null;
    body.replaceChildren(node);
    header.notice("");
    state(name);
  }

  function noticeFor(shown) {
    const { state: ranked, message } = flow.ranking;
    if (ranked === "failed") return `The ranking failed: ${message}`;
    if (shown.p_clean === null) return ranked === "running" ? "" : "These cards are not ranked yet; they come in the order of the table.";
    const past = ranked === "ready" && progress && progress.flagged_left === 0 && shown.p_clean >= progress.threshold;
    return past ? "All flagged samples are decided; what follows is likely right." : "";
  }

  const view = {
    progress(next) { progress = next; header.progress(next); },
    ranking(next) {
      header.ranking(drawn ? next : null);
      ranker?.update(next);
    },
    card(entry, item, info) {
      if (signal.aborted) return;
      drawn = { entry, item, info };
      ranker = emptyFor = null;
      card.show(entry, { classes: session.classes, threshold: progress?.threshold ?? 0.5, thumbs: images.thumbs(entry.card), ...info });
      if (body.firstChild !== card.root) body.replaceChildren(card.root);
      element.dataset.position = String(entry.card.position);
      view.picture(item);
      header.notice(noticeFor(entry.card));
    },
    picture(item) {
      card.picture(!item.ready ? null : item.failed ? "failed" : item.img);
      if (drawn) attention.show(drawn.entry.card, item.ready && !item.failed ? item.img : null);
      state(item.ready ? "ready" : "loading");
    },
    waiting: () => screen(loadingScreen(), "loading"),
    isEmpty: () => emptyFor !== null,
    empty() {
      const key = JSON.stringify(progress);
      if (emptyFor === key) return;
      screen(emptyScreen(progress, { onUndo: () => act({ type: "undo" }), onCheck: () => flow.look() }), "empty");
      emptyFor = key;
    },
    failed: (sentence) => screen(errorScreen(sentence, () => flow.look()), "error"),
    rankingInProgress(ranking) {
      if (!ranker) {
        const made = rankingScreen(() => flow.look({ unranked: true }));
        screen(made.root, "loading");
        ranker = made;
      }
      ranker.update(ranking);
    },
    hint(text) {
      if (drawn) card.hint(text);
      else header.notice(text);
    },
    trouble(error) {
      if (signal.aborted) return;
      console.error(error);
      header.refused(error.message);
    },
    decided(shown, decision) {
      const words = decisionText({ ...decision, annotator: "" });
const given = isolate(shown.given.name);
      header.last(decision.outcome === "keep" ? `Kept ${given}` : decision.outcome === "relabel" ? `${given} → ${isolate(decision.labels[0])}` : words);
      spoken.textContent = words;
    },
    revised(kind, decision) {
      const words = `${kind === "undo" ? "Undone" : "Redone"}: ${decisionText({ ...decision, annotator: "" })}`;
      header.last(words);
      spoken.textContent = words;
    },
    pick: (options) => picker.open(options),
    feed: (key) => picker.feed(key),
    painted: (mark) => recordPaint(mark, drawn?.item.img),
  };

  // ---- keys ------------------------------------------------------------------------------------
  function onKey(event) {
    const target = event.composedPath()[0];
    if (!element.isConnected || picker.root.contains(target)) return; // the picker has its own keys
    if (isTextField(target)) {
      if (event.key === "Escape" && !event.isComposing) target.blur();
      return;
    }
    if (element.offsetParent === null) return; // another tab is shown
    if (event.key === "Escape" && picker.isOpen) return void picker.close();
    const action = actionOf(event);
    if (sheet.isOpen) {
      if (action?.type === "help") { event.preventDefault(); sheet.toggle(); }
      return;
    }
    if (picker.isOpen || document.querySelector("dialog[open]")) return;
    if (flow?.opensPicker && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      return void flow.press({ type: "typed", key: event.key, at: event.timeStamp });
    }
    if (!action) return;
    if (ownsArrows(target) && (action.type === "back" || action.type === "forward")) return;
    event.preventDefault();
    if (action.type === "help") sheet.toggle();
    else if (action.type === "attention") attention.cycle();
    else flow?.press({ ...action, at: event.timeStamp });
  }

  // ---- what the server says from time to time --------------------------------------------------
  let polling = false;
  let failures = 0;
  async function poll() {
    if (polling || signal.aborted || !flow || element.offsetParent === null || document.hidden) return;
    polling = true;
    try {
      flow.hear(await calls.get("/api/session"));
      failures = 0;
      header.lost(false);
      if (flow.ranking.state !== "running" || emptyFor !== null || !drawn) flow.look();
      flow.refill();
    } catch (error) {
      if (!signal.aborted && !(error.status >= 400) && (failures += 1) > 1) header.lost(true);
    }
    polling = false;
  }

  // ---- start -----------------------------------------------------------------------------------
  await loadStyle();
  if (signal.aborted) return;
  element.replaceChildren(root);
  body.replaceChildren(loadingScreen("Opening the workspace"));
  keepFitting(element, card.near, signal, (fitting) => {
    images.setThumbCount(fitting);
    if (drawn) view.card(drawn.entry, drawn.item, drawn.info);
  });
  signal.addEventListener("abort", () => saver?.stop());
  document.addEventListener("keydown", onKey, { capture: true, signal });
  window.addEventListener("labelsieve:open", (event) => act({ type: "open", position: event.detail.position }), { signal });
  window.addEventListener("online", () => { saver?.retry(); poll(); }, { signal });
  window.addEventListener("beforeunload", (event) => {
    if (saver?.state().unsaved) event.preventDefault();
  }, { signal });

  async function open() {
    body.replaceChildren(loadingScreen("Opening the workspace"));
    try {
      session = await calls.until(() => calls.get("/api/session"));
    } catch (error) {
      if (!signal.aborted) screen(errorScreen(error.message, open), "error");
      return;
    }
    saver = createSaver({
      post: (decisions) => calls.post("/api/decisions", { decisions }),
      storage: localStore(), workspaceId: session.workspace_id, tab: uuid(), uuid,
      onChange: (next) => { if (!signal.aborted) header.saving(next); },
      onReply: (reply) => { header.lost(false); flow?.hear(reply); },
      onRefused: (entry, error) => {
        header.refused(`Not recorded for ${entry.sample_id}: ${error}`);
        if (trail.refused(entry.position, entry.id)) flow?.look();
        if (drawn?.entry.card.position === entry.position) view.card(drawn.entry, drawn.item, drawn.info);
      },
    });
    flow = createFlow({ session, trail, saver, calls, images, view, uuid, now });
    header.saving(saver.state());
    flow.hear(session);
    saver.replay();
    await flow.look();
  }
  const started = open();
  let ticks = 0;
  const clock = setInterval(() => {
    ticks += 1;
    const pace = flow?.ranking.state === "running" || failures ? 1 : emptyFor !== null ? 3 : 10;
    if (ticks % pace === 0) poll();
  }, 1000);
  signal.addEventListener("abort", () => clearInterval(clock));
  await Promise.race([started, new Promise((done) => setTimeout(done, 3000))]);
  if (!signal.aborted) window.__labelsieve_ready = true;
}
