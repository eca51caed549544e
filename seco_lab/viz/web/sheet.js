// Paper and points of a pane, drawn with a margin around what is seen. While the hand moves they are pushed and
// stretched as they lie, which costs a frame next to nothing; they are drawn again where the margin ends, or at rest.

const STRETCH_MOST = 1.8; // beyond, a stretched picture looks it

export class Sheet {
  // margin: on each side, as a share of the pane
  constructor(box, margin) {
    this.margin = margin;
    this.root = document.createElement("div");
    this.root.className = "se-sheet";
    [this.back, this.points] = ["back", "points"].map((name) => plainCanvas(name));
    this.root.append(this.back, this.points);
    box.append(this.root);
  }
  resize(width, height, ratio) {
    const [left, top] = [Math.round(width * this.margin), Math.round(height * this.margin)];
    Object.assign(this, { left, top, width: width + 2 * left, height: height + 2 * top, ratio });
    Object.assign(this.root.style, { left: `${-left}px`, top: `${-top}px`, width: `${this.width}px`, height: `${this.height}px` });
    for (const canvas of [this.back, this.points]) { canvas.width = this.width * ratio; canvas.height = this.height * ratio; }
  }
  // What the sheet spans in pixels of the pane: x, y, width, height.
  get span() { return [-this.left, -this.top, this.width, this.height]; }
  // A canvas whose context was lost gives no other one: a fresh one takes its place.
  renewPoints() {
    const fresh = this.points.cloneNode();
    this.points.replaceWith(fresh);
    return (this.points = fresh);
  }

  // It now shows this view, as it was drawn.
  lay({ centre, scale }) {
    this.drawn = { centre: [...centre], scale };
    this.root.style.transform = "";
  }
  push(view) {
    const { x, y, stretch } = this.wayTo(view);
    this.root.style.transform = `translate(${x}px,${y}px) scale(${stretch})`;
  }
  // Whether the picture, pushed, still fills the pane and is sharp enough.
  reaches(view) {
    const { x, y, stretch } = this.wayTo(view), spare = (side, border) => (stretch * side - (side - 2 * border)) / 2;
    return stretch < STRETCH_MOST && Math.abs(x) <= spare(this.width, this.left) && Math.abs(y) <= spare(this.height, this.top);
  }
  wayTo({ centre, scale }) {
    const [x, y] = [0, 1].map((axis) => (this.drawn.centre[axis] - centre[axis]) * scale);
    return { x, y, stretch: scale / this.drawn.scale };
  }
}

export function plainCanvas(name) {
  const canvas = document.createElement("canvas");
  canvas.className = `se-${name}`;
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
