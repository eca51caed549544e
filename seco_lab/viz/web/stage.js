// The melt: one slider flies all places from where they are on Earth to where the encoder puts them, and on through
// the seasons. 0 is the Earth, 1 the plane in the first season, 2 in the second, and so on.

import { landPainter, planePaper } from "./basemap.js";
import { button, element, numbers } from "./dom.js";
import { boundsOf, eased, layerOf, positionIn } from "./layers.js";
import { INK, HALO, crosshair, diamond, lassoLine, ring, seasonPath, threads, word } from "./marks.js";
import { Pane, calm } from "./pane.js";

const FLIGHT_STAGGER = 0.8, SEASON_STAGGER = 0.2;
const FLIGHT_S = 3.2, SEASON_S = 1.6, REST_S = 0.9; // how long playing takes per stretch, and rests at its ends
const THREADS = 150; // places whose way through the seasons is drawn as a thin line

// The plane of every season of the current space, fetched when first looked at.
class Frames {
  constructor(model, questions, arrived) { Object.assign(this, { model, questions, arrived, held: new Map() }); }
  clear() { this.held.clear(); }
  of(season) {
    const space = this.model.get("space"), key = `${space}/${season}`;
    if (!this.held.has(key)) {
      this.held.set(key, null);
      this.questions.ask("frame", { season, space }).then((answer) => {
        if (!answer.buffers.length) this.held.delete(key); // asked again with the next look
        if (!answer.buffers.length || !this.held.has(key)) return;
        this.held.set(key, layerOf(numbers(answer.buffers[0], Uint16Array)));
        this.arrived();
      });
    }
    return this.held.get(key);
  }
}

export class Stage {
  // world: get, set, on (the callbacks of a pane), marked(): what is selected, hovered, pinned, labelled
  constructor({ model, questions, on, marked }) {
    Object.assign(this, { model, marked, seasons: model.get("season_labels").length, playing: 0 });
    this.frames = new Frames(model, questions, () => this.show());
    this.land = landPainter(model);
    this.pane = new Pane({ label: "The melt", paper: (c, p) => this.paper(c, p), marks: (c, p) => this.marks(c, p),
      on: { ...on, resize: () => this.layOut() }, margin: 0 }); // it is drawn again with every step of the flight
    this.pane.fit = (bounds) => (bounds ? Pane.prototype.fit.call(this.pane, bounds) : this.layOut());
    this.pane.box.classList.add("se-stage");
    this.build();
  }
  build() {
    this.slider = element("input", { type: "range", min: 0, max: this.seasons, step: 0.01, "aria-label": "From Earth to the embedding plane, then through the seasons",
      oninput: (e) => { this.pause(); this.move(Number(e.target.value)); } });
    this.playButton = button("▶ Play", () => (this.playing ? this.pause() : this.play()), { class: "se-play" });
    const stop = (text, k) => button(text, () => { this.pause(); this.glideTo(k); }, { class: "se-stop", style: `left:${(100 * k) / this.seasons}%` });
    this.stops = ["Earth", ...this.model.get("season_labels")].map(stop);
    const track = element("div", { class: "se-track" }, this.slider, element("div", { class: "se-stops" }, this.stops));
    this.note = element("p", { class: "se-hint se-stage-note" });
    this.root = element("div", { class: "se-melt" }, this.pane.box, element("div", { class: "se-melt-bar" }, this.playButton, track), this.note);
  }
  get at() { return Math.min(this.seasons, Math.max(0, this.model.get("melt"))); }
  open(shown) {
    this.root.hidden = !shown;
    if (shown) this.show(); else this.pause();
  }
  setEarth(array) { this.earth = array; this.layOut(); }
  // The places on Earth, as large as the stage allows; the plane keeps the unit square.
  layOut() {
    if (!this.earth || !this.pane.width) return;
    const { x0, x1, y0, y1 } = boundsOf(layerOf(this.earth)), aspect = this.pane.width / this.pane.height;
    const scale = x1 >= x0 ? Math.min((0.94 * aspect) / Math.max(x1 - x0, 1e-4), 0.9 / Math.max(y1 - y0, 1e-4)) : 1;
    const shift = [0.5 - scale * ((x0 + x1) / 2), 0.5 - scale * ((y0 + y1) / 2)].map((v) => (Number.isFinite(v) ? v : 0));
    this.earthLayer = layerOf(this.earth, [scale, scale], shift);
    this.pane.centre = [0.5, 0.5];
    this.pane.scale = this.pane.height;
    Object.assign(this.pane, { fitted: true, home: false });
    this.show();
  }
  show() {
    if (this.root.hidden || !this.earthLayer) return;
    for (let season = 0; season < this.seasons; season++) this.frames.of(season); // asked once, then kept
    const at = this.at, flying = at < 1, k = flying ? 0 : Math.min(Math.floor(at - 1), Math.max(0, this.seasons - 2));
    const first = this.frames.of(k), before = flying ? this.earthLayer : first;
    const after = flying || this.seasons === 1 ? first : this.frames.of(k + 1);
    const ready = before ?? this.earthLayer, goal = after ?? ready;
    const progress = flying ? at : Math.min(1, at - 1 - k);
    if (this.pane.before !== ready || this.pane.after !== goal)
      this.pane.setLayers(ready, goal, { progress, stagger: flying ? FLIGHT_STAGGER : SEASON_STAGGER });
    else this.pane.setProgress(progress);
    this.showBar();
  }
  showBar() {
    this.slider.value = this.at;
    const nearest = Math.round(this.at), labels = ["Earth", ...this.model.get("season_labels")];
    this.slider.setAttribute("aria-valuetext", labels[nearest]);
    this.stops.forEach((stop, k) => stop.classList.toggle("se-now", Math.abs(this.at - k) < 0.02));
    this.note.textContent = this.model.get("space_note") ?? "";
  }
  // Drawn at once; told to Python with each new season and at the end, not sixty times a second.
  move(value) {
    this.model.set("melt", Math.min(this.seasons, Math.max(0, value)));
    const season = Math.max(0, Math.round(this.at) - 1), fresh = season !== this.model.get("season");
    if (fresh) this.model.set("season", season);
    if (fresh || !this.playing) this.model.save_changes();
  }
  glideTo(goal) {
    if (calm()) { this.move(goal); return; }
    this.run((seconds, from) => {
      const way = goal - from, t = Math.min(1, seconds / (0.6 + 0.8 * Math.abs(way)));
      return [from + way * t * t * (3 - 2 * t), t >= 1];
    });
  }
  // There and back, with a rest at both ends.
  play() {
    const length = FLIGHT_S + SEASON_S * (this.seasons - 1), whole = 2 * (length + REST_S), speed = (m) => (m < 1 ? m * FLIGHT_S : FLIGHT_S + (m - 1) * SEASON_S);
    const place = (s) => (s < FLIGHT_S ? s / FLIGHT_S : 1 + (s - FLIGHT_S) / SEASON_S);
    this.run((seconds, from) => {
      const t = (speed(from >= this.seasons ? 0 : from) + seconds) % whole;
      const s = t < length ? t : t < length + REST_S ? length : t < 2 * length + REST_S ? 2 * length + REST_S - t : 0;
      return [Math.min(this.seasons, place(s)), false];
    });
  }
  run(step) {
    this.pause();
    const started = performance.now(), from = this.at, number = ++this.turn || (this.turn = 1);
    this.playing = number;
    this.playButton.textContent = "❚❚ Pause";
    const frame = (now) => {
      if (this.playing !== number || this.pane.gone) return;
      const [value, done] = step(Math.max(0, now - started) / 1000, from);
      this.move(value);
      if (done) this.pause(); else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
  pause() {
    if (this.playing) this.model.save_changes();
    this.playing = 0;
    this.playButton.textContent = "▶ Play";
  }

  // ---- drawing
  paper(c, pane) {
    planePaper(c, pane);
    this.drawThreads(c, pane);
    const there = Math.min(1, this.at), alpha = 1 - there * there * (3 - 2 * there);
    if (alpha <= 0 || !this.earthLayer) return;
    c.globalAlpha = alpha;
    c.fillStyle = "#dde7ec";
    c.fillRect(...pane.sheet.span);
    const { scale, shift } = this.earthLayer;
    this.land(c, pane.toPixel(...shift), scale[0] * pane.scale);
    c.globalAlpha = 1;
  }
  planes() { return Array.from({ length: this.seasons }, (_, s) => this.frames.of(s)).filter(Boolean); }
  // They appear with the first season, below the points.
  drawThreads(c, pane) {
    const planes = this.planes(), count = this.model.get("count"), shown = Math.min(1, (this.at - 0.8) * 4);
    if (shown <= 0 || planes.length < this.seasons || this.seasons < 2) return;
    const step = Math.max(1, Math.floor(count / THREADS));
    c.globalAlpha = 0.5 * shown;
    threads(c, pane, Array.from({ length: Math.min(count, THREADS) }, (_, k) => k * step), planes, pane.tint);
    c.globalAlpha = 1;
  }
  marks(c, pane) {
    const { selected, hovered, pins, labelled, neighbours } = this.marked();
    const planes = this.planes();
    for (const i of pins) this.drawTrail(c, pane, i, planes);
    for (const { index, colour, name } of labelled) diamond(c, pane.pixelOf(index), colour, name);
    neighbours.forEach((i, rank) => ring(c, pane.pixelOf(i), 6, String(rank + 1)));
    if (hovered >= 0) ring(c, pane.pixelOf(hovered), 8);
    if (selected >= 0) ring(c, pane.pixelOf(selected), 10);
    if (this.at < 0.02) word(c, "where they are", 12, 16);
    if (pane.crosshair) crosshair(c, pane);
    if (pane.drawing) lassoLine(c, pane.drawing);
  }
  // From the Earth to where the place is now, dotted; from season to season a line with numbers.
  drawTrail(c, pane, i, planes) {
    const start = this.earthLayer && positionIn(this.earthLayer, i), now = pane.pixelOf(i);
    const stops = planes.map((layer) => positionIn(layer, i)).map((at) => at && pane.toPixel(...at));
    if (start && now && this.at < 1) {
      c.beginPath(); c.moveTo(...pane.toPixel(...start)); c.lineTo(...now);
      c.setLineDash([2, 5]); c.lineWidth = 3.5; c.strokeStyle = HALO; c.stroke(); c.lineWidth = 1.5; c.strokeStyle = INK; c.stroke(); c.setLineDash([]);
    }
    c.globalAlpha = this.at < 1 ? eased(0, Math.max(0, this.at * 2 - 1), 0) : 1;
    if (stops.length > 1 && c.globalAlpha > 0) seasonPath(c, stops, Math.round(this.at) - 1);
    c.globalAlpha = 1;
    ring(c, now, 9);
  }
  dispose() { this.pause(); this.pane.dispose(); }
}
