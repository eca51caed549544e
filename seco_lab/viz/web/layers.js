// A layer: positions of all points (float32 pairs, or uint16 pairs of 1/65535) and the affine step into the
// coordinates of a pane. Shared by what draws, what finds and what selects.

const LIMIT_FLOAT = 1.5, LIMIT_SMALL = 0.99999; // beyond: the point has no position

export function layerOf(array, scale = [1, 1], shift = [0, 0]) {
  const small = array instanceof Uint16Array;
  return { array, small, unit: small ? 1 / 65535 : 1, limit: small ? LIMIT_SMALL : LIMIT_FLOAT, scale, shift };
}

export function positionIn(layer, i) {
  if (i < 0 || 2 * i >= layer.array.length) return null;
  const x = layer.array[2 * i] * layer.unit;
  if (!(x <= layer.limit)) return null;
  return [x * layer.scale[0] + layer.shift[0], layer.array[2 * i + 1] * layer.unit * layer.scale[1] + layer.shift[1]];
}

export function boundsOf(layer) {
  const { array, unit, limit, scale, shift } = layer;
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < array.length; i += 2) {
    const x = array[i] * unit, y = array[i + 1] * unit;
    if (!(x <= limit)) continue;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  return { x0: x0 * scale[0] + shift[0], x1: x1 * scale[0] + shift[0], y0: y0 * scale[1] + shift[1], y1: y1 * scale[1] + shift[1] };
}

// How far point i has come when all of them are at `progress`: each starts a little later than others, by a fixed
// shuffle of the numbers, so that a crowd does not move like a block. The vertex shader computes the same.
export function eased(i, progress, stagger) {
  const late = (Math.imul(i, 0x9e3779b1) >>> 0) / 4294967296;
  const t = Math.min(1, Math.max(0, progress * (1 + stagger) - stagger * late));
  return t * t * (3 - 2 * t);
}

export function between(before, after, i, progress, stagger) {
  const a = positionIn(before, i), b = before === after ? a : positionIn(after, i);
  if (!a || !b) return null;
  const t = eased(i, progress, stagger);
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
}

// All points where they are now, as one layer without a step.
export function mixed(before, after, progress, stagger) {
  if (progress >= 1 || before === after) return after;
  if (progress <= 0) return before;
  const count = after.array.length / 2, array = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const at = between(before, after, i, progress, stagger);
    array[2 * i] = at ? at[0] : 9;
    array[2 * i + 1] = at ? at[1] : 9;
  }
  return { ...layerOf(array), limit: 5 };
}
