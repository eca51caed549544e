// One pane: a sheet of paper (2D) and points (by the graphics card or by the processor), and marks (2D) above.
// What hands do with it is in hands.js.

import { GlPoints, cardName } from "./gl_points.js";
import { listenToHands } from "./hands.js";
import { between, boundsOf, layerOf, mixed } from "./layers.js";
import { PlainPoints } from "./plain_points.js";
import { PointGrid } from "./point_grid.js";
import { Sheet, plainCanvas } from "./sheet.js";

const FEW = 30_000; // points that the processor has drawn before a graphics card has started
const EMULATED = /swiftshader|llvmpipe|softpipe|software|basic render/i; // cards that are the processor in disguise
const MAX_ZOOM = 4_000_000; // pixels per unit: 10 m per pixel on the map
const QUICK_FRAME_MS = 16; // what the points of a frame may cost while something moves; paper and marks come on top
const SETTLE_MS = 150; // rest after which everything is drawn again
const REST_PER_PAINT = 3; // while the hand moves, drawing takes a quarter of the time at most
const MARGIN = 0.2;
const GLIDE_MS = 450, GLIDE_LIMIT = 400_000; // points that still move smoothly from frame to frame
const KEYS = "Arrow keys move, plus and minus zoom, Enter selects the place nearest to the middle, "
  + "comma and full stop step through the places, 0 shows all, B and L choose box and lasso.";

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Pane {
  // on: hover(i), click(i, event), step(by), area(polygon, way), problem(text), resize(pane)
  constructor({ label, paper, marks, on, margin = MARGIN }) {
    Object.assign(this, { paper, marks, on, centre: [0.5, 0.5], scale: 300, progress: 1, stagger: 0, budget: 50_000, tool: "pan" });
    Object.assign(this, { wanted: "", frames: 0, paintedAt: 0, paintTook: 0 }); // frames: how often the picture has changed
    this.box = document.createElement("div");
    this.box.className = "se-pane";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-label", `${label}. ${KEYS}`);
    this.sheet = new Sheet(this.box, margin);
    this.front = plainCanvas("front");
    this.box.append(this.front);
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
    const canvas = this.sheet.points;
    if (this.count <= FEW) { this.points = new PlainPoints(canvas); return; }
    try {
      if (EMULATED.test(cardName())) { this.points = new PlainPoints(canvas); return; }
      this.points = new GlPoints(canvas);
    } catch (error) { this.fallBack(error.message); return; }
    canvas.addEventListener("webglcontextlost", () => { if (!this.gone) this.fallBack("the browser took WebGL2 away"); });
  }
  fallBack(reason) {
    this.points = new PlainPoints(this.sheet.renewPoints());
    this.on.problem(`Points are drawn without WebGL2 (${reason}): all of them are there, but slower to move.`);
    this.redraw();
  }

  // ---- what is shown
  // Moves smoothly where the eye can follow, jumps where it would stutter.
  setPositions(array) {
    const fresh = layerOf(array), smooth = this.after?.array.length === array.length
      && array.length < 2 * GLIDE_LIMIT && this.width && !calm();
    this.stir();
    this.setLayers(smooth ? this.resting() : fresh, fresh, { progress: smooth ? 0 : 1 }); // from where they are in mid-flight
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
    const started = performance.now(), goal = this.after;
    const frame = (now) => {
      if (this.gone || this.after !== goal) return; // a later flight has taken over
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
    this.redraw();
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
    this.sheet.resize(w, h, ratio);
    this.front.width = w * ratio;
    this.front.height = h * ratio;
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
  moved() {
    this.home = false;
    this.centre = this.centre.map((c) => Math.min(1.6, Math.max(-0.6, c)));
    this.want(this.wanted ? "quick" : "push");
  }
  goTo(i) {
    const pixel = this.pixelOf(i);
    if (!pixel || (pixel[0] > 20 && pixel[1] > 20 && pixel[0] < this.width - 20 && pixel[1] < this.height - 20)) return;
    this.centre = this.position(i);
    this.moved();
  }

  // ---- drawing; push: the sheet is moved as it lies; quick: as many points as a frame has time for; whole: all of them
  redraw(quick = false) { this.want(quick ? "quick" : "whole"); }
  want(what) {
    if (this.gone) return;
    if (!this.begun && this.width && this.after && this.tint) { this.frames++; this.paint(true); return; } // waits for no frame
    this.wanted = what;
    this.waiting ??= requestAnimationFrame(() => {
      const wanted = this.wanted;
      Object.assign(this, { waiting: null, wanted: "" });
      if (!this.width || !this.after || !this.tint) return;
      this.frames++;
      if (wanted === "push" && this.sheet.drawn) this.push(); else this.paint(wanted !== "whole");
    });
  }
  push() {
    this.sheet.push(this);
    this.drawMarks();
    this.settleLater();
    const rested = performance.now() - this.paintedAt > REST_PER_PAINT * this.paintTook;
    if (rested && !this.sheet.reaches(this)) this.redraw(true);
  }
  settleLater() {
    clearTimeout(this.settle);
    this.settle = setTimeout(() => this.redraw(), SETTLE_MS);
  }
  paint(quick) {
    const started = performance.now();
    this.sheet.lay(this);
    this.drawPoints(quick);
    this.onPaper(this.sheet.back, this.paper, this.sheet);
    this.drawMarks();
    if (!this.begun) { this.begun = true; this.points.whenDrawn(() => this.note("painted", Date.now())); }
    clearTimeout(this.settle);
    if (!quick) return;
    this.paintedAt = performance.now();
    this.paintTook = this.paintedAt - started;
    if (this.budget < this.count) this.settleLater();
  }
  // Where the sheet was laid, which is where it is seen once it has been pushed.
  drawPoints(quick) {
    if (!this.width || !this.tint || !this.after) return;
    const started = performance.now(), { centre, scale } = this.sheet.drawn ?? this, { progress, stagger } = this;
    this.upToDate();
    const budget = quick ? Math.min(this.budget, this.count) : this.count;
    const wide = [(2 * scale) / this.sheet.width, (2 * scale) / this.sheet.height];
    this.points.draw({ centre, scale: wide, size: this.pointSize(), budget, progress, stagger });
    if (budget >= this.count || !this.begun) return; // the first picture waits for nothing
    this.points.finish();
    const took = performance.now() - started, ratio = QUICK_FRAME_MS / (took + 1);
    this.budget = Math.round(Math.min(5e6, Math.max(5_000, this.budget * Math.min(1.5, Math.max(0.5, ratio)))));
  }
  pointSize() {
    const n = this.count, base = n > 300_000 ? 1.6 : n > 30_000 ? 2.6 : n > 3_000 ? 4.5 : n > 300 ? 7 : 10;
    const home = Math.min(this.width, this.height);
    return base * Math.min(3, Math.max(1, Math.log10(this.scale / home) + 1)) * this.ratio;
  }
  // left, top: where the pane begins on the canvas
  onPaper(canvas, painter, { left, top }) {
    // Drawn by the processor: without a graphics card the browser's accelerated canvas is five times slower.
    const context = canvas.getContext("2d", { willReadFrequently: true }), { ratio } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(ratio, 0, 0, ratio, left * ratio, top * ratio);
    painter(context, this);
  }
  drawMarks() { if (this.width) this.onPaper(this.front, this.marks, { left: 0, top: 0 }); }
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
