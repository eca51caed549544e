// Buckets of points by position: finds the one under the pointer among a million in well under a millisecond.

import { boundsOf } from "./layers.js";

export class PointGrid {
  constructor(layer) {
    const { array, unit, limit } = layer, n = array.length / 2;
    const { x0, y0, x1, y1 } = boundsOf({ ...layer, scale: [1, 1], shift: [0, 0] });
    this.side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(n))));
    this.cell = Math.max(x1 - x0, y1 - y0, 1e-9) / this.side * 1.000001;
    Object.assign(this, { layer, array, unit, x0, y0, empty: !(x1 >= x0) });
    const starts = new Uint32Array(this.side * this.side + 1), cells = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const known = array[2 * i] * unit <= limit;
      cells[i] = known ? this.cellOf(array[2 * i] * unit, array[2 * i + 1] * unit) : 0xffffffff;
      if (known) starts[cells[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) starts[c + 1] += starts[c];
    this.starts = starts;
    this.items = new Uint32Array(starts[this.side * this.side]);
    const next = starts.slice(0, -1);
    for (let i = 0; i < n; i++) if (cells[i] !== 0xffffffff) this.items[next[cells[i]]++] = i;
  }
  cellOf(x, y) { return Math.floor((y - this.y0) / this.cell) * this.side + Math.floor((x - this.x0) / this.cell); }
  // The nearest point within a radius, in the coordinates of the pane; -1 where there is none, `usable` may refuse.
  nearest(px, py, reach, usable) {
    if (this.empty) return -1;
    const { scale, shift } = this.layer;
    const x = (px - shift[0]) / scale[0], y = (py - shift[1]) / scale[1], radius = reach / scale[0];
    const column = Math.floor((x - this.x0) / this.cell), row = Math.floor((y - this.y0) / this.cell);
    const best = { index: -1, square: radius * radius };
    const rings = Math.min(Math.ceil(radius / this.cell), 2 * this.side + Math.max(Math.abs(row), Math.abs(column)));
    for (let ring = 0; ring <= rings; ring++) {
      if (best.index >= 0 && (ring - 1) * this.cell > Math.sqrt(best.square)) break;
      this.searchRing(row, column, ring, x, y, best, usable);
    }
    return best.index;
  }
  searchRing(row, column, ring, x, y, best, usable) {
    for (let r = Math.max(0, row - ring); r <= Math.min(this.side - 1, row + ring); r++) {
      const step = Math.abs(r - row) < ring ? Math.max(1, 2 * ring) : 1;
      for (let c = column - ring; c <= column + ring; c += step)
        if (c >= 0 && c < this.side) this.searchCell(r * this.side + c, x, y, best, usable);
    }
  }
  searchCell(cell, x, y, best, usable) {
    for (let k = this.starts[cell]; k < this.starts[cell + 1]; k++) {
      const i = this.items[k], dx = this.array[2 * i] * this.unit - x, dy = this.array[2 * i + 1] * this.unit - y;
      const square = dx * dx + dy * dy;
      if (square <= best.square && usable(i)) { best.square = square; best.index = i; }
    }
  }
}
