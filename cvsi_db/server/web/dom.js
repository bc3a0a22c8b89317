/* Elements. What is shown of a gallery (names, captions, tags) is anybody's text: it only ever becomes a text node or
 * an attribute's value, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * A new element. `props` are attributes, and listeners as `onclick`. false and null leave an attribute out, true gives
 * it no value. `children` are elements or texts; null and false are passed over.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The icon of that name, out of the page's sprite; only seen, not read out. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows an icon alone; `label` is what it is called. */
export function iconButton(name, label, onclick, props = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...props },
    icon(name),
  );
}

export const $ = (selector, inside = document) => inside.querySelector(selector);

let quiet;

/** Have screen readers read a text out, once the reader has a moment. */
export function announce(text) {
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    $("#live").textContent = text;
  }, 150);
}

/** A whole number, as 12,345. */
export const count = (number) => number.toLocaleString("en");

export const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
