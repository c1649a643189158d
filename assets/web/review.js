// The review pane: mount(element) puts it into Gradio's gr.HTML element. Glue only: listeners, the
// pane's height, and the view that the flow speaks to.

import { createAttention } from "./attention.js";
import { createCalls } from "./calls.js";
import { createCard, decisionText } from "./card.js";
import { button, el, icon, isolate, nameSpan, setName } from "./dom.js";
import { createFlow } from "./flow.js";
import { createHeader } from "./header.js";
import { createImages } from "./images.js";
import { actionOf, isTextField, ownsArrows } from "./keys.js";
import { createCheatSheet } from "./keymap-sheet.js";
import { createKeymap, KEYS_STORED } from "./keymap.js";
import { belongsTo, leave } from "./log-in-again.js";
import { createDrafts, createNote } from "./note.js";
import { createOutlook } from "./outlook.js";
import { loadStyle, localStore, pageId, uuid } from "./page.js";
import { keepFitting } from "./pane.js";
import { createPicker } from "./picker.js";
import { createQueueFilter } from "./queue-filter.js";
import { createSaver } from "./saver.js";
import { createStage } from "./stage.js";
import { recordPaint } from "./timings.js";
import { createTrail } from "./trail.js";
import { createZoom } from "./zoom.js";

/** Asks for the cards of a filter (null: of none); whoever shows the filter bar hears it. */
const askFor = (filter) => window.dispatchEvent(new CustomEvent("labelsieve:filter", { detail: filter }));

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
  let columns = 8; // of the neighbours' strip
  const keys = createKeymap({ storage: localStore() });
  const notes = createDrafts();
  const lost = (value) => {
    header.lost(value);
    stage.lost(value);
  };
  const calls = createCalls({ signal, onLost: lost });
  const images = createImages();
  const trail = createTrail();
  const act = (action) => {
    picker.close();
    flow?.press({ ...action, at: now() });
  };
  const queue = createQueueFilter(calls, element, signal);
  const outlook = createOutlook(calls, { onRate: () => flow?.forget(), onDisputed: () => askFor({ kind: "disagreements" }) });
  const whose = nameSpan();
  const who = button({ class: "ls-quiet ls-who", title: "Log out", hidden: true }, () => leave().catch((error) => view.trouble(error)), whose, "Log out");
  const header = createHeader(act, keys, { onRetry: () => tryAgain(), onHelp: () => sheet.toggle(), aside: [queue.root, outlook.opener, who] });
  const card = createCard(act, keys, (reason) => askFor({ reason }));
  const attention = createAttention({ get: calls.get, near: () => trail.near(), say: (words) => { spoken.textContent = words; }, keys, signal });
  const zoom = createZoom(keys, card.stage, card.holder);
  const note = createNote(keys, notes);
  card.holder.after(attention.root, zoom.root);
  const similar = button({ class: "ls-quiet ls-similar", title: "More images like this one", "aria-label": "More images like this one" },
    () => drawn && askFor({ like: String(drawn.entry.card.position) }), icon("search"));
  card.caption.append(note.root, similar, attention.button);
  const picker = createPicker();
  const sheet = createCheatSheet(keys);
  const spoken = el("div", { class: "ls-spoken", "aria-live": "polite" });
  const body = el("div", { class: "ls-body" });
  const root = el("section", { class: "ls-review", id: "labelsieve-review", "aria-label": "Label review" }, header.root, body, picker.root, sheet.root, outlook.dialog, spoken);
  const tab = pageId();
  let saver = null;

  const stage = createStage({
    body, keys, act, askFor, isGone: () => signal.aborted, flow: () => flow, progress: () => progress, onRetry: () => tryAgain(),
    onChange(name) {
      drawn = null;
      attention.leave();
      zoom.leave();
      delete element.dataset.position;
      picker.close();
      header.notice("");
      state(name);
    },
  });

  function noticeFor(shown) {
    const { state: ranked, message } = flow.ranking;
    if (ranked === "failed") return `The ranking failed: ${message}`;
    if (shown.blind) return "";
    if (shown.p_clean === null) return ranked === "running" ? "" : "These cards are not ranked yet; they come in the order of the table.";
    const past = ranked === "ready" && progress && progress.flagged_left === 0 && shown.p_clean >= progress.threshold;
    return past ? "All flagged samples are decided; what follows is likely right." : "";
  }

  const view = {
    progress(next) { progress = next; header.progress(next); },
    ranking(next) {
      header.ranking(drawn ? next : null);
      stage.ranking(next);
    },
    card(entry, item, info) {
      if (signal.aborted) return;
      const isNew = drawn?.entry !== entry;
      drawn = { entry, item, info };
      stage.leave();
      card.show(entry, { classes: session.classes, threshold: progress?.threshold ?? 0.5, thumbs: images.thumbs(entry.card), columns, ...info });
      note.show(entry.card, entry.decision);
      if (body.firstChild !== card.root) body.replaceChildren(card.root);
      element.dataset.position = String(entry.card.position);
      view.picture(item);
      header.notice(noticeFor(entry.card));
      if (isNew) outlook.later();
    },
    picture(item) {
      card.picture(!item.ready ? null : item.failed ? "failed" : item.img);
      const img = item.ready && !item.failed ? item.img : null;
      if (drawn) attention.show(drawn.entry.card, img);
      if (drawn) zoom.show(drawn.entry.card, img);
      state(item.ready ? "ready" : "loading");
    },
    waiting: stage.waiting,
    isEmpty: stage.isEmpty,
    empty: stage.empty,
    failed: (sentence) => stage.failed(sentence, () => flow.look()),
    unranked: stage.unranked,
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
    const action = actionOf(event, keys.map);
    if (sheet.isOpen) {
      if (sheet.takes(event)) event.preventDefault();
      else if (action?.type === "help") { event.preventDefault(); sheet.toggle(); }
      return;
    }
    if (picker.isOpen || queue.isOpen || document.querySelector("dialog[open]")) return;
    if (flow?.opensPicker && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      return void flow.press({ type: "typed", key: event.key, at: event.timeStamp });
    }
    if (!action) return;
    if (ownsArrows(target) && /^Arrow/.test(event.key)) return;
    if (action.type === "pan" && !zoom.isZoomed) return;
    event.preventDefault();
    perform(action, event.timeStamp);
  }

  function perform(action, at) {
    switch (action.type) {
      case "help": return sheet.toggle();
      case "attention": return drawn?.entry.card.blind ? card.hint(`${drawn.entry.card.screen === "second" ? "A second opinion" : "An audit card"} shows no maps: judge the image alone.`) : attention.cycle();
      case "note": return drawn && note.focus();
      case "fit":
      case "zoom_in":
      case "zoom_out": return drawn && zoom.step(action.type);
      case "pan": return zoom.pan(action.x, action.y);
      default: return flow?.press({ ...action, at });
    }
  }

  function tryAgain() {
    saver?.retry();
    poll();
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
      lost(false);
      if (flow.ranking.state !== "running" || stage.isEmpty() || !drawn) flow.look();
      flow.refill();
    } catch (error) {
      if (!signal.aborted && !(error.status >= 400) && (failures += 1) > 1) lost(true);
    }
    polling = false;
  }

  // ---- start -----------------------------------------------------------------------------------
  await Promise.all([loadStyle("panes"), loadStyle("review"), loadStyle("review-panels"), loadStyle("outlook")]);
  if (signal.aborted) return;
  element.replaceChildren(root);
  stage.waiting("Opening the workspace");
  keepFitting(element, card.strip, signal, (fitting) => {
    columns = fitting;
    images.setThumbCount(fitting);
    if (drawn) view.card(drawn.entry, drawn.item, drawn.info);
  });
  signal.addEventListener("abort", () => saver?.stop());
  document.addEventListener("keydown", onKey, { capture: true, signal });
  window.addEventListener("labelsieve:open", (event) => act({ type: "open", position: event.detail.position }), { signal });
  window.addEventListener("storage", (event) => { if (event.key === KEYS_STORED || event.key === null) keys.reload(); }, { signal });
  window.addEventListener("labelsieve:acted", () => flow?.forget(), { signal });
  window.addEventListener("labelsieve:logged-in", () => {
    images.forgetFailed();
    if (!drawn?.item.failed) return;
    const item = images.load(drawn.entry.card);
    view.card(drawn.entry, item, drawn.info);
    item.promise.then(() => { if (drawn?.item === item) view.picture(item); });
  }, { signal });
  window.addEventListener("pagehide", () => navigator.sendBeacon?.("/api/release", new Blob([JSON.stringify({ tab })], { type: "application/json" })), { signal });
  window.addEventListener("online", tryAgain, { signal });
  window.addEventListener("beforeunload", (event) => {
    if (saver?.state().unsaved) event.preventDefault();
  }, { signal });

  async function open() {
    stage.waiting("Opening the workspace");
    try {
      session = await calls.until(() => calls.get("/api/session"));
    } catch (error) {
      stage.failed(error.message, open);
      return;
    }
    belongsTo(session.logged_in ? session.annotator : null);
    setName(whose, session.annotator);
    who.hidden = !session.logged_in;
    // What one person has left unsaved in this browser waits for that person.
    const owner = session.logged_in ? `${session.workspace_id}/${encodeURIComponent(session.annotator)}` : session.workspace_id;
    saver = createSaver({
      post: (decisions) => calls.post("/api/decisions", { decisions }),
      storage: localStore(), workspaceId: owner, tab, uuid,
      onChange: (next) => { if (!signal.aborted) header.saving(next); },
      onReply: (reply) => { lost(false); flow?.hear(reply); },
      onRefused: (entry, error) => {
        notes.restore(entry.position, entry.note);
        header.refused(`Not recorded for ${entry.sample_id}: ${error}`);
        if (trail.refused(entry.position, entry.id)) flow?.look();
        if (drawn?.entry.card.position === entry.position) view.card(drawn.entry, drawn.item, drawn.info);
      },
    });
    flow = createFlow({ session, trail, saver, calls, images, view, uuid, now, notes, tab });
    header.saving(saver.state());
    flow.hear(session);
    saver.replay();
    queue.start(flow, session.classes);
    outlook.refresh();
    await flow.look();
  }
  const started = open();
  let ticks = 0;
  const clock = setInterval(() => {
    ticks += 1;
    const pace = flow?.ranking.state === "running" || failures ? 1 : stage.isEmpty() ? 3 : 10;
    if (ticks % pace === 0) poll();
  }, 1000);
  signal.addEventListener("abort", () => clearInterval(clock));
  await Promise.race([started, new Promise((done) => setTimeout(done, 3000))]);
  if (!signal.aborted) window.__labelsieve_ready = true;
}
