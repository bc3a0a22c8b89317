/* The trail: the steps of a search, what they ask together, and how a URL holds them. No page, no network.
 *
 * A view is what one looks at: {steps, at, filters, sort, min, cut, open}. Of the steps the first `at` count; those
 * after them were stepped back from. A step is one of
 *   {kind: "image", id}      this picture: the steps before it no longer count
 *   {kind: "words", text}    but …: joins the words before it
 *   {kind: "like" | "unlike", id}   {kind: "not", text}
 *   {kind: "captions", captions, objects}   the edited captions and added objects, corrected; further words undo that
 * and may carry the `weights` and the `preset` that were set there. `filters` have the names of a search's options. */

export const FILTERS = ["folder", "camera", "after", "before", "rating", "where"];
export const SORTS = { score: "Best match", newest: "Newest first", oldest: "Oldest first", name: "Name" };

export const HOME = { steps: [], at: 0, filters: {}, sort: "score", min: null, cut: false, open: null };

/** What the steps of a view ask together, as the fields of a search; null when they ask nothing. */
export function asked(view) {
  let ask = {};
  const steps = view.steps.slice(0, view.at);
  for (const step of steps) {
    if (step.kind === "image") ask = { reference: step.id };
    else if (step.kind === "words") {
      ask = { ...ask, edit_text: ask.edit_text ? `${ask.edit_text}, ${step.text}` : step.text };
      delete ask.edited_captions;
      delete ask.added_objects;
    } else if (step.kind === "captions") ask = { ...ask, edited_captions: step.captions, added_objects: step.objects };
    else {
      const [field, value] = { like: ["liked", step.id], unlike: ["unliked", step.id], not: ["negative", step.text] }[
        step.kind
      ];
      ask = { ...ask, [field]: [...(ask[field] ?? []).filter((each) => each !== value), value] };
      const other = { liked: "unliked", unliked: "liked" }[field];
      if (ask[other]) ask[other] = ask[other].filter((each) => each !== value);
    }
  }
  const last = steps.at(-1);
  if (last?.preset) ask.preset = last.preset;
  if (last?.weights) ask.rank = last.weights;
  return steps.length ? ask : null;
}

/** The view after one more step; what was stepped back from is gone. */
export function stepped(view, step) {
  const steps = [...view.steps.slice(0, view.at), step];
  return { ...view, steps, at: steps.length, min: null, open: null };
}

/** The view with other weights, or another preset, at the step where it stands. */
export function tuned(view, change) {
  const steps = view.steps.map((step, place) => (place === view.at - 1 ? { ...step, ...change } : step));
  return { ...view, steps };
}

/** Words as a step: "not a beach" and "-a beach" say what is not wanted, where something else is. */
export function wordsStep(text, view) {
  const negative = /^(?:not\s+|[-−–]\s*)(.+)$/i.exec(text);
  return negative && view.at > 0 ? { kind: "not", text: negative[1] } : { kind: "words", text };
}

/** What a step says in the trail; `place` is where in the steps it stands. */
export function stepLabel(steps, place) {
  const step = steps[place];
  if (step.kind === "words") return place === 0 ? step.text : `but ${step.text}`;
  if (step.kind === "not") return `not ${step.text}`;
  return { image: "this picture", like: "more like this", unlike: "less like this", captions: "captions corrected" }[
    step.kind
  ];
}

/** The view in one sentence, as "this picture, but with a hat". */
export function sentence(view) {
  const steps = view.steps.slice(0, view.at);
  const said = steps.map((_, place) => stepLabel(steps, place));
  return said.slice(Math.max(said.lastIndexOf("this picture"), 0)).join(", ");
}

/** The view as the part of a URL after #; its steps in their order. */
export function toHash(view) {
  const params = new URLSearchParams();
  for (const step of view.steps) {
    if (step.kind === "captions") {
      params.append("captions", step.objects);
      for (const caption of step.captions) params.append("caption", caption);
    } else params.append(step.kind, step.id ?? step.text);
    if (step.preset) params.append("preset", step.preset);
    if (step.weights)
      params.append(
        "weights",
        Object.entries(step.weights)
          .map(([name, weight]) => `${name}:${+weight.toFixed(4)}`)
          .join(","),
      );
  }
  if (view.at !== view.steps.length) params.append("at", view.at);
  for (const name of FILTERS) if (view.filters[name]) params.append(name, view.filters[name]);
  for (const tag of view.filters.tag ?? []) params.append("tag", tag);
  if (view.sort !== "score") params.append("sort", view.sort);
  if (view.min !== null) params.append("min", view.min);
  if (view.cut) params.append("cut", "auto");
  if (view.open) params.append("open", view.open);
  return params.toString();
}

/** The view that such a part of a URL holds. What it does not know it passes over. */
export function fromHash(hash) {
  const view = { ...HOME, steps: [], filters: {} };
  let at = null;
  for (const [name, value] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const last = view.steps.at(-1);
    if (["image", "like", "unlike"].includes(name)) view.steps.push({ kind: name, id: value });
    else if (["words", "not"].includes(name)) view.steps.push({ kind: name, text: value });
    else if (name === "captions") view.steps.push({ kind: "captions", captions: [], objects: value });
    else if (name === "caption" && last?.kind === "captions") last.captions.push(value);
    else if (name === "preset" && last) last.preset = value;
    else if (name === "weights" && last) last.weights = Object.fromEntries(value.split(",").map(weight));
    else if (name === "at") at = Number(value);
    else if (FILTERS.includes(name)) view.filters[name] = name === "rating" ? Number(value) : value;
    else if (name === "tag") view.filters.tag = [...(view.filters.tag ?? []), value];
    else if (name === "sort" && value in SORTS) view.sort = value;
    else if (name === "min" && Number.isFinite(Number(value))) view.min = Number(value);
    else if (name === "cut") view.cut = value === "auto";
    else if (name === "open") view.open = value;
  }
  view.at = Number.isInteger(at) && at >= 0 ? Math.min(at, view.steps.length) : view.steps.length;
  return view;
}

function weight(text) {
  const [name, value] = text.split(":");
  return [name, Number(value) || 0];
}
