// One embedding space as it lies in a page: planes, colours and 8-bit vectors, and the cosines of these.

const LESS = 0.25; // how much an example of what is not wanted counts; as in Python

export function unpack(text, Kind) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Kind(bytes.buffer);
}

export class StaticSpace {
  constructor({ planes, vectors, dims, tints }, { count, season_labels }) {
    Object.assign(this, { count, dims, seasons: season_labels.length, planes: unpack(planes, Uint16Array), vectors: unpack(vectors, Int8Array) });
    this.tints = Object.fromEntries(Object.entries(tints).map(([name, text]) => [name, unpack(text, Uint8Array)]));
    this.norms = this.lengths();
  }
  plane(season) { return this.planes.slice(2 * this.count * season, 2 * this.count * (season + 1)); }
  path(i) {
    return Array.from({ length: this.seasons }, (_, s) => {
      const k = 2 * (s * this.count + i);
      return this.planes[k] === 65535 ? null : [this.planes[k] / 65535, this.planes[k + 1] / 65535];
    });
  }
  lengths() {
    const { dims } = this, norms = new Float32Array(this.count * this.seasons);
    for (let r = 0; r < norms.length; r++) {
      let sum = 0;
      for (let d = r * dims; d < (r + 1) * dims; d++) sum += this.vectors[d] ** 2;
      norms[r] = Math.sqrt(sum);
    }
    return norms;
  }
  // Direction towards some places and away from others; null where none of the first has a vector.
  query(more, less, season) {
    const near = this.mean(more, season), away = this.mean(less, season);
    if (!near) return null;
    const query = away ? near.map((value, d) => value - LESS * away[d]) : near;
    const length = Math.hypot(...query) || 1;
    return query.map((value) => value / length);
  }
  mean(rows, season) {
    const sum = new Float64Array(this.dims), known = rows.map((i) => season * this.count + i).filter((r) => this.norms[r]);
    for (const r of known) for (let d = 0; d < this.dims; d++) sum[d] += this.vectors[r * this.dims + d] / this.norms[r] / known.length;
    return known.length ? sum : null;
  }
  // Cosine of every place to a direction; NaN where a place has no embedding.
  cosines(query, season) {
    const { count, dims } = this, cosine = new Float32Array(count).fill(NaN);
    for (let i = 0, r = season * count; i < count; i++, r++) {
      if (!this.norms[r]) continue;
      let sum = 0;
      for (let d = 0, k = r * dims; d < dims; d++, k++) sum += this.vectors[k] * query[d];
      cosine[i] = sum / this.norms[r];
    }
    return cosine;
  }
}

function percentiles(values) {
  const sorted = values.filter(Number.isFinite).sort();
  return [sorted[Math.floor(0.02 * (sorted.length - 1))] ?? 0, sorted[Math.ceil(0.98 * (sorted.length - 1))] ?? 1];
}

// Numbers as colours between two limits, their 2nd and 98th percentile by default, grey where unknown; and the legend.
export function paintScale(values, ramp, colours, [low, high] = percentiles(values)) {
  const tint = new Uint8Array(3 * values.length).fill(170);
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    const step = Math.round(255 * Math.min(1, Math.max(0, (value - low) / Math.max(high - low, 1e-9))));
    tint.set(ramp.subarray(3 * step, 3 * step + 3), 3 * i);
  });
  return [tint, { kind: "scale", low, high, colours }];
}
