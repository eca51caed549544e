// Millions of points by WebGL2: between two layers of positions, coloured, the ones that are not meant dimmed.

const VERTEX = `#version 300 es
precision highp int;
in vec2 before; in vec2 after; in vec3 colour; in float state;
uniform vec4 from, to;
uniform vec2 limits, centre, scale;
uniform float progress, stagger, size, drawn;
out vec3 tint;
void main() {
  float late = float(uint(gl_VertexID) * 2654435761u) / 4294967296.0;
  float t = clamp(progress * (1.0 + stagger) - stagger * late, 0.0, 1.0);
  vec2 at = mix(before * from.xy + from.zw, after * to.xy + to.zw, t * t * (3.0 - 2.0 * t));
  vec2 seen = (at - centre) * scale;
  bool missing = before.x > limits.x || after.x > limits.y || abs(state - drawn) > 0.5;
  gl_Position = missing ? vec4(9.0, 9.0, 9.0, 1.0) : vec4(seen.x, -seen.y, 0.0, 1.0);
  gl_PointSize = size;
  tint = drawn > 0.5 ? mix(colour, vec3(0.85, 0.86, 0.87), 0.86) : colour;
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

const ATTRIBUTES = ["before", "after", "colour", "state"];
const UNIFORMS = ["from", "to", "limits", "centre", "scale", "progress", "stagger", "size", "drawn", "disc"];

let card = null;
// What draws in this browser, found out once. Throws where there is no WebGL2.
export function cardName() {
  if (card !== null) return card;
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) throw new Error("this browser offers no WebGL2");
  const told = gl.getExtension("WEBGL_debug_renderer_info"); // Firefox tells without it
  card = String(gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return card;
}

export class GlPoints {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    if (!gl) throw new Error("this browser offers no WebGL2");
    this.gl = gl;
    this.program = this.link(VERTEX, FRAGMENT);
    this.at = Object.fromEntries(ATTRIBUTES.map((name) => [name, gl.getAttribLocation(this.program, name)]));
    this.uniform = Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(this.program, name)]));
    this.buffers = Object.fromEntries(ATTRIBUTES.map((name) => [name, gl.createBuffer()]));
    this.held = {};
    this.order = gl.createBuffer();
    this.ordered = 0;
    this.count = 0;
  }
  link(vertex, fragment) {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    // The one question that waits: what a shader is called wrong for is in the program's log as well.
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "program");
    return program;
  }
  upload(name, array) {
    if (this.held[name] === array) return;
    this.held[name] = array;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }
  positions(before, after) {
    Object.assign(this, { before, after, count: after.array.length / 2 });
    this.upload("after", after.array);
    if (before.array !== after.array) this.upload("before", before.array);
  }
  colours(array) { this.upload("colour", array); }
  // One byte a point: 0 as it is, 1 dimmed, 2 hidden; null where all are as they are.
  states(array) {
    this.marked = array;
    if (array) this.upload("state", array);
  }
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
  point(name, buffer, width, kind, normalised) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[buffer]);
    gl.enableVertexAttribArray(this.at[name]);
    gl.vertexAttribPointer(this.at[name], width, kind, normalised, 0, 0);
  }
  draw(view) {
    const gl = this.gl;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.count) return;
    gl.useProgram(this.program);
    this.bind();
    this.place(view);
    // What is dimmed goes below: a crowd of grey points must not hide the few that were chosen.
    for (const drawn of this.marked ? [1, 0] : [0]) {
      gl.uniform1f(this.uniform.drawn, drawn);
      this.drawSome(view.budget);
    }
  }
  bind() {
    const gl = this.gl, kind = (layer) => (layer.small ? gl.UNSIGNED_SHORT : gl.FLOAT);
    const { before, after } = this;
    this.point("before", before.array === after.array ? "after" : "before", 2, kind(before), before.small);
    this.point("after", "after", 2, kind(after), after.small);
    this.point("colour", "colour", 3, gl.UNSIGNED_BYTE, true);
    if (this.marked) this.point("state", "state", 1, gl.UNSIGNED_BYTE, false);
    else { gl.disableVertexAttribArray(this.at.state); gl.vertexAttrib1f(this.at.state, 0); }
    gl.uniform4f(this.uniform.from, ...before.scale, ...before.shift);
    gl.uniform4f(this.uniform.to, ...after.scale, ...after.shift);
    gl.uniform2f(this.uniform.limits, before.limit, after.limit);
  }
  place({ centre, scale, size, progress, stagger }) {
    const gl = this.gl, disc = size > 3.5;
    gl.uniform2f(this.uniform.centre, ...centre);
    gl.uniform2f(this.uniform.scale, ...scale);
    gl.uniform1f(this.uniform.progress, progress);
    gl.uniform1f(this.uniform.stagger, stagger);
    gl.uniform1f(this.uniform.size, size);
    gl.uniform1f(this.uniform.disc, disc ? 1 : 0);
    if (disc) { gl.enable(gl.BLEND); gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA); } else gl.disable(gl.BLEND);
  }
  drawSome(budget) {
    const gl = this.gl;
    if (budget >= this.count) { gl.drawArrays(gl.POINTS, 0, this.count); return; }
    this.shuffle();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.order);
    gl.drawElements(gl.POINTS, budget, gl.UNSIGNED_INT, 0);
  }
  // Calls back once the picture is there, and meanwhile holds nothing up.
  whenDrawn(react) {
    const gl = this.gl, fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    const look = () => {
      if (gl.isContextLost()) return;
      if (gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED) { setTimeout(look, 4); return; }
      gl.deleteSync(fence);
      react();
    };
    setTimeout(look, 0);
  }
  // Waits until the picture is there: the only honest way to time a frame.
  finish() { this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4)); }
  dispose() { this.gl.getExtension("WEBGL_lose_context")?.loseContext(); }
}
