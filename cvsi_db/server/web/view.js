/* Which view the page shows: the one that its URL holds. Whoever wants another asks for it here; the browser's history,
 * and with it Back, goes along. */

import { fromHash, toHash } from "./trail.js";

let view = fromHash(location.hash);
const listeners = [];

export const current = () => view;

/** Have `listener(view)` called with every new view. */
export const onView = (listener) => listeners.push(listener);

/** Show another view. Back returns to the one before, unless the new one is to `replace` it. */
export function show(next, { replace = false } = {}) {
  const hash = `#${toHash(next)}`;
  view = next;
  if (hash !== (location.hash || "#"))
    history[replace ? "replaceState" : "pushState"]({ pushed: replace ? history.state?.pushed : true }, "", hash);
  for (const listener of listeners) listener(view);
}

/** Close what the view has open: by going back where that is how it came, so that Back does not open it again. */
export function close() {
  if (history.state?.pushed) history.back();
  else show({ ...view, open: null }, { replace: true });
}

addEventListener("popstate", () => {
  view = fromHash(location.hash);
  for (const listener of listeners) listener(view);
});
