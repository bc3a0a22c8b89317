/* Filters, sort and cut: a row of buttons, each with a panel. What can be chosen comes from the gallery, counted among
 * the images that the other filters leave. */

import { $, count, h, icon } from "./dom.js";
import { arranged, signed } from "./rank.js";
import { SORTS } from "./trail.js";
import { current, show } from "./view.js";

const row = $("#filters");
const sorting = $("#sorting");
const panel = $("#panel");
let opened = null; // the button whose panel is open
let found = { facets: null, hits: [] };

/** The last part of a path. */
const tail = (path) => path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;

const NAMES = {
  folder: (value) => tail(value),
  camera: (value) => value,
  tag: (values) => values.join(", "),
  rating: (value) => `${"★".repeat(value)} or more`,
  where: (value) => value,
};

/** Have the panels open beside their buttons and close again. */
export function startFilters() {
  panel.addEventListener("toggle", (event) => {
    opened?.setAttribute("aria-expanded", event.newState === "open");
    if (event.newState === "closed") opened = null;
  });
}

/** Draw the rows for a view; `facets` are the gallery's counts, `hits` what the search found, null without one. */
export function draw(view, facets, hits) {
  found = { facets, hits };
  const { filters } = view;
  const has = (name, least = 1) => facets?.[name].length >= least;
  const focused = document.activeElement.closest("[data-name]")?.dataset.name;
  const dated = filters.after || filters.before;
  row.replaceChildren(
    ...[
      (has("folders", 2) || filters.folder) &&
        button("Folder", filters.folder && NAMES.folder(filters.folder), () => choices("folders", "folder"), {
          folder: null,
        }),
      (has("years") || dated) && button("Date", dated && dateName(filters), dates, { after: null, before: null }),
      (has("cameras") || filters.camera) &&
        button("Camera", filters.camera, () => choices("cameras", "camera"), { camera: null }),
      (has("tags") || filters.tag) &&
        button("Tags", filters.tag && NAMES.tag(filters.tag), () => choices("tags", "tag"), { tag: null }),
      (has("ratings") || filters.rating) &&
        button("Rating", filters.rating && NAMES.rating(filters.rating), () => choices("ratings", "rating"), {
          rating: null,
        }),
      facets && button("Condition", filters.where, condition, { where: null }),
    ].filter(Boolean),
  );
  const cut = view.cut ? "clear matches" : view.min !== null && `score from ${signed(view.min)}`;
  sorting.replaceChildren(
    ...(hits
      ? [
          button("Sort", view.sort !== "score" && SORTS[view.sort], sorts, { sort: "score" }, "sort"),
          button("Cut", cut, cuts, { min: null, cut: false }, "cut"),
        ]
      : []),
  );
  if (focused) $(`[data-name="${focused}"]`)?.focus();
}

/** Take filters away, or put some in; null takes one away. */
export function filter(change) {
  const view = current();
  const filters = { ...view.filters, ...change };
  for (const name of Object.keys(filters))
    if (filters[name] === null || filters[name].length === 0) delete filters[name];
  show({ ...view, filters });
}

/** A button that opens the panel that `content` makes; where a `value` is chosen, beside it one that undoes that. */
function button(label, value, content, undo, picture = null) {
  const open = h(
    "button",
    {
      type: "button",
      class: "chip",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      "data-name": label,
      onclick: () => toggle(open, label, content),
    },
    picture && icon(picture),
    value ? h("span", { class: "chosen" }, value) : label,
    icon("down"),
  );
  if (!value) return open;
  open.setAttribute("aria-label", `${label}: ${value}`);
  const remove = () => ("sort" in undo || "cut" in undo ? show({ ...current(), ...undo }) : filter(undo));
  return h(
    "span",
    { class: "chips on" },
    open,
    h(
      "button",
      { type: "button", class: "chip undo", "aria-label": `Remove: ${label} ${value}`, onclick: remove },
      icon("close"),
    ),
  );
}

function toggle(from, label, content) {
  if (opened === from) return panel.hidePopover();
  opened?.setAttribute("aria-expanded", false);
  panel.replaceChildren(h("h2", {}, label), ...content());
  panel.setAttribute("aria-label", label);
  if (panel.matches(":popover-open")) panel.hidePopover();
  opened = from;
  panel.showPopover();
  const { left, bottom } = from.getBoundingClientRect();
  panel.style.left = `${Math.max(8, Math.min(left, innerWidth - panel.offsetWidth - 8))}px`;
  panel.style.top = `${bottom + 6}px`;
  $("input, button", panel)?.focus();
}

function done(change) {
  panel.hidePopover();
  filter(change);
}

/** A list of a facet's values with their counts; a long one has a field to search it. */
function choices(facet, name) {
  const chosen = [current().filters[name] ?? []].flat().map(String);
  const values = found.facets?.[facet] ?? [];
  const list = h("div", { class: "choices" });
  const fill = (text) =>
    list.replaceChildren(
      ...values
        .filter(({ value }) => value.toLowerCase().includes(text.toLowerCase()))
        .map(({ value, count: images }) => {
          const on = chosen.includes(value);
          const next =
            name !== "tag" ? (on ? null : value) : on ? chosen.filter((each) => each !== value) : [...chosen, value];
          return h(
            "button",
            {
              type: "button",
              "aria-pressed": String(on),
              title: value,
              onclick: () => done({ [name]: name === "rating" && next ? Number(next) : next }),
            },
            h("span", {}, name === "rating" ? NAMES.rating(value) : name === "folder" ? tail(value) : value),
            h("small", {}, count(images)),
          );
        }),
    );
  fill("");
  const search = h("input", {
    type: "search",
    placeholder: "Find",
    "aria-label": `Find in ${facet}`,
    oninput: (event) => fill(event.target.value),
  });
  return values.length > 10 ? [search, list] : [list];
}

function dates() {
  const { after, before } = current().filters;
  const from = h("input", {
    type: "date",
    value: /^\d{4}-\d\d-\d\d$/.test(after) ? after : "",
    "aria-label": "Taken from",
  });
  const to = h("input", {
    type: "date",
    value: /^\d{4}-\d\d-\d\d$/.test(before) ? before : "",
    "aria-label": "Taken before",
  });
  const years = (found.facets?.years ?? []).map(({ value, count: images }) => {
    const on = after === value && before === String(Number(value) + 1);
    const next = on ? { after: null, before: null } : { after: value, before: String(Number(value) + 1) };
    return h(
      "button",
      { type: "button", "aria-pressed": String(on), onclick: () => done(next) },
      h("span", {}, value),
      h("small", {}, count(images)),
    );
  });
  return [
    h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          done({ after: from.value || null, before: to.value || null });
        },
      },
      h("label", {}, "from", from),
      h("label", {}, "before", to),
      h("button", { class: "primary" }, "Apply"),
    ),
    h("div", { class: "choices" }, years),
  ];
}

function dateName({ after, before }) {
  if (after && before && /^\d{4}$/.test(after) && Number(before) === Number(after) + 1) return after;
  return [after && `from ${after}`, before && `before ${before}`].filter(Boolean).join(", ");
}

function condition() {
  const input = h("input", {
    type: "text",
    value: current().filters.where ?? "",
    placeholder: "width > 1000",
    "aria-label": "Condition",
    spellcheck: "false",
    autocomplete: "off",
  });
  return [
    h(
      "p",
      {},
      "An SQL condition over the columns of the gallery, such as ",
      h("code", {}, "width > height"),
      " or ",
      h("code", {}, "camera LIKE 'Canon%'"),
      ".",
    ),
    h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          done({ where: input.value.trim() || null });
        },
      },
      input,
      h("button", { class: "primary" }, "Apply"),
    ),
  ];
}

function sorts() {
  return [
    h(
      "div",
      { class: "choices" },
      Object.entries(SORTS).map(([sort, label]) =>
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(current().sort === sort),
            onclick: () => {
              panel.hidePopover();
              show({ ...current(), sort }, { replace: true });
            },
          },
          h("span", {}, label),
        ),
      ),
    ),
    h("p", {}, "Sorts the images that were found, not the whole gallery."),
  ];
}

/** At which score the answer ends: everything, what is clearly a match, or a score of one's own. */
function cuts() {
  const view = current();
  const scores = found.hits.map((hit) => hit.score);
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  const number = h("output");
  const shown = h("small", {});
  const tell = (min) => {
    number.textContent = signed(min);
    shown.textContent = count(arranged(found.hits, { sort: "score", min }).length);
  };
  tell(view.min ?? least);
  const slider = h("input", {
    type: "range",
    min: least,
    max: most,
    step: (most - least) / 200 || 0.001,
    value: view.min ?? least,
    "aria-label": "Least score",
    oninput: (event) => {
      number.textContent = signed(event.target.valueAsNumber);
      tell(event.target.valueAsNumber);
    },
    onchange: (event) =>
      show(
        {
          ...current(),
          cut: false,
          min: event.target.valueAsNumber > least ? Number(event.target.valueAsNumber.toFixed(4)) : null,
        },
        { replace: true },
      ),
  });
  const choose = (change) => {
    panel.hidePopover();
    show({ ...current(), min: null, ...change }, { replace: true });
  };
  return [
    h(
      "div",
      { class: "choices" },
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(!view.cut && view.min === null),
          onclick: () => choose({ cut: false }),
        },
        h("span", {}, "Show everything"),
      ),
      h(
        "button",
        { type: "button", "aria-pressed": String(view.cut), onclick: () => choose({ cut: true }) },
        h("span", {}, "Clear matches"),
        h("small", {}, "up to the first gap"),
      ),
    ),
    h("label", { class: "least" }, h("span", {}, "Score from ", number), shown, slider),
  ];
}
