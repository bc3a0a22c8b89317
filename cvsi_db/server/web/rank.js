/* Ranking in the browser: the images of an answer in the order of other weights. The score is linear in the terms, so
 * that their similarities, which every hit brings along, are all it takes: no model, no request. No page. */

/** What a term's similarity says of a hit. */
export const HINTS = {
  image: "looks like the reference image",
  edited_captions: "fits the captions as edited",
  edit_direction: "goes the way the edit goes",
  pseudo_token: "fits your words about this picture",
  objects: "shows the objects that were added",
  edit_text: "fits your words alone",
  composed: "fits this picture and your words together",
  liked: "looks like what you want more of",
  unliked: "looks like what you want less of",
  negative: "fits what you do not want",
};

const float = Math.fround; // the server's scores are float32

/** A number of a score or weight, with a true minus, and none before 0. */
export function signed(number, digits = 2) {
  const text = number.toFixed(digits);
  return text.replace("-", Number(text) === 0 ? "" : "−");
}

/**
 * The hits of an answer's pool by `weights` (one per term, in the order of `pool.terms`): best first, equal scores by
 * image_id. A hit is {rank, image_id, path, score, similarities, name, folder, width, height, captions, …}.
 */
export function ranked(answer, weights) {
  const hits = answer.pool.images.map((image) => ({
    ...image,
    ...answer.images[image.image_id],
    score: image.similarities.reduce((sum, near, term) => float(sum + float(float(weights[term]) * near)), 0),
  }));
  hits.sort((one, other) => other.score - one.score || (one.image_id < other.image_id ? -1 : 1));
  return hits.map((hit, place) => ({ ...hit, rank: place + 1 }));
}

/** The hits of at least the score `min`, sorted as asked; images without a date come last. */
export function arranged(hits, { sort, min }) {
  const shown = min === null ? hits : hits.filter((hit) => hit.score >= min);
  const by = {
    newest: (one, other) => (other.taken_at ?? "").localeCompare(one.taken_at ?? ""),
    oldest: (one, other) => (one.taken_at ?? "9999").localeCompare(other.taken_at ?? "9999"),
    name: (one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }),
  }[sort];
  return by ? [...shown].sort(by) : shown;
}
