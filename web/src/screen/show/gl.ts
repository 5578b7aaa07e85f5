import { type Quads, STRIDE } from './quads';
import type { Surface } from './surface';

const VERTEX = `#version 300 es
layout(location = 0) in vec4 place;
layout(location = 1) in vec2 where;
layout(location = 2) in vec2 size;
layout(location = 3) in vec4 color;
uniform vec4 spin;   // cos and sin of the turn, of the tilt
uniform vec4 globe;  // radius across, radius up, em, alpha
uniform vec4 stage;  // 1 / size of the names' texture; half a far dot
uniform vec2 hero;   // 1 / size of the winners' texture
uniform vec3 view;   // middle of the stage in the frame, and its scale
uniform vec4 box;    // middle and half size of the canvas in the frame
out vec2 at;
out vec4 tint;
flat out int kind;
void main() {
  int word = int(place.w);
  int corner = word & 3;
  kind = word >> 2;
  vec2 side = vec2(corner == 1 || corner == 2 ? 1. : -1., corner > 1 ? -1. : 1.);
  vec2 q = place.xy;
  tint = color;
  at = where * (kind == 2 ? hero : stage.xy);
  if (kind == 0) {
    vec3 p = vec3(place.x * spin.x + place.z * spin.y, place.y, place.z * spin.x - place.x * spin.y);
    p = vec3(p.x, p.y * spin.z - p.z * spin.w, p.z * spin.z + p.y * spin.w);
    float near = 2.6 / (3.4 - p.z);
    vec3 across = normalize(vec3(p.z + 1e-4, 0., -p.x));
    vec3 up = cross(p, across);
    q = p.xy * globe.xy * near;
    float front = smoothstep(-.05, .35, p.z);
    if (p.z > -.05 && size.x > 0.) {
      q += (across.xy * side.x * size.x + up.xy * side.y * size.y) * globe.z * near;
      tint.a *= (.2 + .8 * front * front) * globe.w;
    } else {
      q += side * stage.z * (p.z > 0. ? 1.5 : 1.) * near;
      kind = 3;
      tint.a *= (size.x > 0. ? .34 : .4 + .3 * front) * globe.w * near;
    }
  }
  q = q * view.z + view.xy;
  gl_Position = vec4((q - box.xy) / box.zw, 0., 1.);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in highp vec2 at;
in vec4 tint;
flat in int kind;
uniform sampler2D names;
uniform sampler2D heroes;
out vec4 color;
void main() {
  float ink = tint.a;
  if (kind == 2) ink *= texture(heroes, at).r;
  else if (kind != 3) ink *= texture(names, at).r;
  color = vec4(tint.rgb * ink, ink);
}`;

const BACK_VERTEX = `#version 300 es
uniform vec4 part;   // corner and size of the canvas in the background
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 2. : 0., gl_VertexID == 2 ? 2. : 0.);
  at = part.xy + corner * part.zw;
  gl_Position = vec4(corner * 2. - 1., 0., 1.);
}`;

const BACK_FRAGMENT = `#version 300 es
precision mediump float;
in highp vec2 at;
uniform sampler2D back;
out vec4 color;
void main() {
  color = texture(back, at);
}`;

/** Two triangles of a quad. */
const CORNERS = [0, 1, 2, 0, 2, 3] as const;

/** Width of both textures; every WebGL 2 takes as much on our machines, others fall back. */
export const TEXTURE = 4096;

export interface Look {
  turn: number;
  tilt: number;
  across: number;
  up: number;
  em: number;
  alpha: number;
}

/** Part of the frame that the stage takes, from the top left, each from 0 to 1. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Middle and scale of a region, in half heights of the frame. */
export function viewOf({ x, y, width, height }: Region, aspect: number): [number, number, number] {
  return [(2 * x + width - 1) * aspect, 1 - 2 * y - height, height];
}

function compiled(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type);
  if (shader === null) throw new Error('no shader');
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** Names as one geometry in one draw call, over a background that is copied. Throws where there is no WebGL 2. */
export class Renderer {
  private readonly gl: WebGL2RenderingContext;
  private readonly program: WebGLProgram;
  private readonly backProgram: WebGLProgram;
  private readonly places = new Map<string, WebGLUniformLocation | null>();
  private readonly buffer: WebGLBuffer;
  private readonly order: WebGLBuffer;
  private back: WebGLTexture;
  private names: WebGLTexture;
  private heroes: WebGLTexture;
  private namesHeight = 1;
  private heroesHeight = 1;
  private backWidth = 0;
  private backHeight = 0;
  /** Quads that stay from frame to frame, at the front of the buffer. */
  private fixed = 0;
  private room = 0;
  /** Rendered by the processor: pixels are dear. */
  readonly software: boolean;

  constructor(readonly canvas: Surface) {
    const gl = canvas.getContext('webgl2', {
      alpha: false,
      antialias: false,
      depth: false,
      powerPreference: 'high-performance',
    }) as WebGL2RenderingContext | null;
    if (gl === null || gl.getParameter(gl.MAX_TEXTURE_SIZE) < TEXTURE) throw new Error('no WebGL 2');
    this.gl = gl;
    const about = gl.getExtension('WEBGL_debug_renderer_info');
    const name = String(gl.getParameter(about ? about.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    this.software = /swiftshader|llvmpipe|software|basic render/i.test(name);
    this.program = this.linked(VERTEX, FRAGMENT, ['spin', 'globe', 'stage', 'hero', 'view', 'box']);
    this.backProgram = this.linked(BACK_VERTEX, BACK_FRAGMENT, ['part']);
    this.buffer = gl.createBuffer();
    this.order = gl.createBuffer();
    this.back = this.texture(1, 1, gl.RGBA8);
    this.names = this.texture(1, 1, gl.R8);
    this.heroes = this.texture(1, 1, gl.R8);
    gl.useProgram(this.program);
    gl.uniform1i(gl.getUniformLocation(this.program, 'names'), 0);
    gl.uniform1i(gl.getUniformLocation(this.program, 'heroes'), 1);
    gl.useProgram(this.backProgram);
    gl.uniform1i(gl.getUniformLocation(this.backProgram, 'back'), 2);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  private linked(vertex: string, fragment: string, uniforms: readonly string[]): WebGLProgram {
    const { gl } = this;
    const program = gl.createProgram();
    gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, vertex));
    gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, fragment));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS))
      throw new Error(gl.getProgramInfoLog(program) ?? 'no program');
    for (const one of uniforms) this.places.set(one, gl.getUniformLocation(program, one));
    return program;
  }

  private place(name: string): WebGLUniformLocation | null {
    return this.places.get(name) ?? null;
  }

  private texture(width: number, height: number, format: number): WebGLTexture {
    const { gl } = this;
    const made = gl.createTexture();
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D, made);
    gl.texStorage2D(gl.TEXTURE_2D, 1, format, width, height);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    return made;
  }

  /** A texture for names that is filled strip by strip and shown when it is whole. */
  filling(height: number): {
    strip(image: Surface, top: number): void;
    show(as: 'names' | 'heroes'): void;
  } {
    const { gl } = this;
    const made = this.texture(TEXTURE, height, gl.R8);
    return {
      strip: (image, top) => {
        gl.activeTexture(gl.TEXTURE2);
        gl.bindTexture(gl.TEXTURE_2D, made);
        gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, top, gl.RED, gl.UNSIGNED_BYTE, image);
      },
      show: (as) => {
        gl.deleteTexture(this[as]);
        this[as] = made;
        if (as === 'names') this.namesHeight = height;
        else this.heroesHeight = height;
      },
    };
  }

  /** The background of the whole frame. */
  backdrop(image: Surface): void {
    const { gl } = this;
    gl.deleteTexture(this.back);
    this.back = this.texture(image.width, image.height, gl.RGBA8);
    this.backWidth = image.width;
    this.backHeight = image.height;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
  }

  /** Sets the quads that stay, and room for those of each frame. */
  keep(fixed: Quads | null, most: number): void {
    const { gl } = this;
    this.fixed = fixed?.count ?? 0;
    this.room = this.fixed + most;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, this.room * 4 * STRIDE, gl.DYNAMIC_DRAW);
    if (fixed !== null) gl.bufferSubData(gl.ARRAY_BUFFER, 0, fixed.floats, 0, fixed.count * STRIDE);
    const layout = [
      [4, gl.FLOAT, 0],
      [2, gl.FLOAT, 16],
      [2, gl.FLOAT, 24],
      [4, gl.UNSIGNED_BYTE, 32],
    ] as const;
    layout.forEach(([count, type, offset], i) => {
      gl.enableVertexAttribArray(i);
      gl.vertexAttribPointer(i, count, type, type === gl.UNSIGNED_BYTE, STRIDE, offset);
    });
    const order = new Uint32Array(this.room * 6);
    for (let i = 0, at = 0; i < this.room; i++) for (const corner of CORNERS) order[at++] = 4 * i + corner;
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.order);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.STATIC_DRAW);
  }

  /** Gives the canvas the size of its part of the frame, in pixels of the background. */
  private cover(part: Region): Region {
    const { canvas, backWidth: w, backHeight: h } = this;
    const x = Math.round(part.x * w);
    const y = Math.round(part.y * h);
    const width = Math.max(1, Math.min(w, Math.round((part.x + part.width) * w)) - x);
    const height = Math.max(1, Math.min(h, Math.round((part.y + part.height) * h)) - y);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    return { x: x / w, y: y / h, width: width / w, height: height / h };
  }

  /** One frame: the background, then everything else in one call; without `look` the quads that stay are left out. */
  draw(part: Region, region: Region, look: Look | null, quads: Quads): void {
    const { gl, canvas } = this;
    const box = this.cover(part);
    const aspect = this.backWidth / this.backHeight;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D, this.back);
    gl.useProgram(this.backProgram);
    gl.uniform4f(this.place('part'), box.x, 1 - box.y - box.height, box.width, box.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const count = Math.min(quads.count, this.room - this.fixed);
    const first = look === null ? this.fixed : 0;
    if (this.fixed + count <= first) return;
    if (count > 0)
      gl.bufferSubData(gl.ARRAY_BUFFER, this.fixed * 4 * STRIDE, quads.floats, 0, count * STRIDE);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.names);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.heroes);
    gl.useProgram(this.program);
    const { turn = 0, tilt = 0, across = 1, up = 1, em = 0, alpha = 0 } = look ?? {};
    gl.uniform4f(this.place('spin'), Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt));
    gl.uniform4f(this.place('globe'), across, up, em, alpha);
    gl.uniform4f(this.place('stage'), 1 / TEXTURE, 1 / this.namesHeight, Math.max(0.0022, em * 0.12), 0);
    gl.uniform2f(this.place('hero'), 1 / TEXTURE, 1 / this.heroesHeight);
    const [x, y, scale] = viewOf(region, aspect);
    gl.uniform3f(this.place('view'), x, y, scale);
    const [boxX, boxY, high] = viewOf(box, aspect);
    gl.uniform4f(this.place('box'), boxX, boxY, box.width * aspect, high);
    gl.enable(gl.BLEND);
    gl.drawElements(gl.TRIANGLES, (this.fixed + count - first) * 6, gl.UNSIGNED_INT, first * 24);
    gl.disable(gl.BLEND);
  }

  /** Gives memory back; the canvas cannot be used again. */
  end(): void {
    this.gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}
