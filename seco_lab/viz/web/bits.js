// Sets of places as one bit a place, lowest bit first: an eighth of a byte each on the way to Python.

import { numbers } from "./dom.js";

export const emptyBits = (count) => new Uint8Array(Math.ceil(count / 8));
export const has = (bits, i) => (bits[i >> 3] >> (i & 7)) & 1;
export const put = (bits, i) => { bits[i >> 3] |= 1 << (i & 7); };
export const bitsOf = (view) => (view?.byteLength ? numbers(view, Uint8Array) : null);
export const viewOf = (bits) => (bits && bits.some((byte) => byte) ? new DataView(bits.slice().buffer) : new DataView(new ArrayBuffer(0)));

export function countOf(bits) {
  let total = 0;
  for (let byte of bits ?? []) for (; byte; byte &= byte - 1) total++;
  return total;
}

export function rowsOf(bits, most = Infinity) {
  const rows = [];
  for (let byte = 0; byte < (bits?.length ?? 0) && rows.length < most; byte++) {
    if (!bits[byte]) continue;
    for (let k = 0; k < 8 && rows.length < most; k++) if ((bits[byte] >> k) & 1) rows.push(8 * byte + k);
  }
  return rows;
}

// "replace" takes the new set, "add" joins both, "take" removes the new from the old.
export function combined(old, fresh, way) {
  if (way === "replace" || !old) return way === "take" ? emptyBits(8 * fresh.length) : fresh;
  return fresh.map((byte, k) => (way === "add" ? byte | old[k] : old[k] & ~byte));
}

// Which points of a layer lie within a polygon (even-odd rule), `usable` may refuse.
export function within(layer, polygon, usable) {
  const { array, unit, limit, scale, shift } = layer, count = array.length / 2, bits = emptyBits(count);
  const corners = polygon.map(([x, y]) => [(x - shift[0]) / scale[0], (y - shift[1]) / scale[1]]);
  const [xs, ys] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let i = 0; i < count; i++) {
    const x = array[2 * i] * unit, y = array[2 * i + 1] * unit;
    if (!(x <= limit) || x < x0 || x > x1 || y < y0 || y > y1) continue;
    if (isInside(corners, x, y) && usable(i)) put(bits, i);
  }
  return bits;
}

function isInside(corners, x, y) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [xi, yi] = corners[i], [xj, yj] = corners[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
