/* The grid of images: only the tiles near the window are in the page, each placed by the layout, so that ten thousand
 * images cost what fifty do and another order is only other places. One tile is in the tab order; arrows move on. */

import { thumbnail } from "./api.js";
import { $, h, icon, iconButton } from "./dom.js";
import { justified } from "./layout.js";
import { signed } from "./rank.js";

const AHEAD = 700; // pixels above and below the window whose tiles are there

export class Grid {
  /**
   * `on` has what can be done with an image: open(place), use(image), like(image), unlike(image); and more(), which is
   * called when the end comes near.
   */
  constructor(list, on) {
    this.list = list;
    this.on = on;
    this.images = [];
    this.terms = null;
    this.tiles = new Map();
    this.active = 0;
    this.boxes = [];
    this.width = 0;
    new ResizeObserver(() => list.clientWidth !== this.width && this.arrange()).observe(list);
    addEventListener("scroll", () => this.draw(), { passive: true });
    list.addEventListener("focusin", (event) => this.#mark(this.#placeOf(event.target)));
    list.addEventListener("keydown", (event) => this.#move(event));
  }

  /**
   * Show images, in this order. With `terms` (of {at, label, weight}, `at` a place in `similarities`) each has a bar
   * per term under it; `setSize` is how many there are in all, -1 when nobody knows.
   */
  show(images, { terms = null, setSize = images.length } = {}) {
    this.images = images;
    this.terms = terms;
    this.setSize = setSize;
    this.list.classList.toggle("barred", terms !== null);
    this.active = Math.min(this.active, Math.max(images.length - 1, 0));
    this.arrange();
  }

  /** Compute all places anew, and draw. */
  arrange() {
    this.width = this.list.clientWidth;
    const style = getComputedStyle(this.list);
    const below = this.terms ? 16 + 21 * this.terms.length : 0;
    const { boxes, height } = justified(this.images, {
      width: this.width,
      target: Number.parseFloat(style.getPropertyValue("--row")),
      gap: Number.parseFloat(style.getPropertyValue("--gap")),
      below,
    });
    this.boxes = boxes;
    this.below = below;
    this.list.style.height = `${height}px`;
    if (this.terms)
      this.scale = Math.max(1e-9, ...this.images.slice(0, 20).flatMap((image) => this.#parts(image).map(Math.abs)));
    this.draw(true);
  }

  /** Put the tiles near the window into the page; `anew` also fills those that are there. */
  draw(anew = false) {
    const from = -this.list.getBoundingClientRect().top - AHEAD;
    const to = from + innerHeight + 2 * AHEAD;
    const wanted = new Map();
    for (const [place, box] of this.boxes.entries()) {
      if (box.y + box.height >= from && box.y <= to) wanted.set(this.images[place].image_id, place);
    }
    const focused = this.images[this.active]?.image_id;
    if (focused && this.tiles.get(focused)?.contains(document.activeElement)) wanted.set(focused, this.active);
    for (const [id, tile] of this.tiles) {
      if (!wanted.has(id)) {
        tile.remove();
        this.tiles.delete(id);
      }
    }
    const order = [...wanted].sort((one, other) => one[1] - other[1]);
    let before = null;
    for (const [id, place] of order) {
      const there = this.tiles.get(id);
      const tile = there ?? this.#tile(this.images[place]);
      this.tiles.set(id, tile);
      if (!there || anew) this.#fill(tile, place);
      const next = before ? before.nextSibling : this.list.firstChild;
      if (tile !== next) this.#insert(tile, next);
      before = tile;
    }
    if (this.images.length && to > (this.boxes.at(-1)?.y ?? 0)) this.on.more();
  }

  /** Move the focus to the image at a place, which is scrolled to. */
  focus(place) {
    if (!this.images.length) return;
    this.#mark(Math.min(Math.max(place, 0), this.images.length - 1));
    const box = this.boxes[this.active];
    const head = $("header").offsetHeight + 12;
    const y = this.list.getBoundingClientRect().top + box.y;
    if (y < head) scrollBy({ top: y - head });
    else if (y + box.height > innerHeight) scrollBy({ top: y + box.height - innerHeight + 12 });
    this.draw();
    $(".open", this.tiles.get(this.images[this.active].image_id)).focus({ preventScroll: true });
  }

  #parts(image) {
    return this.terms.map(({ at, weight }) => weight * image.similarities[at]);
  }

  #placeOf(element) {
    return Number(element.closest(".tile").dataset.place);
  }

  #mark(place) {
    const tabbable = (index, is) => {
      const tile = this.tiles.get(this.images[index]?.image_id);
      if (tile) $(".open", tile).tabIndex = is ? 0 : -1;
    };
    tabbable(this.active, false);
    this.active = place;
    tabbable(place, true);
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    const vertical = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey || !(step || vertical)) return;
    event.preventDefault();
    if (step) return this.focus(Math.min(Math.max(this.active + step, 0), this.images.length - 1));
    const here = this.boxes[this.active];
    const middle = here.x + here.width / 2;
    let best = this.active;
    let y = null; // of the next row
    for (let place = this.active; place >= 0 && place < this.boxes.length; place += vertical) {
      const box = this.boxes[place];
      if (box.y === here.y) continue;
      y ??= box.y;
      if (box.y !== y) break;
      const away = (at) => Math.abs(this.boxes[at].x + this.boxes[at].width / 2 - middle);
      if (this.boxes[best].y !== y || away(place) < away(best)) best = place;
    }
    this.focus(best);
  }

  /** Move a tile before another; whoever had the focus keeps it. */
  #insert(tile, next) {
    const focused = tile.contains(document.activeElement) ? document.activeElement : null;
    this.list.insertBefore(tile, next);
    focused?.focus({ preventScroll: true });
  }

  #tile(image) {
    const act = (what) => (event) => {
      event.stopPropagation();
      this.on[what](this.images[this.#placeOf(event.currentTarget)]);
    };
    const picture = h("img", {
      alt: image.name,
      decoding: "async",
      draggable: "false",
      onload: (event) => event.currentTarget.classList.add("loaded"),
      onerror: (event) => event.currentTarget.closest(".tile").classList.add("gone"),
    });
    return h(
      "li",
      { class: "tile" },
      h(
        "button",
        {
          type: "button",
          class: "open",
          tabindex: -1,
          onclick: (event) => this.on.open(this.#placeOf(event.currentTarget)),
        },
        picture,
        h("span", { class: "name", "aria-hidden": "true" }, image.name),
      ),
      h(
        "div",
        { class: "actions" },
        h(
          "button",
          {
            type: "button",
            class: "use",
            tabindex: -1,
            "aria-label": `Use ${image.name} as reference`,
            onclick: act("use"),
          },
          icon("use"),
          h("span", {}, "Use as reference"),
        ),
        iconButton("like", "More like this", act("like"), { tabindex: -1 }),
        iconButton("unlike", "Less like this", act("unlike"), { tabindex: -1 }),
      ),
      h("div", { class: "bars" }),
    );
  }

  #fill(tile, place) {
    const image = this.images[place];
    const box = this.boxes[place];
    tile.dataset.place = place;
    tile.style.transform = `translate(${box.x}px, ${box.y}px)`;
    tile.style.width = `${box.width}px`;
    tile.style.height = `${box.height}px`;
    tile.setAttribute("aria-posinset", place + 1);
    tile.setAttribute("aria-setsize", this.setSize);
    const open = $(".open", tile);
    open.style.height = `${box.height - this.below}px`;
    open.tabIndex = place === this.active ? 0 : -1;
    const caption = image.captions?.[0];
    const score = image.score === undefined ? "" : `${image.rank}. Score ${signed(image.score, 3)}. `;
    open.setAttribute("aria-label", `${score}${image.name}${caption ? `: ${caption}` : ""}`);
    const picture = $("img", tile);
    const pixels = Math.max(box.width, box.height - this.below) * Math.min(devicePixelRatio, 2);
    const source = thumbnail(image.image_id, pixels > 400 ? 640 : 320);
    if (!picture.getAttribute("src") || (picture.dataset.size === "320" && pixels > 400)) {
      picture.dataset.size = pixels > 400 ? "640" : "320";
      picture.src = source;
    }
    const bars = $(".bars", tile);
    if (!this.terms) return bars.replaceChildren();
    if (bars.childElementCount !== this.terms.length) {
      bars.replaceChildren(...this.terms.map(() => h("div", { class: "bar" }, h("span"), h("i"), h("b"))));
    }
    for (const [term, part] of this.#parts(image).entries()) {
      const [label, bar, number] = bars.children[term].children;
      label.textContent = this.terms[term].label;
      bar.style.setProperty("--part", Math.min(Math.abs(part) / this.scale, 1));
      bar.classList.toggle("against", part < 0);
      number.textContent = signed(part);
    }
  }
}
