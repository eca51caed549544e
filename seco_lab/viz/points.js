// A pane that draws up to millions of points in the unit square: WebGL2, or Canvas2D where WebGL2 is missing.
// Shared by the explorer widget and the report: Python puts this file in front of the one that uses it.

const MAX_ZOOM = 4_000_000; // pixels per unit: 10 m per pixel on the map
const QUICK_FRAME_MS = 24; // what a frame may cost while the hand moves
const SETTLE_MS = 150; // rest after which everything is drawn again
const CANVAS_LIMIT = 60_000; // points that the fallback without WebGL2 draws

const VERTEX = `#version 300 es
in vec2 before; in vec2 after; in vec3 colour;
uniform float progress, limit, size; uniform vec2 centre, scale;
out vec3 tint;
void main() {
  vec2 at = (mix(before, after, progress) - centre) * scale;
  bool missing = before.x > limit || after.x > limit;
  gl_Position = missing ? vec4(9.0, 9.0, 9.0, 1.0) : vec4(at.x, -at.y, 0.0, 1.0);
  gl_PointSize = size;
  tint = colour;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec3 tint; uniform float size, disc; out vec4 pixel;
void main() {
  if (disc < 0.5) { pixel = vec4(tint, 1.0); return; }
  float r = length(gl_PointCoord - 0.5) * size;
  float cover = clamp(size * 0.5 - r, 0.0, 1.0);
  if (cover <= 0.0) discard;
  float rim = size > 6.0 ? clamp(r - size * 0.5 + 2.0, 0.0, 1.0) : 0.0;
  pixel = vec4(mix(tint, tint * 0.45, rim) * cover, cover);
}`;

class GlPoints {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    if (!gl) throw new Error("this browser offers no WebGL2");
    this.gl = gl;
    this.program = this.link(VERTEX, FRAGMENT);
    this.at = Object.fromEntries(["before", "after", "colour"].map((n) => [n, gl.getAttribLocation(this.program, n)]));
    this.uniform = (name) => gl.getUniformLocation(this.program, name);
    this.buffers = { before: gl.createBuffer(), after: gl.createBuffer(), colour: gl.createBuffer() };
    this.order = gl.createBuffer();
    this.ordered = 0;
  }
  link(vertex, fragment) {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "shader");
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "program");
    return program;
  }
  upload(name, array) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }
  positions(before, after) {
    this.kind = after instanceof Uint16Array ? this.gl.UNSIGNED_SHORT : this.gl.FLOAT;
    this.limit = after instanceof Uint16Array ? 0.99999 : 1.5;
    this.same = before === after;
    this.upload("after", after);
    if (!this.same) this.upload("before", before);
    this.count = after.length / 2;
  }
  colours(array) { this.upload("colour", array); }
  // A shuffled order, so that the first m points are a fair picture of all while the hand moves.
  shuffle() {
    if (this.ordered === this.count) return;
    const order = new Uint32Array(this.count);
    let state = 1;
    for (let i = 0; i < this.count; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const j = Math.floor((state / 4294967296) * (i + 1));
      order[i] = order[j];
      order[j] = i;
    }
    this.gl.bindBuffer(this.gl.ELEMENT_ARRAY_BUFFER, this.order);
    this.gl.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, order, this.gl.STATIC_DRAW);
    this.ordered = this.count;
  }
  draw({ centre, scale, size, budget, progress }) {
    const gl = this.gl;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.count) return;
    gl.useProgram(this.program);
    const point = (name, buffer, width, kind) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[buffer]);
      gl.enableVertexAttribArray(this.at[name]);
      gl.vertexAttribPointer(this.at[name], width, kind, kind !== gl.FLOAT, 0, 0);
    };
    point("before", this.same ? "after" : "before", 2, this.kind);
    point("after", "after", 2, this.kind);
    point("colour", "colour", 3, gl.UNSIGNED_BYTE);
    gl.uniform2f(this.uniform("centre"), centre[0], centre[1]);
    gl.uniform2f(this.uniform("scale"), scale[0], scale[1]);
    const disc = size > 3.5;
    for (const [n, v] of [["progress", progress], ["limit", this.limit], ["size", size], ["disc", disc ? 1 : 0]])
      gl.uniform1f(this.uniform(n), v);
    if (disc) { gl.enable(gl.BLEND); gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); } else gl.disable(gl.BLEND);
    if (budget < this.count) {
      this.shuffle();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.order);
      gl.drawElements(gl.POINTS, budget, gl.UNSIGNED_INT, 0);
    } else gl.drawArrays(gl.POINTS, 0, this.count);
  }
  // Waits until the picture is there: the only honest way to time a frame.
  finish() { this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4)); }
  dispose() { this.gl.getExtension("WEBGL_lose_context")?.loseContext(); }
}

class CanvasPoints {
  constructor(canvas) { this.canvas = canvas; this.context = canvas.getContext("2d"); this.count = 0; }
  positions(before, after) {
    this.before = before; this.after = after; this.count = after.length / 2;
    this.unit = after instanceof Uint16Array ? 1 / 65535 : 1;
    this.limit = after instanceof Uint16Array ? 0.99999 : 1.5;
  }
  colours(array) { this.tint = array; }
  draw({ centre, scale, size, progress }) {
    const { context: c, canvas } = this, w = canvas.width, h = canvas.height;
    c.clearRect(0, 0, w, h);
    const step = Math.max(1, Math.ceil(this.count / CANVAS_LIMIT));
    for (let i = 0; i < this.count; i += step) {
      const bx = this.before[2 * i] * this.unit, ax = this.after[2 * i] * this.unit;
      if (ax > this.limit || bx > this.limit) continue;
      const by = this.before[2 * i + 1] * this.unit, ay = this.after[2 * i + 1] * this.unit;
      const x = ((bx + (ax - bx) * progress - centre[0]) * scale[0] + 1) * w / 2;
      const y = ((by + (ay - by) * progress - centre[1]) * scale[1] + 1) * h / 2;
      if (x < -9 || y < -9 || x > w + 9 || y > h + 9) continue;
      c.fillStyle = `rgb(${this.tint[3 * i]},${this.tint[3 * i + 1]},${this.tint[3 * i + 2]})`;
      c.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
  finish() {}
  dispose() {}
}

// Where the points lie; quantised and exact positions differ in unit and in the mark of a missing one.
function boundsOf(positions) {
  const small = positions instanceof Uint16Array, unit = small ? 1 / 65535 : 1, limit = small ? 0.99999 : 1.5;
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < positions.length; i += 2) {
    const x = positions[i] * unit, y = positions[i + 1] * unit;
    if (x > limit) continue;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  return { unit, limit, x0, y0, x1, y1 };
}

// Buckets of points by position: finds the one under the pointer among a million in well under a millisecond.
class PointGrid {
  constructor(positions) {
    const { unit, limit, x0, y0, x1, y1 } = boundsOf(positions);
    const n = positions.length / 2;
    this.side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(n))));
    this.cell = Math.max(x1 - x0, y1 - y0, 1e-9) / this.side * 1.000001;
    Object.assign(this, { positions, unit, limit, x0, y0, x1, y1, empty: !(x1 >= x0) });
    const starts = new Uint32Array(this.side * this.side + 1), cells = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      cells[i] = positions[2 * i] * unit > limit ? 0xffffffff : this.cellOf(positions[2 * i] * unit, positions[2 * i + 1] * unit);
      if (cells[i] !== 0xffffffff) starts[cells[i] + 1]++;
    }
    for (let c = 0; c < this.side * this.side; c++) starts[c + 1] += starts[c];
    this.starts = starts;
    this.items = new Uint32Array(starts[this.side * this.side]);
    const next = starts.slice(0, -1);
    for (let i = 0; i < n; i++) if (cells[i] !== 0xffffffff) this.items[next[cells[i]]++] = i;
  }
  cellOf(x, y) { return Math.floor((y - this.y0) / this.cell) * this.side + Math.floor((x - this.x0) / this.cell); }
  nearest(x, y, radius) {
    if (this.empty) return -1;
    const column = Math.floor((x - this.x0) / this.cell), row = Math.floor((y - this.y0) / this.cell);
    let best = -1, bestSquare = radius * radius;
    const rings = Math.ceil(radius / this.cell);
    for (let ring = 0; ring <= rings; ring++) {
      if (best >= 0 && (ring - 1) * this.cell > Math.sqrt(bestSquare)) break;
      for (let r = row - ring; r <= row + ring; r++) {
        if (r < 0 || r >= this.side) continue;
        const inner = Math.abs(r - row) < ring;
        for (let c = column - ring; c <= column + ring; c += inner ? Math.max(1, 2 * ring) : 1) {
          if (c < 0 || c >= this.side) continue;
          const cell = r * this.side + c;
          for (let k = this.starts[cell]; k < this.starts[cell + 1]; k++) {
            const i = this.items[k], dx = this.positions[2 * i] * this.unit - x, dy = this.positions[2 * i + 1] * this.unit - y;
            const square = dx * dx + dy * dy;
            if (square <= bestSquare) { bestSquare = square; best = i; }
          }
        }
      }
    }
    return best;
  }
}

// One pane: background (2D), points (GL), marks (2D); pan, zoom, hover, click, keyboard.
class Pane {
  constructor({ label, background, marks, onHover, onClick, onStep, onProblem }) {
    Object.assign(this, { background, marks, onHover, onClick, onStep, onProblem });
    this.box = document.createElement("div");
    this.box.className = "se-pane";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-label", `${label}. Arrow keys move, plus and minus zoom, Enter selects the place nearest to the middle, comma and full stop step through the places, 0 shows all.`);
    [this.back, this.canvas, this.front] = ["back", "points", "front"].map((name) => {
      const canvas = document.createElement("canvas");
      canvas.className = `se-${name}`;
      canvas.setAttribute("aria-hidden", "true");
      this.box.append(canvas);
      return canvas;
    });
    this.centre = [0.5, 0.5];
    this.scale = 300;
    this.progress = 1;
    this.budget = 50_000;
    this.fitted = false;
    this.start();
    this.listen();
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
    this.onProblem?.(`Points are drawn without WebGL2 (${reason}): slower, and at most ${CANVAS_LIMIT.toLocaleString("en")} of them.`);
    if (this.positions) { this.points.positions(this.positions, this.positions); this.points.colours(this.tint); this.resize(); }
  }
  // moves smoothly where the eye can follow, jumps where it would stutter
  setPositions(positions) {
    const before = this.positions;
    this.positions = positions;
    this.grid = null;
    const smooth = before && before.length === positions.length && positions.length < 400_000
      && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.points.positions(smooth ? before : positions, positions);
    if (!this.fitted) this.fit();
    if (smooth) this.glide(); else this.redraw();
  }
  glide() {
    const started = performance.now();
    const frame = (now) => {
      const t = Math.min(1, Math.max(0, (now - started) / 450));
      this.progress = t * t * (3 - 2 * t);
      this.drawPoints(false);
      if (t < 1 && !this.gone) requestAnimationFrame(frame);
      else { this.progress = 1; this.redraw(); }
    };
    requestAnimationFrame(frame);
  }
  setColours(tint) { this.tint = tint; this.points.colours(tint); this.redraw(); }
  index() { return (this.grid ??= new PointGrid(this.positions)); }
  fit() {
    if (!this.positions || !this.width) return;
    this.fitted = true;
    const { x0, y0, x1, y1 } = boundsOf(this.positions);
    if (!(x1 >= x0)) { this.centre = [0.5, 0.5]; this.scale = Math.min(this.width, this.height); return; }
    this.centre = [(x0 + x1) / 2, (y0 + y1) / 2];
    const span = (a, b) => Math.max(b - a, 2e-3) * 1.16;
    this.scale = Math.min(this.width / span(x0, x1), this.height / span(y0, y1));
    this.redraw(!this.box.dataset.painted); // the first picture is there at once, the rest follows
  }
  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth: w, clientHeight: h } = this.box;
    if (!w || !h) return;
    Object.assign(this, { width: w, height: h, ratio });
    for (const canvas of [this.back, this.canvas, this.front]) { canvas.width = w * ratio; canvas.height = h * ratio; }
    if (this.fitted) this.redraw(); else this.fit();
  }
  pointSize() {
    const n = this.points.count, base = n > 300_000 ? 1.6 : n > 30_000 ? 2.6 : n > 3_000 ? 4.5 : n > 300 ? 7 : 10;
    const home = Math.min(this.width, this.height);
    return base * Math.min(3, Math.max(1, Math.log10(this.scale / home) + 1)) * this.ratio;
  }
  toPixel(x, y) { return [(x - this.centre[0]) * this.scale + this.width / 2, (y - this.centre[1]) * this.scale + this.height / 2]; }
  toUnit(px, py) { return [(px - this.width / 2) / this.scale + this.centre[0], (py - this.height / 2) / this.scale + this.centre[1]]; }
  position(i) {
    const unit = this.positions instanceof Uint16Array ? 1 / 65535 : 1;
    const limit = this.positions instanceof Uint16Array ? 0.99999 : 1.5;
    const x = this.positions[2 * i] * unit;
    return i < 0 || !(x <= limit) ? null : [x, this.positions[2 * i + 1] * unit];
  }
  pixelOf(i) { const at = this.position(i); return at && this.toPixel(...at); }
  // quick: within the time of a frame, while the hand moves; all of it once the hand rests
  redraw(quick = false) {
    this.wantQuick = quick;
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(this.wantQuick); });
  }
  paint(quick) {
    if (!this.width || !this.positions || !this.tint) return;
    this.drawPoints(quick);
    this.paper(this.back, this.background);
    this.drawMarks();
    this.note("paints", Number(this.box.dataset.paints ?? 0) + 1);
    if (!this.box.dataset.painted) { this.points.finish(); this.note("painted", Date.now()); }
    clearTimeout(this.settle);
    if (quick && this.budget < this.points.count) this.settle = setTimeout(() => this.redraw(), SETTLE_MS);
  }
  drawPoints(quick) {
    if (!this.width || !this.tint) return;
    const started = performance.now();
    const scale = [(2 * this.scale) / this.width, (2 * this.scale) / this.height];
    const budget = quick ? Math.min(this.budget, this.points.count) : this.points.count;
    this.points.draw({ centre: this.centre, scale, size: this.pointSize(), budget, progress: this.progress });
    if (!quick) return;
    this.points.finish();
    const took = performance.now() - started;
    this.budget = Math.round(Math.min(5e6, Math.max(5_000, this.budget * Math.min(1.5, Math.max(0.5, QUICK_FRAME_MS / (took + 1))))));
  }
  paper(canvas, painter) {
    // Drawn by the processor: without a graphics card the browser's accelerated canvas is five times slower.
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    painter(context, this);
  }
  // For whoever measures: read by benchmarks and tests, by nothing else.
  note(name, value) { this.box.dataset[name] = value; }
  drawMarks() { if (this.width) this.paper(this.front, this.marks); }
  zoomAt(px, py, factor) {
    const at = this.toUnit(px, py);
    this.scale = Math.min(MAX_ZOOM, Math.max(Math.min(this.width, this.height) * 0.5, this.scale * factor));
    this.centre = [at[0] - (px - this.width / 2) / this.scale, at[1] - (py - this.height / 2) / this.scale];
    this.moved();
  }
  moved() { this.centre = this.centre.map((c) => Math.min(1.2, Math.max(-0.2, c))); this.redraw(true); }
  goTo(i) {
    const pixel = this.pixelOf(i);
    if (!pixel || (pixel[0] > 20 && pixel[1] > 20 && pixel[0] < this.width - 20 && pixel[1] < this.height - 20)) return;
    this.centre = this.position(i);
    this.moved();
  }
  under(px, py, reach = 12) {
    if (!this.positions) return -1;
    return this.index().nearest(...this.toUnit(px, py), reach / this.scale);
  }
  listen() {
    const pointers = new Map();
    let travelled = 0;
    const local = (e) => { const r = this.box.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
    this.box.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      pointers.set(e.pointerId, local(e));
      if (pointers.size === 1) travelled = 0;
      this.box.setPointerCapture(e.pointerId);
    });
    this.box.addEventListener("pointermove", (e) => {
      const now = local(e), before = pointers.get(e.pointerId);
      if (!before) { this.onHover(this.under(...now)); return; }
      const others = [...pointers].filter(([id]) => id !== e.pointerId);
      pointers.set(e.pointerId, now);
      travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (others.length) {
        const other = others[0][1], far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
        this.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, far(now) / far(before));
      } else if (travelled > 4) {
        this.centre = [this.centre[0] - (now[0] - before[0]) / this.scale, this.centre[1] - (now[1] - before[1]) / this.scale];
        this.moved();
      }
    });
    const release = (e) => {
      if (!pointers.delete(e.pointerId)) return;
      if (e.type === "pointerup" && travelled <= 4) { const i = this.under(...local(e)); if (i >= 0) this.onClick(i); }
    };
    this.box.addEventListener("pointerup", release);
    this.box.addEventListener("pointercancel", release);
    this.box.addEventListener("pointerleave", () => this.onHover(-1));
    this.box.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoomAt(...local(e), Math.exp(-Math.sign(e.deltaY) * Math.min(60, Math.abs(e.deltaY)) * 0.006));
    }, { passive: false });
    this.box.addEventListener("dblclick", (e) => this.zoomAt(...local(e), 2));
    this.box.addEventListener("focus", () => { this.crosshair = this.box.matches(":focus-visible"); this.drawMarks(); });
    this.box.addEventListener("blur", () => { this.crosshair = false; this.drawMarks(); });
    this.box.addEventListener("keydown", (e) => { if (this.key(e.key)) { e.preventDefault(); e.stopPropagation(); } });
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.box);
  }
  key(name) {
    const step = 60 / this.scale, middle = [this.width / 2, this.height / 2];
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[name];
    this.crosshair = true;
    if (move) { this.centre = [this.centre[0] + move[0] * step, this.centre[1] + move[1] * step]; this.moved(); }
    else if (name === "+" || name === "=") this.zoomAt(...middle, 1.5);
    else if (name === "-") this.zoomAt(...middle, 1 / 1.5);
    else if (name === "0") this.fit();
    else if (name === ",") this.onStep(-1);
    else if (name === ".") this.onStep(1);
    else if (name === "Enter" || name === " ") { const i = this.under(...middle, 1e4); if (i >= 0) this.onClick(i); }
    else return false;
    return true;
  }
  dispose() {
    this.gone = true;
    this.watcher.disconnect();
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.settle);
    this.points.dispose();
  }
}
