// Clusters and labels where there is no Python, on the 8-bit vectors of one space in one season. The same steps as
// in seco_lab/explore (clusters.py, labelling.py), where they are explained; plain descent in place of a library.

const REST_CLASS = "rest";
const BACKGROUND = 300, BACKGROUND_LABELS = 5, STRENGTH = 10, SHORTLIST = 2000, FIT_ROWS = 20_000;
const DESCENT_STEPS = 400, CLUSTER_ROUNDS = 20;

// The same numbers each time: a page that is opened again shows the same.
function chance(state = 1) {
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
}
const dot = (a, b) => { let sum = 0; for (let d = 0; d < a.length; d++) sum += a[d] * b[d]; return sum; };

export class Directions {
  constructor(space, season) {
    Object.assign(this, { space, season, count: space.count, dims: space.dims });
    this.usable = Array.from({ length: this.count }, (_, i) => i).filter((i) => space.norms[season * this.count + i]);
    this.sample = this.usable.filter((_, k) => k % Math.max(1, Math.floor(this.usable.length / FIT_ROWS)) === 0);
    this.mean = new Float64Array(this.dims);
    this.spread = new Float64Array(this.dims);
    for (const i of this.sample) this.of(i).forEach((v, d) => { this.mean[d] += v / this.sample.length; });
    for (const i of this.sample) this.of(i).forEach((v, d) => { this.spread[d] += (v - this.mean[d]) ** 2 / this.sample.length; });
    this.spread = this.spread.map(Math.sqrt);
  }
  of(i) {
    const row = this.season * this.count + i, start = row * this.dims, norm = this.space.norms[row];
    return Float32Array.from(this.space.vectors.subarray(start, start + this.dims), (v) => v / norm);
  }
  // Weighted sums of each place's vector, plus a number; NaN where a place has none.
  scores(weights, bias) {
    const out = new Float32Array(this.count).fill(NaN), { vectors, norms } = this.space;
    for (const i of this.usable) {
      const row = this.season * this.count + i;
      let sum = 0;
      for (let d = 0, k = row * this.dims; d < this.dims; d++, k++) sum += vectors[k] * weights[d];
      out[i] = sum / norms[row] + bias;
    }
    return out;
  }
}

// Number of the cluster of each place, the largest first, -1 without a vector; and the sizes.
export function clustersOf(places, count) {
  const points = places.sample.map((i) => centred(places, i)), centres = firstCentres(points, count);
  for (let round = 0; round < CLUSTER_ROUNDS; round++) {
    const sums = centres.map(() => new Float64Array(places.dims));
    for (const point of points) { const sum = sums[nearestOf(point, centres)]; point.forEach((v, d) => { sum[d] += v; }); }
    sums.forEach((sum, k) => { const length = Math.hypot(...sum); if (length) centres[k] = sum.map((v) => v / length); });
  }
  const labels = new Int32Array(places.count).fill(-1), best = new Float32Array(places.count).fill(-Infinity), sizes = centres.map(() => 0);
  centres.forEach((centre, k) => places.scores(centre, -dot(centre, places.mean)).forEach((score, i) => { if (score > best[i]) { best[i] = score; labels[i] = k; } }));
  for (const k of labels) if (k >= 0) sizes[k]++;
  const order = [...sizes.keys()].sort((a, b) => sizes[b] - sizes[a]), rank = order.map((_, k) => order.indexOf(k));
  return { labels: labels.map((k) => (k < 0 ? -1 : rank[k])), sizes: order.map((k) => sizes[k]) };
}
function centred(places, i) {
  const rest = places.of(i).map((v, d) => v - places.mean[d]), length = Math.hypot(...rest) || 1;
  return rest.map((v) => v / length);
}
function nearestOf(point, centres) {
  let best = 0, most = -Infinity;
  centres.forEach((centre, k) => { const near = dot(point, centre); if (near > most) { most = near; best = k; } });
  return best;
}
// Each further centre is drawn the likelier the farther a point is from those before (k-means++).
function firstCentres(points, count) {
  const draw = chance(), centres = [points[Math.floor(draw() * points.length)]], far = points.map(() => Infinity);
  while (centres.length < count) {
    points.forEach((point, k) => { far[k] = Math.min(far[k], Math.max(0, 1 - dot(point, centres[centres.length - 1]))); });
    let left = draw() * far.reduce((a, b) => a + b, 0);
    const next = far.findIndex((f) => (left -= f) <= 0 && f > 0);
    centres.push(points[next < 0 ? Math.floor(draw() * points.length) : next]);
  }
  return centres;
}

// What few labels, pairs of place and class name, say of all places: names of classes, the best one of each place, how
// doubtful it is (0 to 1, NaN without a vector), and the place to ask about next; null where there is nothing to learn.
export function learnedFrom(places, labels) {
  const known = labels.filter(([i]) => places.space.norms[places.season * places.count + i]);
  if (!known.some(([, name]) => name !== REST_CLASS)) return null;
  const { rows, names, weights } = trainingSet(places, known), classes = [...new Set(names)].sort();
  if (classes.length < 2) return null;
  const models = fitted(places, rows, names.map((name) => classes.indexOf(name)), weights, classes.length);
  const { best, doubt } = judged(models.map(({ weights: w, bias }) => places.scores(w, bias)), places.count);
  return { classes, best, doubt, next: mostUseful(places, doubt, labels.map(([i]) => i)) };
}
function trainingSet(places, known) {
  const rows = known.map(([i]) => i), names = known.map(([, name]) => name), counts = rows.map(() => 1), taken = new Set(rows);
  if (new Set(names).size === 1 || names.includes(REST_CLASS)) {
    const draw = chance(7), others = new Set();
    const wanted = Math.min(BACKGROUND, places.usable.length - rows.length);
    while (others.size < wanted) { const i = places.usable[Math.floor(draw() * places.usable.length)]; if (!taken.has(i)) others.add(i); }
    for (const i of others) { rows.push(i); names.push(REST_CLASS); counts.push(BACKGROUND_LABELS / wanted); }
  }
  const total = (name) => names.reduce((sum, other, k) => sum + (other === name ? counts[k] : 0), 0);
  const totals = Object.fromEntries([...new Set(names)].map((name) => [name, total(name)]));
  return { rows, names, weights: counts.map((count, k) => count / totals[names[k]]) };
}
// Logistic regression by accelerated descent: one row of weights for two classes, one a class for more.
function fitted(places, rows, targets, weights, classes) {
  const alive = places.spread.filter((s) => s > 1e-6).length, per = places.spread.map((s) => (s > 1e-6 ? 1 / (s * Math.sqrt(Math.max(1, alive))) : 0));
  const features = rows.map((i) => places.of(i).map((v, d) => (v - places.mean[d]) * per[d])), models = classes === 2 ? 1 : classes, { dims } = places;
  const penalty = 1 / (STRENGTH * rows.length), steepest = 0.5 * classes * (1 + Math.max(...features.map((f) => dot(f, f)))) + penalty;
  let now = Array.from({ length: models }, () => new Float64Array(dims + 1)), ahead = now.map((w) => w.slice());
  for (let step = 1; step <= DESCENT_STEPS; step++) {
    const slopes = ahead.map((w) => w.map((v, d) => (d < dims ? penalty * v : 0)));
    features.forEach((feature, k) => {
      const chances = chancesOf(ahead.map((w) => dot(feature, w) + w[dims]));
      slopes.forEach((slope, m) => {
        const miss = weights[k] * (chances[models === 1 ? 1 : m] - Number(targets[k] === (models === 1 ? 1 : m)));
        for (let d = 0; d < dims; d++) slope[d] += miss * feature[d];
        slope[dims] += miss;
      });
    });
    const next = ahead.map((w, m) => w.map((v, d) => v - slopes[m][d] / steepest)), push = step / (step + 3);
    ahead = next.map((w, m) => w.map((v, d) => v + push * (v - now[m][d])));
    now = next;
  }
  return now.map((w) => {
    const folded = Float64Array.from(per, (p, d) => p * w[d]);
    return { weights: folded, bias: w[dims] - dot(folded, places.mean) };
  });
}
// Probabilities of all classes from one score (of the second of two) or one a class.
function chancesOf(scores) {
  if (scores.length === 1) { const second = 1 / (1 + Math.exp(-scores[0])); return [1 - second, second]; }
  const top = Math.max(...scores), powers = scores.map((s) => Math.exp(s - top)), sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}
function judged(scores, count) {
  const best = new Int32Array(count).fill(-1), doubt = new Float32Array(count).fill(NaN);
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(scores[0][i])) continue;
    const chances = chancesOf(scores.map((row) => row[i])), [first, second] = [...chances].sort((a, b) => b - a);
    best[i] = chances.indexOf(first);
    doubt[i] = 1 - (first - second);
  }
  return { best, doubt };
}
// Of the most doubtful places the one that least resembles any labelled so far.
function mostUseful(places, doubt, labelled) {
  const taken = new Set(labelled), known = labelled.filter((i) => places.space.norms[places.season * places.count + i]).map((i) => places.of(i));
  const some = places.usable.filter((i) => !taken.has(i)).sort((a, b) => doubt[b] - doubt[a]).slice(0, SHORTLIST);
  const worth = (i) => { const here = places.of(i); return doubt[i] * (1 - Math.max(-1, ...known.map((other) => dot(here, other)))); };
  return some.map((i) => [worth(i), i]).reduce((top, one) => (one[0] > top[0] ? one : top), [-1, -1])[1];
}
