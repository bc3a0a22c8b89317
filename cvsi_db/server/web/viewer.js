/* The viewer: one image large, what is known of it, why it was found, and what to do with it. */

import * as api from "./api.js";
import { $, h } from "./dom.js";
import { HINTS, signed } from "./rank.js";

const dialog = $("#viewer");
const picture = $("#viewer-image");
const words = $(".but input", dialog);
const facts = $(".facts", dialog);
const why = $("#why");
const PLAIN = ["jpeg", "png", "webp", "gif", "avif", "bmp"]; // what browsers show as it is
let on = null;
let shown = null; // the image
let around = { place: -1, images: [], terms: null };

/** `handlers`: close(), go(image), use(image, words), like(image), unlike(image), folder(path), tag(name). */
export function startViewer(handlers) {
  on = handlers;
  const click = (selector, act) => $(selector, dialog).addEventListener("click", act);
  click(".close", () => dialog.close());
  click(".previous", () => go(-1));
  click(".next", () => go(1));
  click(".use", () => on.use(shown));
  click(".like", () => on.like(shown));
  click(".unlike", () => on.unlike(shown));
  click(".folder", () => on.folder(shown.path));
  $(".but", dialog).addEventListener("submit", (event) => {
    event.preventDefault();
    on.use(shown, words.value.trim());
  });
  dialog.addEventListener("close", () => shown && on.close());
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.target === words) return;
    event.preventDefault();
    go(step);
  });
}

/** The image that is shown, else null. */
export const viewed = () => shown;

/** Show the image at a place of the images around it, which may have `terms` (of {at, label, name, weight}). */
export function open(image, place, images, terms) {
  const other = shown?.image_id !== image.image_id;
  around = { place, images, terms };
  shown = image;
  $(".previous", dialog).hidden = place <= 0;
  $(".next", dialog).hidden = place < 0 || place === images.length - 1;
  drawBars();
  if (!dialog.open) dialog.showModal();
  if (other) draw();
}

/** Close the viewer, without telling anyone. */
export function shut() {
  shown = null;
  if (dialog.open) dialog.close();
}

function go(step) {
  const next = around.images[around.place + step];
  if (next) on.go(next);
}

async function draw() {
  const image = shown;
  picture.src = api.thumbnail(image.image_id, 1024);
  picture.alt = image.captions?.[0] ?? image.name;
  words.value = "";
  facts.replaceChildren();
  $("#viewer-title").textContent = image.name;
  $(".original", dialog).href = api.original(image.image_id);
  $(".use", dialog).focus();
  try {
    const all = await api.image(image.image_id);
    if (shown?.image_id === image.image_id) drawFacts(all);
  } catch (error) {
    if (shown?.image_id === image.image_id) facts.replaceChildren(h("p", { class: "warning" }, error.message));
  }
}

function drawBars() {
  const { terms } = around;
  why.hidden = !terms || !shown.similarities;
  if (why.hidden) return;
  const parts = terms.map(({ at, weight }) => weight * shown.similarities[at]);
  const most = Math.max(1e-9, ...parts.map(Math.abs));
  $("h3", why).textContent = `Why it is here: rank ${shown.rank}, score ${signed(shown.score, 3)}`;
  $(".bars", why).replaceChildren(
    ...terms.map(({ at, label, name, weight }, term) => {
      const bar = h("i", { class: parts[term] < 0 && "against" });
      bar.style.setProperty("--part", Math.abs(parts[term]) / most);
      const sum = `${signed(weight)} × ${signed(shown.similarities[at], 3)}`;
      const said = h("span", {}, label, h("small", {}, HINTS[name]));
      return h("div", { class: "bar", title: sum }, said, bar, h("b", {}, signed(parts[term], 3)));
    }),
  );
}

function drawFacts(image) {
  const [bytes, unit] = image.size_bytes > 1e6 ? [image.size_bytes / 1e6, "MB"] : [image.size_bytes / 1e3, "kB"];
  const rows = [
    ["Taken", image.taken_at?.replace("T", " ").slice(0, 16)],
    ["Camera", [image.camera, image.lens].filter(Boolean).join(", ")],
    [
      "Size",
      `${image.width} × ${image.height}, ${image.format.toUpperCase()}, ${bytes.toFixed(bytes < 10 ? 1 : 0)} ${unit}`,
    ],
    ["Rating", image.rating && "★".repeat(image.rating)],
    ["File", image.paths.join("\n")],
  ].filter(([, value]) => value);
  const tags = image.tags.map((tag) => h("button", { type: "button", class: "chip", onclick: () => on.tag(tag) }, tag));
  const captions = image.captions.map((caption) => h("li", {}, caption));
  facts.replaceChildren(
    ...(captions.length ? [h("h3", {}, "Captions"), h("ul", {}, captions)] : []),
    h("p", { class: "tags" }, tags),
    h(
      "dl",
      {},
      rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
  );
  if (PLAIN.includes(image.format) && image.size_bytes < 2e7 && Math.max(image.width, image.height) > 1024) {
    const whole = new Image();
    whole.onload = () => {
      if (shown?.image_id === image.image_id) picture.src = whole.src;
    };
    whole.src = api.original(image.image_id);
  }
}
