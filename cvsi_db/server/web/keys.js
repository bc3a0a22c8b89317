/* The keyboard: one letter per deed. The page's help lists them. */

import { $ } from "./dom.js";

const help = $("#help");

/** Show the keys. */
export const showKeys = () => help.showModal();

/** `deeds` maps keys to functions; `imageDeeds` those that take the image at hand, which `image()` returns, or null. */
export function startKeys(deeds, imageDeeds, image) {
  const all = { "?": showKeys, ...deeds };
  help.addEventListener("click", (event) => event.target === help && help.close());
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input:not([type=range]), textarea, select")) return;
    if (help.open || $(":popover-open")) return;
    const at = image();
    const onImage = at && imageDeeds[event.key];
    const deed = onImage ? () => onImage(at) : !$("dialog[open]") && all[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}
