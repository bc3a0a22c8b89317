/* The page: what each view needs is asked for, and shown. Every other module draws one part, or computes. */

import * as api from "./api.js";
import * as composer from "./composer.js";
import { $, announce, count, h, plural } from "./dom.js";
import * as filters from "./filters.js";
import { Grid } from "./grid.js";
import { showKeys, startKeys } from "./keys.js";
import { arranged, ranked } from "./rank.js";
import { drawPlan, drawRead } from "./read.js";
import { state } from "./states.js";
import { asked, HOME, sentence, stepped, tuned } from "./trail.js";
import * as tune from "./tune.js";
import * as view from "./view.js";
import * as viewer from "./viewer.js";

const POOLS = [240, 1000, 2000]; // how many images a search brings, and brings when one scrolls on
const JUDGED = 51; // one more than a cut at the first clear gap looks at

let about = null;
let labels = {}; // of terms, by name
let facets = null;
let answer = null; // of the search that is shown; null while the gallery is looked through
let weights = []; // of its terms, as the sliders stand
let hits = []; // all that were found, best first
let browsed = { images: [], total: 0 };
let shown = []; // what the grid shows
let loaded = ""; // what was last asked for
let loading = null; // the AbortController of what is on its way
let filtered = null; // the filters that the facets were counted under

const grid = new Grid($("#grid"), {
  open: (place) => view.show({ ...view.current(), open: shown[place].image_id }),
  use,
  like: (image) => take(image, "like"),
  unlike: (image) => take(image, "unlike"),
  more,
});

/** Another view, without the viewer. */
function leave(next) {
  viewer.shut();
  view.show(next);
}

function use(image, words = "") {
  const next = stepped(view.current(), { kind: "image", id: image.image_id });
  leave(words ? stepped(next, { kind: "words", text: words }) : next);
  scrollTo({ top: 0 });
}

const take = (image, kind) => leave(stepped(view.current(), { kind, id: image.image_id }));

/** What is asked of the server for a view. */
function request(now, pool) {
  return {
    ...asked(now),
    ...now.filters,
    k: now.cut ? JUDGED : 1,
    auto_cut: now.cut,
    pool: Math.min(pool, about.limits.pool),
  };
}

/** Everything in step with a view: what it asks is fetched unless it is here, and all parts are drawn. */
function follow(now) {
  composer.draw(now);
  const key = keyOf(now);
  if (key !== loaded) load(now, key);
  else if (!loading) present(now);
}

/** What of a view the server answers. */
const keyOf = (now) => JSON.stringify([asked(now), now.filters, now.cut]);

/** Await what `fetching(signal)` brings, in place of what is on its way; null when something else took its place. */
async function fetched(fetching, quietly = false) {
  loading?.abort();
  const control = new AbortController();
  loading = control;
  if (!quietly) busy(true);
  try {
    return await fetching(control.signal);
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  } finally {
    if (loading === control) {
      loading = null;
      busy(false);
    }
  }
}

async function load(now, key) {
  loaded = key;
  note(null);
  const ask = asked(now);
  const under = JSON.stringify(now.filters);
  try {
    const found = await fetched((signal) =>
      Promise.all([
        ask ? api.search(request(now, POOLS[0]), { signal }) : api.images(now.filters, 0, signal),
        under === filtered ? facets : api.facets(now.filters, signal),
      ]),
    );
    if (!found) return;
    facets = found[1];
    filtered = under;
    answer = null;
    if (ask) adopt(found[0], now.cut);
    else browsed = found[0];
    present(view.current());
    announce(tally(view.current()));
  } catch (error) {
    loaded = "";
    fail(error);
  }
}

/** Take a search's answer as the one that is shown. */
function adopt(found, cut) {
  answer = found;
  weights = found.pool.weights;
  hits = ranked(found, weights);
  answer.cut = cut && found.hits.length < JUDGED ? found.hits.length : null;
  answer.within = false;
}

/** More of the same, when the end of the grid comes near. */
async function more() {
  if (loading || !about) return;
  const now = view.current();
  const pool = answer && POOLS.find((size) => size > answer.pool.images.length);
  const ended = answer
    ? answer.pool.complete || answer.cut !== null || answer.within || !pool
    : browsed.images.length >= browsed.total;
  if (ended) return;
  try {
    const found = await fetched(
      (signal) =>
        answer ? api.search(request(now, pool), { signal }) : api.images(now.filters, browsed.images.length, signal),
      true,
    );
    if (!found) return;
    if (answer) adopt(found, now.cut);
    else
      browsed = {
        images: [...browsed.images, ...found.images],
        total: found.images.length ? found.total : browsed.images.length,
      };
    present(view.current());
  } catch (error) {
    note(error.message);
  }
}

/** Draw what is there for a view. */
function present(now) {
  const searching = answer !== null;
  const terms = searching
    ? answer.pool.terms
        .map((name, at) => ({ at, name, label: labels[name] ?? name, weight: weights[at] }))
        .filter(({ weight }) => weight)
    : null;
  const bars = searching && pressed($("#show-bars"));
  shown = searching ? arranged(answer.cut === null ? hits : hits.slice(0, answer.cut), now) : browsed.images;
  $("#intro").classList.toggle("unseen", now.at > 0 || Object.keys(now.filters).length > 0);
  $("#headline").replaceChildren(...(now.at > 0 ? [sentence(now)] : ["This picture, ", h("em", {}, "but …")]));
  document.title = now.at > 0 ? `${sentence(now)} · cvsi-db` : "cvsi-db";
  filters.draw(now, facets, searching ? hits : null);
  drawTally(now);
  $("#toggles").hidden = !searching;
  $("#drawer").hidden = !searching || !pressed($("#show-drawer"));
  if (searching) drawDrawer(now);
  const all = searching ? (answer.pool.complete || answer.cut !== null ? shown.length : -1) : browsed.total;
  grid.show(shown, { terms: bars ? terms : null, setSize: all });
  if (!shown.length) put(about.images ? "none" : "empty");
  else state(null);
  look(now, terms);
}

function drawDrawer(now) {
  const step = now.steps[now.at - 1];
  tune.draw(answer, weights, labels, Boolean(step?.weights || step?.preset));
  if (answer === drawn) return;
  drawn = answer;
  drawRead(answer, (captions, objects) => view.show(stepped(view.current(), { kind: "captions", captions, objects })));
  drawPlan(answer, { ...asked(now), ...now.filters });
  const notes = $("#notes");
  notes.hidden = !answer.warnings.length;
  notes.textContent = answer.warnings.length;
  notes.title = answer.warnings.join("\n");
}

let drawn = null; // the answer that the drawer shows

/** Open the viewer where the view has an image open, else shut it. */
async function look(now, terms) {
  if (!now.open) {
    const last = viewer.viewed();
    viewer.shut();
    const place = last ? shown.findIndex((image) => image.image_id === last.image_id) : -1;
    if (place >= 0) grid.focus(place);
    return;
  }
  const place = shown.findIndex((image) => image.image_id === now.open);
  try {
    viewer.open(shown[place] ?? (await api.image(now.open)), place, shown, terms);
  } catch (error) {
    note(error.message);
  }
}

function tally(now) {
  if (!answer)
    return browsed.total === about.images
      ? plural(browsed.total, "image")
      : `${count(browsed.total)} of ${plural(about.images, "image")}`;
  const among =
    answer.pool.complete || answer.cut !== null || now.min !== null ? "" : facets ? ` of ${count(facets.images)}` : "";
  return `${plural(shown.length, "image")}${among} for ${sentence(now)}`;
}

function drawTally(now) {
  if (!answer) return $("#tally").replaceChildren(tally(now));
  const exact = answer.within
    ? h(
        "span",
        { class: "within", title: "Other images of the gallery may belong here: let go of the slider to ask" },
        `among the ${count(hits.length)} best`,
      )
    : h(
        "span",
        {
          class: "exact",
          title: answer.plan.exact
            ? "As if every image of the gallery was compared"
            : "An index was asked, which may miss an image",
        },
        answer.plan.exact ? "exact" : "by index",
      );
  const of = answer.pool.complete || answer.cut !== null ? "" : ` of ${count(facets?.images ?? about.images)}`;
  $("#tally").replaceChildren(`${plural(shown.length, "image")}${of}`, exact);
}

const pressed = (button) => (button.getAttribute("aria-pressed") ?? button.getAttribute("aria-expanded")) === "true";

function busy(is) {
  document.body.classList.toggle("busy", is);
  $("#results").setAttribute("aria-busy", is);
}

/** A line above the images; null takes it away. */
function note(text) {
  $("#notice").hidden = text === null;
  $("#notice").textContent = text ?? "";
}

function fail(error) {
  if (error.kind === "unauthorized") put("login");
  else if (error.kind === "GalleryError") put("unreadable", error);
  else if (error.status === 404 && error.field === "reference")
    put("failed", { message: "The server no longer holds this picture: drop it again." });
  else if (error.status || !shown.length) put("failed", error);
  else note(error.message);
}

/** Something in place of the images. */
function put(kind, error) {
  if (kind !== "none") {
    answer = null;
    shown = [];
    grid.show(shown);
    filters.draw(view.current(), facets, null);
    $("#tally").replaceChildren();
    $("#toggles").hidden = true;
    $("#drawer").hidden = true;
  }
  state(kind, { error, about, retry: about ? () => follow(view.current()) : boot, restart: boot });
}

/** Search with a picture that was dropped, pasted or picked. */
async function receive(file) {
  if (!about) return;
  note(null);
  const bare = { ...view.current(), steps: [], at: 0 };
  try {
    const found = await fetched((signal) => api.search(request(bare, POOLS[0]), { file, signal }));
    if (!found) return;
    const next = stepped(view.current(), { kind: "image", id: found.reference.image_id });
    adopt(found, next.cut);
    loaded = keyOf(next);
    view.show(next);
    announce(tally(next));
    $("#words").focus();
  } catch (error) {
    if (error.kind === "unauthorized") put("login");
    else note(error.message);
  }
}

/** A slider moves: the images that are here, in the new order. */
function slide(now) {
  performance.mark("slide");
  if (!answer.pool.complete) {
    loading?.abort();
    loaded = "";
  }
  weights = now;
  hits = ranked(answer, weights);
  answer.within = !answer.pool.complete;
  present(view.current());
  performance.measure("reorder", "slide");
}

/** A slider was let go: the view keeps its weights, and unless all images are here the server is asked. */
function release(now) {
  const next = tuned(view.current(), {
    preset: answer.query.preset,
    weights: Object.fromEntries(answer.pool.terms.map((name, at) => [name, now[at]])),
  });
  if (!now.some(Boolean)) return note("Give at least one term a weight.");
  note(null);
  if (answer.pool.complete && !next.cut) loaded = keyOf(next);
  view.show(next, { replace: true });
}

function toggle(button, attribute, name) {
  const is = !pressed(button);
  button.setAttribute(attribute, is);
  localStorage.setItem(name, is);
  if (answer) present(view.current());
}

function turnTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

async function share() {
  try {
    await navigator.clipboard.writeText(location.href);
    announce("The link is copied");
    $("#share").classList.add("done");
    setTimeout(() => $("#share").classList.remove("done"), 1500);
  } catch {
    note(`Copy this link: ${location.href}`);
  }
}

const folderOf = (path) => path.replace(/[\\/][^\\/]*$/, "") || "/";
const folder = (path) => leave({ ...HOME, filters: { folder: folderOf(path) } });

async function boot() {
  busy(true);
  try {
    about = await api.about();
  } catch (error) {
    busy(false);
    return fail(error);
  }
  labels = Object.fromEntries(about.terms.map(({ name, label }) => [name, label[0].toUpperCase() + label.slice(1)]));
  tune.startTune(about, {
    slide,
    release,
    preset: (name) => view.show(tuned(view.current(), { preset: name, weights: undefined }), { replace: true }),
    reset: () => view.show(tuned(view.current(), { preset: undefined, weights: undefined }), { replace: true }),
  });
  follow(view.current());
}

const drawerButton = $("#show-drawer");
const barsButton = $("#show-bars");
const wide = matchMedia("(min-width: 1200px)").matches;
drawerButton.setAttribute("aria-expanded", wide && localStorage.getItem("drawer") !== "false");
barsButton.setAttribute("aria-pressed", localStorage.getItem("bars") === "true");
drawerButton.addEventListener("click", () => toggle(drawerButton, "aria-expanded", "drawer"));
$("#close-drawer").addEventListener("click", () => {
  toggle(drawerButton, "aria-expanded", "drawer");
  drawerButton.focus();
});
barsButton.addEventListener("click", () => toggle(barsButton, "aria-pressed", "bars"));
$("#theme").addEventListener("click", turnTheme);
$("#keys").addEventListener("click", showKeys);
$("#share").addEventListener("click", share);
$("#skip").addEventListener("click", () => grid.focus(grid.active));
$(".brand").addEventListener("click", (event) => {
  event.preventDefault();
  view.show(HOME);
});
addEventListener("scroll", () => document.body.classList.toggle("scrolled", scrollY > 4), { passive: true });

composer.startComposer(receive, note);
filters.startFilters();
viewer.startViewer({
  close: view.close,
  go: (image) => view.show({ ...view.current(), open: image.image_id }, { replace: true }),
  use,
  like: (image) => take(image, "like"),
  unlike: (image) => take(image, "unlike"),
  folder,
  tag: (tag) => leave({ ...HOME, filters: { tag: [tag] } }),
});
startKeys(
  {
    "/": () => $("#words").focus(),
    p: () => $("#pick").click(),
    n: () => $("#clear").click(),
    "[": () => composer.step(-1),
    "]": () => composer.step(1),
    t: () => answer && drawerButton.click(),
    b: () => answer && barsButton.click(),
    d: turnTheme,
    ArrowDown: () => grid.focus(grid.active),
  },
  {
    r: (image) => use(image),
    l: (image) => take(image, "like"),
    u: (image) => take(image, "unlike"),
    o: (image) => open(api.original(image.image_id), "_blank", "noopener"),
    f: (image) => folder(image.path),
  },
  () => viewer.viewed() ?? (document.activeElement.closest(".tile") ? shown[grid.active] : null),
);
view.onView(follow);
boot();
