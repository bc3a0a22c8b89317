/* The drawer's other parts: what was read of the query, to be corrected, and how the answer was found, and how fast. */

import * as api from "./api.js";
import { $, h } from "./dom.js";

const STAGES = { compile: "models", plan: "plan", run: "search", rerank: "rerank", present: "present" };

/** Draw what was read; `onCorrect(captions, objects)` takes the edited captions as the user wants them. */
export function drawRead({ query, reference, warnings }, onCorrect) {
  const parts = warnings.map((warning) => h("p", { class: "warning" }, warning));
  if (reference && query.edited_captions.length) {
    const fields = query.edited_captions.map((caption, place) =>
      h("textarea", { rows: 2, "aria-label": `Edited caption ${place + 1}`, spellcheck: "false" }, caption),
    );
    const objects = h("input", {
      type: "text",
      id: "objects",
      value: query.added_objects,
      placeholder: "none",
      autocomplete: "off",
    });
    const apply = h("button", { class: "primary", hidden: true }, "Search with these");
    const form = h(
      "form",
      {
        class: "captions",
        oninput: () => {
          apply.hidden = false;
        },
        onsubmit: (event) => {
          event.preventDefault();
          const captions = fields.map((field) => field.value.replace(/\s+/g, " ").trim()).filter(Boolean);
          if (captions.length) onCorrect(captions, objects.value.trim());
        },
        onkeydown: (event) => {
          if (event.key === "Enter" && !event.isComposing) {
            event.preventDefault();
            form.requestSubmit();
          }
        },
      },
      h(
        "p",
        { class: "by" },
        query.rewriter === "given"
          ? "Edited captions, as you corrected them"
          : `Edited captions, by ${query.rewriter}. Click one to correct it.`,
      ),
      fields,
      h("label", { for: "objects" }, "Added objects"),
      objects,
      apply,
    );
    parts.push(form);
  }
  if (query.captions.length) {
    parts.push(
      h(
        "details",
        {},
        h("summary", {}, "Captions of the reference image"),
        h(
          "ul",
          {},
          query.captions.map((caption) => h("li", {}, caption)),
        ),
      ),
    );
  }
  if (!parts.length)
    parts.push(
      h(
        "p",
        {},
        query.edit_text ? "Your words went to the model as they are." : "The reference image alone was searched for.",
      ),
    );
  $("#read").replaceChildren(...parts);
}

/** Draw the plan and the timings of an answer; the whole plan is asked for when it is wanted. */
export function drawPlan({ query, plan, timings_ms: timings }, ask) {
  const stages = Object.entries(STAGES).filter(([stage]) => stage in timings);
  const most = Math.max(...stages.map(([stage]) => timings[stage]), 0.001);
  const whole = h("div", {});
  const explain = h(
    "button",
    {
      type: "button",
      class: "plain",
      onclick: async () => {
        explain.disabled = true;
        try {
          const { text } = await api.explain(ask);
          whole.replaceChildren(h("pre", { tabindex: 0, "aria-label": "The plan" }, text));
        } catch (error) {
          whole.replaceChildren(h("p", { class: "warning" }, error.message));
          explain.disabled = false;
        }
      },
    },
    "Explain this search",
  );
  $("#plan").replaceChildren(
    h(
      "dl",
      {},
      h("dt", {}, "Model"),
      h("dd", {}, query.model || "–"),
      h("dt", {}, "Strategy"),
      h("dd", {}, `${plan.strategy}: ${plan.why}`),
      h("dt", {}, "Exact"),
      h("dd", {}, plan.exact ? "yes, as if every image was compared" : "no, an index was asked"),
      h("dt", {}, "γ"),
      h("dd", {}, `${query.gamma}, the share of the gallery's captions`),
    ),
    h(
      "ul",
      { class: "timings" },
      stages.map(([stage, label]) => {
        const bar = h("i");
        bar.style.setProperty("--part", timings[stage] / most);
        return h("li", {}, h("span", {}, label), bar, h("b", {}, `${timings[stage].toFixed(1)} ms`));
      }),
    ),
    explain,
    whole,
  );
}
