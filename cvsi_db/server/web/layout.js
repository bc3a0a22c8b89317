/* The justified layout: rows of one height each that fill the width, images whole, in their order. No page. */

const NARROWEST = 0.6; // narrower or wider images are cropped to these, so that no tile is a sliver
const WIDEST = 2.6;

/**
 * A box {x, y, width, height} for every image of {width, height}, and the height of all: rows are about `target` high
 * and `gap` apart, and have `below` more under every image.
 */
export function justified(images, { width, target, gap, below = 0 }) {
  const boxes = [];
  let y = 0;
  let row = [];
  let aspects = 0;
  const close = (height) => {
    let x = 0;
    for (const [place, aspect] of row.entries()) {
      const last = place === row.length - 1 && height < target;
      const wide = last ? width - x : Math.round(aspect * height);
      boxes.push({ x, y, width: wide, height: Math.round(height) + below });
      x += wide + gap;
    }
    y += Math.round(height) + below + gap;
    row = [];
    aspects = 0;
  };
  for (const image of images) {
    const aspect = Math.min(Math.max(image.width / image.height || 1, NARROWEST), WIDEST);
    row.push(aspect);
    aspects += aspect;
    const height = (width - gap * (row.length - 1)) / aspects;
    if (height < target) close(height);
  }
  if (row.length) close(target);
  return { boxes, height: Math.max(y - gap, 0) };
}
