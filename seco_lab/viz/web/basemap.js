// The map's paper: sea, land, borders, tiles, graticule, city names; its scale bar; and the plane's squared paper.

import { latitude, longitude, mercator } from "./geo.js";
import { numbers } from "./dom.js";

const TILES_KEPT = 400;

function landPath(view) {
  const path = new Path2D(), pairs = numbers(view, Int16Array);
  for (let i = 0; i < pairs.length; ) {
    const count = pairs[i + 1];
    for (let k = 1; k <= count; k++) {
      const [x, y] = mercator(pairs[i + 2 * k] / 100, pairs[i + 2 * k + 1] / 100);
      if (k === 1) path.moveTo(x, y); else path.lineTo(x, y);
    }
    path.closePath();
    i += 2 * (count + 1);
  }
  return path;
}

const landOf = new WeakMap(); // by model: map and melt draw the same land

// Draws land where `toPixel` puts the Mercator square, `side` pixels wide.
export function landPainter(model) {
  return (c, [x, y], side) => {
    if (!model.get("land")?.byteLength) return;
    if (!landOf.has(model)) landOf.set(model, landPath(model.get("land")));
    const land = landOf.get(model);
    c.save();
    c.translate(x, y);
    c.scale(side, side);
    c.fillStyle = "#f4f2ec"; c.fill(land);
    c.lineWidth = 0.8 / side; c.strokeStyle = "#c9c4b6"; c.stroke(land);
    c.restore();
  };
}

export function mapPaper(model, again) {
  const drawLand = landPainter(model), tiles = new Map();
  return (c, pane) => {
    c.fillStyle = "#dde7ec";
    c.fillRect(...pane.sheet.span);
    drawLand(c, pane.toPixel(0, 0), pane.scale);
    if (model.get("tiles")) drawTiles(c, pane, model.get("tiles"), tiles, again);
    graticule(c, pane);
    cityNames(c, pane, model.get("cities") ?? []);
  };
}
// West, north, east and south end of the sheet in the unit square.
function corners(pane) {
  const [left, top, width, height] = pane.sheet.span;
  return [...pane.toUnit(left, top), ...pane.toUnit(left + width, top + height)];
}
function drawTiles(c, pane, address, cache, again) {
  const z = Math.max(0, Math.min(18, Math.round(Math.log2(pane.scale / 256)))), count = 2 ** z, side = pane.scale / count;
  const [x0, y0, x1, y1] = corners(pane);
  for (let x = Math.max(0, Math.floor(x0 * count)); x < Math.min(count, x1 * count); x++)
    for (let y = Math.max(0, Math.floor(y0 * count)); y < Math.min(count, y1 * count); y++) {
      const url = address.replace("{z}", z).replace("{x}", x).replace("{y}", y);
      let image = cache.get(url);
      if (!image) {
        image = new Image();
        image.onload = again;
        image.src = url;
        cache.set(url, image);
        if (cache.size > TILES_KEPT) cache.delete(cache.keys().next().value);
      }
      if (image.complete && image.naturalWidth) c.drawImage(image, ...pane.toPixel(x / count, y / count), side + 0.5, side + 0.5);
    }
}

function graticule(c, pane) {
  const degreesWide = (pane.width / pane.scale) * 360, step = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1].find((s) => degreesWide / s > 4) ?? 0.05;
  const [left, top, width, height] = pane.sheet.span, [x0, y0, x1, y1] = corners(pane);
  c.strokeStyle = "rgba(70,90,105,.16)";
  c.lineWidth = 1;
  c.beginPath();
  for (let lon = Math.ceil((longitude(x0)) / step) * step; lon <= longitude(x1); lon += step) {
    if (Math.abs(lon) > 180.001) continue;
    const [px] = pane.toPixel((lon + 180) / 360, 0);
    c.moveTo(px, top); c.lineTo(px, top + height);
  }
  for (let lat = Math.ceil(latitude(y1) / step) * step; lat <= latitude(y0); lat += step) {
    if (Math.abs(lat) > 85) continue;
    const [, py] = pane.toPixel(0, mercator(0, lat)[1]);
    c.moveTo(left, py); c.lineTo(left + width, py);
  }
  c.stroke();
}

function cityNames(c, pane, cities) {
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  c.lineJoin = "round";
  const [left, top, width, height] = pane.sheet.span, wanted = Math.min(22, (pane.width * pane.height) / 14000);
  const taken = [], most = Math.round((wanted * width * height) / (pane.width * pane.height));
  for (const [name, lon, lat] of cities) {
    if (taken.length >= most) break;
    const [x, y] = pane.toPixel(...mercator(lon, lat)), half = name.length * 3 + 8;
    if (x < left || y < top || x > left + width || y > top + height || isCut(pane, x, y, half)) continue;
    if (taken.some(([tx, ty, th]) => Math.abs(tx - x) < half + th + 12 && Math.abs(ty - y) < 20)) continue;
    taken.push([x, y, half]);
    c.fillStyle = "#7d8790";
    c.fillRect(x - 1.5, y - 1.5, 3, 3);
    c.strokeStyle = "rgba(255,255,255,.85)"; c.lineWidth = 3; c.strokeText(name, x + 5, y);
    c.fillStyle = "#5d6871"; c.fillText(name, x + 5, y);
  }
}

// Whether a name would stand on the edge of the pane, or on the line of scale and credit.
function isCut(pane, x, y, half) {
  const beside = x + 2 * half < 0 || x > pane.width || y < -10 || y > pane.height + 10;
  return !beside && (x < 4 || y < 10 || x > pane.width - 2 * half || y > pane.height - 26);
}

export const mapCredit = (model) => (model.get("tiles") ? model.get("tiles_credit") : "Natural Earth, GeoNames");

export function scaleBar(c, pane, credit) {
  const metres = (40075017 * Math.cos((latitude(pane.centre[1]) * Math.PI) / 180)) / pane.scale;
  const power = 10 ** Math.floor(Math.log10(metres * 110)), length = [5, 2, 1].map((f) => f * power).find((m) => m <= metres * 110) ?? power;
  const px = length / metres, y = pane.height - 12;
  c.strokeStyle = "#4a555e"; c.lineWidth = 2;
  c.beginPath(); c.moveTo(12, y - 5); c.lineTo(12, y); c.lineTo(12 + px, y); c.lineTo(12 + px, y - 5); c.stroke();
  c.font = "11px system-ui, sans-serif"; c.fillStyle = "#4a555e"; c.textBaseline = "alphabetic";
  c.fillText(length >= 1000 ? `${(length / 1000).toLocaleString("en")} km` : `${length} m`, 18, y - 4);
  c.lineWidth = 3; c.lineJoin = "round"; c.strokeStyle = "rgba(255,255,255,.7)";
  const beside = 12 + px + 16 + c.measureText(credit ?? "").width < pane.width - 8, line = beside ? pane.height - 8 : y - 24; // above the bar in a narrow pane
  c.textAlign = "right"; c.strokeText(credit ?? "", pane.width - 8, line); c.fillText(credit ?? "", pane.width - 8, line); c.textAlign = "left";
}

export function planePaper(c, pane) {
  c.fillStyle = "#fbfbfa";
  const [left, top, width, height] = pane.sheet.span;
  c.fillRect(left, top, width, height);
  c.strokeStyle = "rgba(70,90,105,.1)";
  c.lineWidth = 1;
  const step = 0.125 * pane.scale * 2 ** -Math.max(0, Math.floor(Math.log2(pane.scale / Math.min(pane.width, pane.height))));
  const [ox, oy] = pane.toPixel(0.5, 0.5);
  c.beginPath();
  for (let x = left + ((ox - left) % step); x < left + width; x += step) { c.moveTo(x, top); c.lineTo(x, top + height); }
  for (let y = top + ((oy - top) % step); y < top + height; y += step) { c.moveTo(left, y); c.lineTo(left + width, y); }
  c.stroke();
}

