// The training dashboard: numbers, curves, current views, and a Stop button that works while a cell is running.

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#4d4d4d"];
const short = (v) => (v !== 0 && (Math.abs(v) < 0.01 || Math.abs(v) >= 1e5) ? v.toExponential(1) : Number(v.toPrecision(3)).toLocaleString("en"));

// With as many digits as it takes to tell the ticks of an axis apart.
function tick(value, span) {
  const digits = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(span))));
  const plain = value === 0 || (span >= 1e-4 && Math.abs(value) >= 0.01 && Math.abs(value) < 1e5);
  return !plain ? value.toExponential(1) : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// A busy kernel answers no message, but its server does: interrupting is a request to the server.
async function interrupt(kernel) {
  const settings = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
  const base = settings.baseUrl ?? document.body?.dataset?.baseUrl ?? "/";
  const headers = {};
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("_xsrf="));
  if (cookie) headers["X-XSRFToken"] = decodeURIComponent(cookie.slice(6));
  if (settings.token) headers.Authorization = `token ${settings.token}`;
  const answer = await fetch(`${base}api/kernels/${kernel}/interrupt`, { method: "POST", credentials: "same-origin", headers });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
}

function drawPanel(canvas, lines) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2), w = canvas.clientWidth || 260, h = canvas.clientHeight || 110;
  canvas.width = w * ratio; canvas.height = h * ratio;
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  c.clearRect(0, 0, w, h);
  const steps = lines.flatMap((l) => l.steps), values = lines.flatMap((l) => l.values);
  if (!values.length) return;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  low -= pad; high += pad;
  const first = Math.min(...steps), last = Math.max(...steps), left = 40, right = 8;
  const x = (s) => left + ((s - first) / Math.max(last - first, 1e-9)) * (w - left - right), y = (v) => 6 + ((high - v) / (high - low)) * (h - 22);
  c.font = "10px system-ui, sans-serif"; c.fillStyle = "#66727b"; c.strokeStyle = "#e3e7ea"; c.textBaseline = "middle";
  for (const value of [low + pad, (low + high) / 2, high - pad]) {
    c.beginPath(); c.moveTo(left, y(value)); c.lineTo(w - right, y(value)); c.stroke();
    c.textAlign = "right"; c.fillText(tick(value, high - low), left - 5, y(value));
  }
  c.fillText(`step ${last}`, w - right, h - 5);
  lines.forEach((line, i) => {
    c.beginPath(); c.lineWidth = 1.7; c.lineJoin = "round"; c.strokeStyle = COLOURS[i % COLOURS.length];
    line.steps.forEach((s, k) => (k ? c.lineTo(x(s), y(line.values[k])) : c.moveTo(x(s), y(line.values[k]))));
    c.stroke();
    const end = line.values.length - 1;
    c.beginPath(); c.arc(x(line.steps[end]), y(line.values[end]), 2.5, 0, 7); c.fillStyle = c.strokeStyle; c.fill();
  });
}

async function render({ model, el }) {
  await giveEars(model);
  el.classList.add("sd-root");
  const status = node("p", { class: "sd-status", role: "status" });
  const numbers = node("div", { class: "sd-numbers" }), panels = node("div", { class: "sd-panels" });
  const bars = node("div", { class: "sd-bars", hidden: "" });
  const bar = node("progress", { max: 1, value: 0, "aria-label": "Steps done" });
  const picture = node("img", { class: "sd-views", alt: "Views of the current batch", hidden: "" });
  const stop = node("button", { type: "button", class: "sd-stop", onclick: async () => {
    stop.disabled = true;
    status.textContent = "Stopping after this step ...";
    model.set("stop_requested", true); // heard by loops that let the kernel breathe
    model.save_changes();
    try { await interrupt(model.get("kernel_id")); }
    catch (error) { status.textContent = `Stop could not reach the server (${error.message}): use the notebook's own stop button, ■.`; stop.disabled = false; }
  } }, "■ Stop");
  const known = new Map();
  const panel = (title) => {
    if (!known.has(title)) {
      const canvas = node("canvas", { role: "img" }), keys = node("div", { class: "sd-keys" });
      panels.append(node("figure", {}, node("figcaption", {}, title), keys, canvas));
      known.set(title, { canvas, keys });
    }
    return known.get(title);
  };
  const draw = () => {
    for (const { title, lines } of model.get("panels")) {
      const { canvas, keys } = panel(title);
      keys.replaceChildren(...lines.map((line, i) => node("span", { style: `color:${COLOURS[i % COLOURS.length]}` },
        `${lines.length > 1 ? line.name + " " : ""}${short(line.values[line.values.length - 1])}`)));
      canvas.setAttribute("aria-label", `${title}: ${lines.map((l) => `${l.name} now ${short(l.values[l.values.length - 1])}`).join(", ")}`);
      drawPanel(canvas, lines);
    }
  };
  // A probe may do worse than guessing; below 0 there is nothing to draw.
  const measure = () => {
    bars.replaceChildren(...model.get("bars").map(({ title, low, high, bars: rows }) => node("figure", {}, node("figcaption", {}, title),
      ...rows.map(({ name, value }) => {
        const filled = node("i");
        filled.style.width = `${100 * Math.min(Math.max(value, 0), 1)}%`;
        return node("div", { class: "sd-bar", "aria-label": `${name}: ${short(value)}` }, node("span", {}, name), node("div", {}, filled), node("b", {}, short(value)));
      }),
      node("p", {}, `0 ${low}, 1 ${high}`))));
    bars.hidden = !model.get("bars").length;
  };
  const show = () => {
    numbers.replaceChildren(...model.get("numbers").map(([name, value]) => node("div", {}, node("span", {}, name), node("b", {}, value))));
    bar.value = model.get("progress");
  };
  const tell = () => {
    status.textContent = model.get("status");
    stop.hidden = !model.get("running");
    if (model.get("running")) stop.disabled = false;
  };
  const views = () => { picture.hidden = !model.get("views"); if (model.get("views")) picture.src = model.get("views"); };
  el.append(node("div", { class: "sd-head" }, stop, numbers), bar, bars, panels, picture, status);
  const watched = { panels: draw, bars: measure, numbers: show, progress: show, status: tell, running: tell, views };
  for (const [name, react] of Object.entries(watched)) model.on(`change:${name}`, react);
  const watcher = new ResizeObserver(draw);
  watcher.observe(panels);
  draw(); measure(); show(); tell(); views();
  return () => {
    watcher.disconnect();
    for (const [name, react] of Object.entries(watched)) model.off(`change:${name}`, react);
  };
}

export default { render };
