// Stands behind the module of MapLibre's widget, whose view it calls DrawnMap. That module carries out a list of
// calls once the map is loaded and others as they come; what is called while the page loads is lost or refused.
// Here a view asks Python for the whole list, waits with calls until its map is loaded, and makes each one once.

const ANSWER_MS = 3000; // after which a map whose kernel is silent shows what the page itself knows

const adding = { removeLayer: "addLayer", removeSource: "addSource" };
const nameOf = (method, first) => `${method} ${first?.id ?? first}`;
const keyOf = ([method, [first]]) => nameOf(adding[method] ?? method, first);

class Calls {
  constructor(model) { Object.assign(this, { model, done: new Map(), early: [], loaded: false, whole: null }); }
  // What the module of the widget sees of its model.
  seen() {
    const { model } = this;
    return {
      get: (name) => (name === "calls" ? [] : model.get(name)),
      set: (name, value) => { model.set(name, value); if (name === "_rendered") this.begin(); },
      on: (event, react) => {
        if (event !== "msg:custom") { model.on(event, react); return; }
        this.react = react;
        model.on(event, (content) => this.hear(content));
        model.send({ ask: "calls" });
      },
      save_changes: () => model.save_changes(),
    };
  }
  begin() {
    if (this.gone) return;
    this.loaded = true;
    if (this.whole) this.follow(this.whole);
    else setTimeout(() => { if (!this.whole) this.follow(this.model.get("calls")); }, ANSWER_MS);
  }
  hear({ whole, calls }) {
    if (whole) { this.whole = whole; if (this.loaded) this.follow(whole); else this.early = []; }
    else if (this.began) calls.forEach((call) => this.make(call));
    else this.early.push(...calls);
  }
  // From whatever is shown to what a list asks for, layers in its order.
  follow(list) {
    const wanted = new Set(list.map(keyOf)), gone = (method) => [...this.done.values()].filter((call) => call[0] === method && !wanted.has(keyOf(call)));
    for (const [, [layer]] of gone("addLayer")) this.make(["removeLayer", [layer.id]]);
    for (const [, [source]] of gone("addSource")) this.make(["removeSource", [source]]);
    list.forEach((call, k) => {
      const above = call[0] === "addLayer" && list.slice(k + 1).find((other) => other[0] === "addLayer" && this.done.has(keyOf(other)));
      this.make(above ? ["addLayer", [call[1][0], above[1][0].id]] : call);
    });
    this.began = true;
    this.early.splice(0).forEach((call) => this.make(call));
  }
  // The module leaves its map behind, and a browser that has made sixteen takes the oldest away, shown or not.
  dispose() {
    this.gone = true;
    this.react({ calls: [["remove", []]] });
  }
  make(call) {
    if (this.gone) return;
    const key = keyOf(call), removes = call[0] in adding;
    if (this.done.has(key) !== removes) return;
    if (removes) this.done.delete(key); else this.done.set(key, call);
    this.react({ calls: [call] });
  }
}

async function render({ model, el }) {
  await giveEars(model);
  const calls = new Calls(model);
  DrawnMap.render({ model: calls.seen(), el });
  return () => calls.dispose();
}

export default { render };
