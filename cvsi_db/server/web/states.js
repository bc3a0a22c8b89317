/* What stands in place of images: nothing found, no images yet, an error, no gallery, a login. */

import * as api from "./api.js";
import { step } from "./composer.js";
import { $, announce, h } from "./dom.js";
import { current, show } from "./view.js";

const place = $("#state");

/**
 * Show a state: `none` found, an `empty` gallery, `failed` or `unreadable` with an `error`, `login`; null for images.
 * `retry` asks again, `restart` begins from the start.
 */
export function state(kind, { error, about, retry, restart } = {}) {
  place.hidden = kind === null;
  if (kind === null) return place.replaceChildren();
  const view = current();
  const filtered = Object.keys(view.filters).length > 0;
  const [title, ...parts] = {
    none: () => [
      "No image meets this",
      h("p", {}, "Nothing in the gallery is left by the filters and the cut."),
      filtered && button("Remove the filters", () => show({ ...view, filters: {} })),
      (view.min !== null || view.cut) && button("Remove the cut", () => show({ ...view, min: null, cut: false })),
    ],
    empty: () => [
      "No images here yet",
      h("p", {}, "Point cvsi-db at a folder of photos, then load this page again:"),
      h("pre", {}, `cvsi-db ingest ~/photos --db ${about.gallery}`),
    ],
    failed: () => [
      "That did not work",
      h(error.message.includes("\n") ? "pre" : "p", {}, error.message), // a caret stands under the place
      button("Try again", retry),
      view.at > 0 && button("Step back", () => step(-1)),
    ],
    unreadable: () => ["The gallery cannot be read", h("p", {}, error.message), button("Try again", restart)],
    login: () => [
      "This gallery asks for a token",
      h("p", {}, "It stands where the server was started."),
      ...login(restart),
    ],
  }[kind]();
  place.replaceChildren(h("h2", {}, title), ...parts.filter(Boolean));
  announce(title);
  if (kind === "login") $("input", place).focus();
}

const button = (text, onclick) => h("button", { type: "button", class: "primary", onclick }, text);

function login(restart) {
  const token = h("input", {
    type: "password",
    autocomplete: "current-password",
    "aria-label": "Token",
    required: true,
  });
  const said = h("p", { role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await api.login(token.value);
      restart();
    } catch (refusal) {
      said.textContent = refusal.message;
    }
  };
  return [h("form", { onsubmit: submit }, token, h("button", { class: "primary" }, "Log in")), said];
}
