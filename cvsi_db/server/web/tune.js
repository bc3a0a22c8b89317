/* The drawer's first part: a slider per term. A moving slider reorders what was found; letting go asks the server. */

import { $, h } from "./dom.js";
import { HINTS, signed } from "./rank.js";

const list = $("#sliders");
const presets = $("#presets");
const reset = $("#reset");
let on = null;
let weights = [];

/**
 * Have the sliders work. `handlers` are slide(weights), while one moves, release(weights), preset(name) and reset();
 * weights are one per term, in the order of the answer's pool.
 */
export function startTune(about, handlers) {
  on = handlers;
  presets.replaceChildren(...about.presets.map(({ name }) => h("option", { value: name }, name)));
  presets.onchange = () => on.preset(presets.value);
  reset.onclick = () => on.reset();
}

/** Draw a slider for every term of an answer, at these weights; `custom` says that they are no preset's. */
export function draw(answer, now, labels, custom) {
  const { terms } = answer.pool;
  weights = [...now];
  presets.value = answer.query.preset;
  reset.hidden = !custom;
  const rows = [...list.children];
  if (rows.map((row) => row.dataset.term).join() !== terms.join()) {
    list.replaceChildren(...terms.map((name, term) => slider(name, labels[name] ?? name, term)));
  } else for (const [term, row] of rows.entries()) set(row, weights[term]);
}

function slider(name, label, term) {
  const most = Math.max(1, Math.ceil(Math.max(...weights.map(Math.abs))));
  const away = name === "unliked" || name === "negative" || weights[term] < 0;
  const input = h("input", {
    type: "range",
    id: `weight-${name}`,
    min: away ? -most : 0,
    max: away ? 0 : most,
    step: 0.01 * most,
    "aria-describedby": `hint-${name}`,
    oninput: () => {
      weights[term] = input.valueAsNumber;
      set(row, weights[term]);
      on.slide([...weights]);
    },
    onchange: () => on.release([...weights]),
  });
  const row = h(
    "li",
    { "data-term": name },
    h("label", { for: `weight-${name}` }, label),
    h("output", { for: `weight-${name}` }),
    input,
    h("small", { id: `hint-${name}` }, HINTS[name]),
  );
  set(row, weights[term]);
  return row;
}

function set(row, weight) {
  const input = $("input", row);
  if (input.valueAsNumber !== weight) input.value = weight;
  $("output", row).textContent = signed(weight);
  const at = (value) => (100 * (value - input.min)) / (input.max - input.min);
  input.style.setProperty("--from", `${Math.min(at(0), at(weight))}%`);
  input.style.setProperty("--to", `${Math.max(at(0), at(weight))}%`);
  row.classList.toggle("idle", weight === 0);
}
