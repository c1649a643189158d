// A set of samples that was put together somewhere on the page, and the tab that goes on with it.

import { showTab, uuid } from "./page.js";

/** Keeps the samples on the server and shows them in `tab`; throws where they could not be kept. leave(): before that tab is shown. */
export async function showSelection(calls, { name, positions, tab, leave = () => {} }) {
  const id = uuid();
  await calls.post("/api/selections", { id, name, positions });
  window.location.hash = `selection=${id}`;
  leave();
  showTab(tab);
}
