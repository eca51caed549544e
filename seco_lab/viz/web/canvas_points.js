// The same points on a plain canvas, for browsers without WebGL2: fewer of them, everything else alike.

import { between } from "./layers.js";

export const CANVAS_LIMIT = 60_000; // points drawn at most

export class CanvasPoints {
  constructor(canvas) { Object.assign(this, { canvas, context: canvas.getContext("2d"), count: 0, marked: null }); }
  positions(before, after) { Object.assign(this, { before, after, count: after.array.length / 2 }); }
  colours(array) { this.tint = array; }
  states(array) { this.marked = array; }
  draw(view) {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.tint) return;
    for (const drawn of this.marked ? [1, 0] : [0]) this.drawSome(view, drawn);
  }
  drawSome({ centre, scale, size, progress, stagger }, drawn) {
    const { context: c, canvas, tint, marked } = this, w = canvas.width, h = canvas.height;
    const step = Math.max(1, Math.ceil(this.count / CANVAS_LIMIT)), pale = (v) => (drawn ? Math.round(v * 0.14 + 188) : v);
    for (let i = 0; i < this.count; i += step) {
      if (marked && marked[i] !== drawn) continue;
      const at = between(this.before, this.after, i, progress, stagger);
      if (!at) continue;
      const x = ((at[0] - centre[0]) * scale[0] + 1) * w / 2, y = ((at[1] - centre[1]) * scale[1] + 1) * h / 2;
      if (x < -9 || y < -9 || x > w + 9 || y > h + 9) continue;
      c.fillStyle = `rgb(${pale(tint[3 * i])},${pale(tint[3 * i + 1])},${pale(tint[3 * i + 2])})`;
      c.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
  whenDrawn(react) { react(); }
  finish() {}
  dispose() {}
}
