// The same points by the processor, pixel by pixel: for few points, which are there before a graphics card has
// started, and for machines without one, where an emulated card takes fifty times as long.

import { eased } from "./layers.js";

const CHUNK = 2048; // points placed, then drawn, while they lie in the cache
const PALE = [217, 219, 222], PALE_SHARE = 0.86; // what is dimmed; the fragment shader does the same
const SHIFTS = 4; // places of a disc within its pixel, along each axis

export class PlainPoints {
  constructor(canvas) {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this, { canvas, context, count: 0, marked: null });
    Object.assign(this, { xs: new Float64Array(CHUNK), ys: new Float64Array(CHUNK), inks: new Uint32Array(CHUNK) });
  }
  positions(before, after) { Object.assign(this, { before, after, count: after.array.length / 2 }); }
  colours(array) { this.tint = array; }
  // One byte a point: 0 as it is, 1 dimmed, 2 hidden; null where all are as they are.
  states(array) { this.marked = array; }
  draw(view) {
    const { width, height } = this.canvas;
    if (this.image?.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    } else this.pixels.fill(0);
    const stamp = view.size > 3.5 ? new Discs(view.size) : new Squares(view.size);
    // What is dimmed goes below: a crowd of grey points must not hide the few that were chosen.
    for (const drawn of this.marked ? [1, 0] : [0]) this.drawSome(view, drawn, stamp);
    this.context.putImageData(this.image, 0, 0);
  }
  // With a budget below the count every n-th point.
  drawSome(view, drawn, stamp) {
    const step = Math.ceil(this.count / Math.max(1, view.budget)), { width, height } = this.canvas;
    for (let first = 0; first < this.count; first += CHUNK * step) {
      const taken = Math.min(CHUNK, Math.ceil((this.count - first) / step));
      this.place(view, first, step, taken);
      stamp.put(this.pixels, width, height, this.xs, this.ys, this.inks, this.keep(first, step, taken, drawn, stamp.reach));
    }
  }
  // Of the points just placed moves those to the front that are meant and in sight, with their colours: how many.
  keep(first, step, taken, drawn, reach) {
    const { marked, tint, xs, ys, inks } = this, right = this.canvas.width + reach, bottom = this.canvas.height + reach;
    let kept = 0;
    for (let k = 0, i = first; k < taken; k++, i += step) {
      const x = xs[k], y = ys[k];
      if (!(x > -reach && y > -reach && x < right && y < bottom) || (marked !== null && marked[i] !== drawn)) continue;
      xs[kept] = x;
      ys[kept] = y;
      inks[kept++] = drawn ? pale(tint, 3 * i) : 0xff000000 | (tint[3 * i + 2] << 16) | (tint[3 * i + 1] << 8) | tint[3 * i];
    }
    return kept;
  }
  // Pixels of some points on the canvas, NaN where a point has no position. The vertex shader computes the same.
  place({ centre, scale, progress, stagger }, first, step, taken) {
    const { before, after, xs, ys } = this, [w, h] = [this.canvas.width / 2, this.canvas.height / 2];
    if (before === after || progress >= 1) rest(after, first, step, taken, xs, ys);
    else fly(before, after, { progress, stagger }, first, step, taken, xs, ys);
    for (let k = 0; k < taken; k++) {
      xs[k] = ((xs[k] - centre[0]) * scale[0] + 1) * w;
      ys[k] = ((ys[k] - centre[1]) * scale[1] + 1) * h;
    }
  }
  // A canvas shows what was put into it with the frame that is being made.
  whenDrawn(react) { setTimeout(react, 0); }
  finish() {}
  dispose() {}
}

function pale(tint, at) {
  const [red, green, blue] = PALE.map((light, channel) => tint[at + channel] + (light - tint[at + channel]) * PALE_SHARE);
  return 0xff000000 | (blue << 16) | (green << 8) | red;
}

function rest({ array, unit, limit, scale, shift }, first, step, taken, xs, ys) {
  for (let k = 0, at = 2 * first; k < taken; k++, at += 2 * step) {
    const x = array[at] * unit;
    xs[k] = x <= limit ? x * scale[0] + shift[0] : NaN;
    ys[k] = array[at + 1] * unit * scale[1] + shift[1];
  }
}

function fly(a, b, { progress, stagger }, first, step, taken, xs, ys) {
  for (let k = 0, i = first; k < taken; k++, i += step) {
    const ax = a.array[2 * i] * a.unit, bx = b.array[2 * i] * b.unit, t = eased(i, progress, stagger);
    const x0 = ax * a.scale[0] + a.shift[0], y0 = a.array[2 * i + 1] * a.unit * a.scale[1] + a.shift[1];
    const x1 = bx * b.scale[0] + b.shift[0], y1 = b.array[2 * i + 1] * b.unit * b.scale[1] + b.shift[1];
    xs[k] = ax <= a.limit && bx <= b.limit ? x0 + (x1 - x0) * t : NaN;
    ys[k] = y0 + (y1 - y0) * t;
  }
}

// Small points: the pixels whose middle a square covers.
class Squares {
  constructor(size) { this.reach = size / 2; }
  put(pixels, width, height, xs, ys, inks, count) {
    const half = this.reach;
    for (let k = 0; k < count; k++) {
      const x0 = Math.max(0, Math.ceil(xs[k] - half - 0.5)), x1 = Math.min(width, Math.ceil(xs[k] + half - 0.5));
      const y0 = Math.max(0, Math.ceil(ys[k] - half - 0.5)), y1 = Math.min(height, Math.ceil(ys[k] + half - 0.5)), ink = inks[k];
      for (let row = y0; row < y1; row++) for (let at = row * width + x0; at < row * width + x1; at++) pixels[at] = ink;
    }
  }
}

// Larger ones: discs with a soft edge and, from seven pixels on, a darker rim; ready-made for every place in a pixel.
class Discs {
  constructor(size) {
    this.reach = Math.ceil(size / 2) + 1;
    this.covers = Array.from({ length: SHIFTS * SHIFTS }, (_, k) => this.cover(size, (k % SHIFTS) / SHIFTS, Math.floor(k / SHIFTS) / SHIFTS));
  }
  // The pixels that a disc touches, counted from the one that holds its middle, and their cover and brightness in
  // 255ths and 256ths; the middle lies `dx`, `dy` into its pixel.
  cover(size, dx, dy) {
    const found = [], { reach } = this;
    for (let v = -reach; v <= reach; v++) for (let u = -reach; u <= reach; u++) {
      const r = Math.hypot(u + 0.5 - dx, v + 0.5 - dy), share = Math.round(255 * Math.min(1, size / 2 - r));
      const rim = size > 6 ? Math.min(1, Math.max(0, r - size / 2 + 2)) : 0;
      if (share > 0) found.push(u, v, share, Math.round(256 * (1 - 0.55 * rim)));
    }
    return Int32Array.from(found);
  }
  put(pixels, width, height, xs, ys, inks, count) {
    for (let k = 0; k < count; k++) this.putOne(pixels, width, height, xs[k], ys[k], inks[k]);
  }
  putOne(pixels, width, height, x, y, ink) {
    const column = Math.floor(x), row = Math.floor(y), { reach } = this;
    const cover = this.covers[Math.floor((y - row) * SHIFTS) * SHIFTS + Math.floor((x - column) * SHIFTS)];
    const whole = column >= reach && row >= reach && column < width - reach && row < height - reach;
    for (let k = 0; k < cover.length; k += 4) {
      const u = column + cover[k], v = row + cover[k + 1], share = cover[k + 2], light = cover[k + 3];
      if (!whole && (u < 0 || v < 0 || u >= width || v >= height)) continue;
      // Two channels at once: each has a byte of room above it.
      const at = v * width + u, colour = ((((ink & 0xff00ff) * light) >>> 8) & 0xff00ff) | ((((ink & 0xff00) * light) >>> 8) & 0xff00);
      pixels[at] = share === 255 ? 0xff000000 | colour : over(pixels[at], share, colour);
    }
  }
}

// A colour laid over a pixel that may be see-through, as canvases store it: not multiplied by its cover of 255ths.
function over(below, share, colour) {
  const rest = ((below >>> 24) * (255 - share)) / 255, all = share + rest;
  const mix = (shift) => ((((colour >> shift) & 255) * share + ((below >> shift) & 255) * rest) / all) << shift;
  return (all << 24) | mix(16) | mix(8) | mix(0);
}
