// For test_browser.py: panes and points beside those that a page shows.

// A pane of many places: what draws them, what it says, and whether anything is there.
async function manyPlaces() {
  const { explorer } = document.querySelector(".se-root"), Pane = explorer.map.constructor, count = 40_000, said = [];
  const on = { hover() {}, problem: (text) => said.push(text) };
  const pane = new Pane({ label: "Many", paper() {}, marks() {}, on });
  pane.box.style.width = "600px";
  explorer.root.append(pane.box);
  pane.setPositions(Float32Array.from({ length: 2 * count }, (_, k) => (k * 0.618) % 1));
  pane.setColours(new Uint8Array(3 * count).fill(90));
  while (!pane.box.dataset.painted) await new Promise(requestAnimationFrame);
  pane.drawPoints(false);
  const shown = pane.sheet.points, { width, height } = shown;
  const copy = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  copy.drawImage(shown, 0, 0);
  window.manyPoints = pane.points;
  return { by: pane.points.constructor.name, said, drawn: copy.getImageData(0, 0, width, height).data.some((v) => v > 0) };
}

// Card and processor draw the same few places half-way between two layers, some dimmed, hidden or nowhere.
// How many pixels are covered, and the share of them that differs.
function drawnAlike(size) {
  const { explorer } = document.querySelector(".se-root"), gl = window.manyPoints, [width, height] = [240, 160], count = 60;
  const plain = new explorer.map.points.constructor(document.createElement("canvas"));
  const spread = (step) => Float32Array.from({ length: 2 * count }, (_, k) => (k * k * step) % 1);
  const layer = (array, scale, shift) => ({ array, small: false, unit: 1, limit: 1.5, scale, shift });
  const layers = [layer(spread(0.618), [1, 1], [0, 0]), layer(spread(0.347), [0.5, 0.7], [0.2, 0.1])];
  layers[0].array[10] = NaN;
  const tint = Uint8Array.from({ length: 3 * count }, (_, k) => (k * 67) % 256), states = Uint8Array.from({ length: count }, (_, k) => k % 3);
  for (const points of [gl, plain]) {
    Object.assign(points.canvas ?? points.gl.canvas, { width, height });
    points.positions(...layers);
    points.colours(tint);
    points.states(states);
    points.draw({ centre: [0.5, 0.5], scale: [1.8, 1.8], size, budget: 1e9, progress: 0.6, stagger: 0.5 });
  }
  const card = new Uint8Array(4 * width * height), { data } = plain.context.getImageData(0, 0, width, height);
  gl.gl.readPixels(0, 0, width, height, gl.gl.RGBA, gl.gl.UNSIGNED_BYTE, card);
  let differ = 0, covered = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
    const mine = 4 * (y * width + x), its = 4 * ((height - 1 - y) * width + x), cover = data[mine + 3] / 255;
    const apart = [0, 1, 2].map((k) => Math.abs(data[mine + k] * cover - card[its + k])); // the card's are multiplied
    differ += Math.max(...apart) > 70;
    covered += cover > 0;
  }
  return { covered, differ: differ / covered };
}
