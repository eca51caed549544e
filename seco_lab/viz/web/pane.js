// One pane: paper (2D), points (WebGL2, or a plain canvas where that is missing), marks (2D). What hands do with it
// is in hands.js.

import { CANVAS_LIMIT, CanvasPoints } from "./canvas_points.js";
import { GlPoints } from "./gl_points.js";
import { listenToHands } from "./hands.js";
import { between, boundsOf, layerOf, mixed } from "./layers.js";
import { PointGrid } from "./point_grid.js";

const MAX_ZOOM = 4_000_000; // pixels per unit: 10 m per pixel on the map
const QUICK_FRAME_MS = 16; // what the points of a frame may cost while the hand moves; paper and marks come on top
const SETTLE_MS = 150; // rest after which everything is drawn again
const GLIDE_MS = 450, GLIDE_LIMIT = 400_000; // points that still move smoothly from frame to frame
const KEYS = "Arrow keys move, plus and minus zoom, Enter selects the place nearest to the middle, "
  + "comma and full stop step through the places, 0 shows all, B and L choose box and lasso.";

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Pane {
  // on: hover(i), click(i, event), step(by), area(polygon, way), problem(text), resize(pane)
  constructor({ label, paper, marks, on }) {
    Object.assign(this, { paper, marks, on, centre: [0.5, 0.5], scale: 300, progress: 1, stagger: 0, budget: 50_000, tool: "pan" });
    this.box = document.createElement("div");
    this.box.className = "se-pane";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-label", `${label}. ${KEYS}`);
    [this.back, this.canvas, this.front] = ["back", "points", "front"].map((name) => {
      const canvas = document.createElement("canvas");
      canvas.className = `se-${name}`;
      canvas.setAttribute("aria-hidden", "true");
      this.box.append(canvas);
      return canvas;
    });
    listenToHands(this);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.box);
  }
  // Nothing goes to the graphics card before the pane is seen: a hidden one costs no memory there.
  upToDate() {
    if (!this.points) this.start();
    this.points.positions(this.before, this.after);
    this.points.colours(this.tint);
    this.points.states(this.states ?? null);
  }
  start() {
    try { this.points = new GlPoints(this.canvas); }
    catch (error) { this.fallBack(error.message); }
    this.canvas.addEventListener("webglcontextlost", () => { if (!this.gone) this.fallBack("the browser took WebGL2 away"); });
  }
  fallBack(reason) {
    const canvas = this.canvas.cloneNode();
    this.canvas.replaceWith(canvas);
    this.canvas = canvas;
    this.points = new CanvasPoints(canvas);
    this.on.problem(`Points are drawn without WebGL2 (${reason}): slower, and at most ${CANVAS_LIMIT.toLocaleString("en")} of them.`);
    this.redraw();
  }

  // ---- what is shown
  // Moves smoothly where the eye can follow, jumps where it would stutter.
  setPositions(array) {
    const old = this.after, fresh = layerOf(array), smooth = old && old.array.length === array.length
      && array.length < 2 * GLIDE_LIMIT && this.width && !calm();
    this.setLayers(smooth ? old : fresh, fresh, { progress: smooth ? 0 : 1 });
    if (!this.fitted) this.fit();
    if (smooth) this.glide();
  }
  setLayers(before, after, { progress = 1, stagger = 0 } = {}) {
    Object.assign(this, { before, after, progress, stagger });
    this.stir();
    this.redraw(true);
  }
  setProgress(progress) { this.progress = progress; this.stir(); this.redraw(true); }
  glide() {
    const started = performance.now();
    const frame = (now) => {
      if (this.gone) return;
      this.progress = Math.min(1, Math.max(0, (now - started) / GLIDE_MS));
      this.drawPoints(true);
      if (this.progress < 1) requestAnimationFrame(frame);
      else { this.stir(); this.redraw(); }
    };
    requestAnimationFrame(frame);
  }
  setColours(tint) { this.tint = tint; this.redraw(); }
  setStates(states) { this.states = states; this.redraw(); }
  get count() { return this.after ? this.after.array.length / 2 : 0; }
  usable(i) { return !this.states || this.states[i] !== 2; }
  // All points where they are now, kept until something moves: what is under the pointer, what lies in a lasso.
  resting() { return (this.rest ??= mixed(this.before, this.after, this.progress, this.stagger)); }
  stir() { this.rest = this.grid = null; }

  // ---- coordinates
  toPixel(x, y) { return [(x - this.centre[0]) * this.scale + this.width / 2, (y - this.centre[1]) * this.scale + this.height / 2]; }
  toUnit(px, py) { return [(px - this.width / 2) / this.scale + this.centre[0], (py - this.height / 2) / this.scale + this.centre[1]]; }
  position(i) { return i >= 0 && this.after ? between(this.before, this.after, i, this.progress, this.stagger) : null; }
  pixelOf(i) { const at = this.position(i); return at && this.toPixel(...at); }
  under(px, py, reach = 12) {
    if (!this.after) return -1;
    return (this.grid ??= new PointGrid(this.resting())).nearest(...this.toUnit(px, py), reach / this.scale, (i) => this.usable(i));
  }

  // ---- view
  fit(bounds) {
    if (!this.after || !this.width) return;
    this.fitted = true;
    this.home = !bounds;
    const { x0, y0, x1, y1 } = bounds ?? boundsOf(this.after);
    if (!(x1 >= x0)) { this.centre = [0.5, 0.5]; this.scale = Math.min(this.width, this.height); return; }
    this.centre = [(x0 + x1) / 2, (y0 + y1) / 2];
    const span = (a, b) => Math.max(b - a, 2e-5, bounds ? 0 : 2e-3) * 1.16;
    this.scale = Math.min(MAX_ZOOM, this.width / span(x0, x1), this.height / span(y0, y1));
    this.redraw(!this.box.dataset.painted); // the first picture is there at once, the rest follows
  }
  fitRows(rows) {
    const at = rows.map((i) => this.position(i)).filter(Boolean);
    if (!at.length) return;
    const [xs, ys] = [0, 1].map((axis) => at.map((p) => p[axis]));
    this.fit({ x0: lowest(xs), x1: highest(xs), y0: lowest(ys), y1: highest(ys) });
  }
  view() { return { centre: [...this.centre], scale: this.scale / (this.width || 1) }; }
  setView(view) {
    Object.assign(this, { centre: [...view.centre], scale: view.scale * (this.width || 1), fitted: true, home: false });
    this.redraw(true);
  }
  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth: w, clientHeight: h } = this.box;
    if (!w || !h) return;
    Object.assign(this, { width: w, height: h, ratio });
    for (const canvas of [this.back, this.canvas, this.front]) { canvas.width = w * ratio; canvas.height = h * ratio; }
    this.on.resize?.(this);
    // Nobody has moved it yet: all places stay in sight when the pane changes its shape.
    if (this.fitted && !this.home) this.redraw(); else this.fit();
  }
  zoomAt(px, py, factor) {
    const at = this.toUnit(px, py);
    this.scale = Math.min(MAX_ZOOM, Math.max(Math.min(this.width, this.height) * 0.5, this.scale * factor));
    this.centre = [at[0] - (px - this.width / 2) / this.scale, at[1] - (py - this.height / 2) / this.scale];
    this.moved();
  }
  moveBy(dx, dy) {
    this.centre = [this.centre[0] + dx / this.scale, this.centre[1] + dy / this.scale];
    this.moved();
  }
  moved() { this.home = false; this.centre = this.centre.map((c) => Math.min(1.6, Math.max(-0.6, c))); this.redraw(true); }
  goTo(i) {
    const pixel = this.pixelOf(i);
    if (!pixel || (pixel[0] > 20 && pixel[1] > 20 && pixel[0] < this.width - 20 && pixel[1] < this.height - 20)) return;
    this.centre = this.position(i);
    this.moved();
  }

  // ---- drawing; quick: within the time of a frame, while the hand moves; all of it once the hand rests
  redraw(quick = false) {
    this.wantQuick = quick;
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(this.wantQuick); });
  }
  paint(quick) {
    if (!this.width || !this.after || !this.tint) return;
    this.drawPoints(quick);
    this.onPaper(this.back, this.paper);
    this.drawMarks();
    this.note("paints", Number(this.box.dataset.paints ?? 0) + 1);
    if (!this.box.dataset.painted) { this.points.finish(); this.note("painted", Date.now()); }
    clearTimeout(this.settle);
    if (quick && this.budget < this.count) this.settle = setTimeout(() => this.redraw(), SETTLE_MS);
  }
  drawPoints(quick) {
    if (!this.width || !this.tint || !this.after) return;
    const started = performance.now();
    this.upToDate();
    const scale = [(2 * this.scale) / this.width, (2 * this.scale) / this.height];
    const budget = quick ? Math.min(this.budget, this.count) : this.count;
    const { centre, progress, stagger } = this;
    this.points.draw({ centre, scale, size: this.pointSize(), budget, progress, stagger });
    if (!quick) return;
    this.points.finish();
    const took = performance.now() - started, ratio = QUICK_FRAME_MS / (took + 1);
    this.budget = Math.round(Math.min(5e6, Math.max(5_000, this.budget * Math.min(1.5, Math.max(0.5, ratio)))));
  }
  pointSize() {
    const n = this.count, base = n > 300_000 ? 1.6 : n > 30_000 ? 2.6 : n > 3_000 ? 4.5 : n > 300 ? 7 : 10;
    const home = Math.min(this.width, this.height);
    return base * Math.min(3, Math.max(1, Math.log10(this.scale / home) + 1)) * this.ratio;
  }
  onPaper(canvas, painter) {
    // Drawn by the processor: without a graphics card the browser's accelerated canvas is five times slower.
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    painter(context, this);
  }
  drawMarks() { if (this.width) this.onPaper(this.front, this.marks); }
  // For whoever measures: read by benchmarks and tests, by nothing else.
  note(name, value) { this.box.dataset[name] = value; }
  dispose() {
    this.gone = true;
    this.watcher.disconnect();
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.settle);
    this.points?.dispose();
  }
}

const lowest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const highest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
