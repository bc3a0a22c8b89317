/* The composer: the trail of steps, the words to come, and the ways to give a picture (drop, paste, pick). */

import { thumbnail } from "./api.js";
import { $, h, icon } from "./dom.js";
import { stepLabel, stepped, wordsStep } from "./trail.js";
import { current, show } from "./view.js";

const form = $("#composer");
const input = $("#words");
const trail = $("#trail");
const file = $("#file");
let editing = null; // the step whose words are in the input

/** Have the composer work: `onFile` takes a picture that was dropped, pasted or picked, `onBad` why it was none. */
export function startComposer(onFile, onBad) {
  const take = (files) => {
    const picture = [...files].find(
      (each) => each.type.startsWith("image/") || /\.(heic|heif|avif|jxl|dng|cr2|nef|arw)$/i.test(each.name),
    );
    if (picture) onFile(picture);
    else onBad("That is no image file: drop a photo, or paste one that was copied as an image.");
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    input.value = "";
    if (!text) return;
    const view = current();
    const base = editing === null ? view : { ...view, at: editing };
    editing = null;
    show(stepped(base, wordsStep(text, base)));
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !input.value && current().at > 0) {
      event.preventDefault();
      edit(current().at - 1);
    } else if (event.key === "Escape") {
      editing = null;
      input.value = "";
      input.blur();
      draw(current());
    }
  });
  $("#pick").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) take(file.files);
    file.value = "";
  });
  $("#clear").addEventListener("click", () => {
    show({ ...current(), steps: [], at: 0, min: null });
    input.focus();
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) {
      event.preventDefault();
      take(event.clipboardData.files);
    }
  });
  let inside = 0; // how many elements deep the drag is
  const over = (by) => {
    inside = Math.max(inside + by, 0);
    document.body.classList.toggle("dropping", inside > 0);
  };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-inside);
    take(event.dataTransfer.files);
  });
}

/** Step back or forth in the trail. */
export function step(by) {
  const view = current();
  const at = Math.min(Math.max(view.at + by, 0), view.steps.length);
  if (at !== view.at) show({ ...view, at, min: null });
}

/** Draw the trail of a view. */
export function draw(view) {
  const focused = [...trail.children].findIndex((each) => each.contains(document.activeElement));
  trail.replaceChildren(...view.steps.map((each, place) => chip(view, each, place)));
  if (focused >= 0) trail.children[focused]?.firstChild.focus();
  trail.hidden = !view.steps.length;
  $("#clear").hidden = !view.steps.length;
  const picture = view.steps.slice(0, view.at).some((each) => each.kind === "image");
  const example = picture ? "but … with a hat, at night, as a drawing" : "Describe a picture, or drop one here";
  input.placeholder = view.at > 1 || (view.at && !picture) ? "but …" : example;
  input.setAttribute("aria-label", view.at ? "What should be different" : "Describe what you look for");
  $('[aria-current="step"]', trail)?.scrollIntoView({ block: "nearest", inline: "end" });
}

/** Put the words of a step back into the input; any other step is stepped back from. */
function edit(place) {
  const { kind, text } = current().steps[place];
  if (kind !== "words" && kind !== "not") return step(-1);
  editing = place;
  input.value = kind === "not" ? `not ${text}` : text;
  input.focus();
  trail.children[place].classList.add("edited");
}

function chip(view, each, place) {
  const now = place === view.at - 1;
  const label = stepLabel(view.steps, place);
  const parts = [];
  if (each.id) parts.push(h("img", { src: thumbnail(each.id, 160), alt: "" }));
  if (each.kind === "like" || each.kind === "unlike") parts.push(icon(each.kind));
  if (each.text || each.kind === "captions") parts.push(h("span", {}, label));
  return h(
    "li",
    { class: place >= view.at ? `${each.kind} later` : each.kind },
    h(
      "button",
      {
        type: "button",
        title: now && each.text ? `${label} (click to change)` : label,
        "aria-label": label,
        "aria-current": now && "step",
        onclick: () => (now && each.text ? edit(place) : show({ ...view, at: place + 1, min: null })),
      },
      parts,
    ),
  );
}
