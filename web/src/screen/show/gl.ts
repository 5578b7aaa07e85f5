import { type Quads, STRIDE } from './quads';
import { BACK_FRAGMENT, BACK_VERTEX, FRAGMENT, SECTORS, VERTEX } from './shaders';
import type { Surface } from './surface';

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

/** How far names stand over the outline of the globe, where they are turned aside, in em. */
const OVERHANG = 1.6;
/** Outline of the globe under its perspective, as a part of its radius. */
const OUTLINE = 0.8;

/** A linked program, and where its uniforms are. */
interface Program {
  made: WebGLProgram;
  at(name: string): WebGLUniformLocation | null;
}

/** What the last frame left on the canvas. */
interface Left {
  /** Light on the background, and in the dark the part that is no plain colour. */
  light: number;
  spot: Region | null;
  /** Uniforms that placed its quads. */
  view: readonly [number, number, number];
  /** Quads that were of that frame alone: they are still in the buffer. */
  count: number;
  /** Ellipse that held the globe, if there was one: middle and radii, from −1 to 1 over the canvas. */
  globe: Ellipse | null;
}

export type Ellipse = readonly [number, number, number, number];
/** Holds the corners of the canvas. */
const EVERYWHERE: Ellipse = [0, 0, 1.5, 1.5];

/** Part of the frame that the stage takes, from the top left, each from 0 to 1. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A frame, beside its quads. */
export interface Shot {
  region: Region;
  /** The globe; `null` without it. */
  look: Look | null;
  /** Nothing is drawn beside the region. */
  within: boolean;
  /** Light on the background, from 0 to 1. */
  light: number;
  /** In the dark, the part of the frame beside which there is nothing at all. */
  spot: Region | null;
}

/** Middle and scale of a region, in half heights of the frame. */
export function viewOf({ x, y, width, height }: Region, aspect: number): [number, number, number] {
  return [(2 * x + width - 1) * aspect, 1 - 2 * y - height, height];
}

/** The ellipse that holds the globe and what stands over its outline. */
export function around({ across, up, em }: Look, [x, y, scale]: Left['view'], aspect: number): Ellipse {
  const half = (radius: number): number => (OUTLINE * radius + OVERHANG * em) * scale + 0.005;
  return [x / aspect, y, half(across) / aspect, half(up)];
}

function compiled(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type);
  if (shader === null) throw new Error('no shader');
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/**
 * Names as one geometry in one draw call over the background. A processor that renders pays for every pixel, so a frame
 * keeps what the last one left, and puts the background back only where that one had drawn. Throws without WebGL 2.
 */
export class Renderer {
  private readonly gl: WebGL2RenderingContext;
  private readonly program: Program;
  private readonly backProgram: Program;
  /** Draws quads as the background behind them. */
  private readonly wipeProgram: Program;
  private left: Left | null = null;
  private dark: readonly [number, number, number] = [0, 0, 0];
  private readonly buffer: WebGLBuffer;
  private readonly order: WebGLBuffer;
  private back: WebGLTexture;
  private names: WebGLTexture;
  private heroes: WebGLTexture;
  private backWidth = 1;
  private backHeight = 1;
  private namesHeight = 1;
  private heroesHeight = 1;
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
      preserveDrawingBuffer: true,
      powerPreference: 'high-performance',
    }) as WebGL2RenderingContext | null;
    if (gl === null || gl.getParameter(gl.MAX_TEXTURE_SIZE) < TEXTURE) throw new Error('no WebGL 2');
    this.gl = gl;
    const about = gl.getExtension('WEBGL_debug_renderer_info');
    const name = String(gl.getParameter(about ? about.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    this.software = /swiftshader|llvmpipe|software|basic render/i.test(name);
    this.program = this.linked(VERTEX, FRAGMENT);
    this.backProgram = this.linked(BACK_VERTEX, BACK_FRAGMENT);
    this.wipeProgram = this.linked(VERTEX, BACK_FRAGMENT);
    this.buffer = gl.createBuffer();
    this.order = gl.createBuffer();
    this.back = this.texture(1, 1, gl.RGBA8);
    this.names = this.texture(1, 1, gl.R8);
    this.heroes = this.texture(1, 1, gl.R8);
    gl.useProgram(this.program.made);
    gl.uniform1i(this.program.at('names'), 0);
    gl.uniform1i(this.program.at('heroes'), 1);
    for (const { made, at } of [this.backProgram, this.wipeProgram]) {
      gl.useProgram(made);
      gl.uniform1i(at('back'), 2);
    }
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  private linked(vertex: string, fragment: string): Program {
    const { gl } = this;
    const made = gl.createProgram();
    gl.attachShader(made, compiled(gl, gl.VERTEX_SHADER, vertex));
    gl.attachShader(made, compiled(gl, gl.FRAGMENT_SHADER, fragment));
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS))
      throw new Error(gl.getProgramInfoLog(made) ?? 'no program');
    const places: Record<string, WebGLUniformLocation | null> = {};
    const count: number = gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS);
    for (let i = 0; i < count; i++) {
      const name = gl.getActiveUniform(made, i)?.name ?? '';
      places[name] = gl.getUniformLocation(made, name);
    }
    return { made, at: (name) => places[name] ?? null };
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

  /** The background of the whole frame, and its colour in the dark (`#rrggbb`). */
  backdrop(image: Surface, dark: string): void {
    const { gl } = this;
    const channel = (at: number): number => Number.parseInt(dark.slice(at, at + 2), 16) / 255;
    this.dark = [channel(1), channel(3), channel(5)];
    gl.deleteTexture(this.back);
    this.back = this.texture(image.width, image.height, gl.RGBA8);
    this.backWidth = image.width;
    this.backHeight = image.height;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    this.left = null;
  }

  /** Sets the quads that stay, and room for those of each frame. */
  keep(fixed: Quads | null, most: number): void {
    const { gl } = this;
    this.fixed = fixed?.count ?? 0;
    this.room = this.fixed + most;
    this.left = null;
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

  /** Puts the background back where the last frame drew, or everywhere when nothing is known of it. */
  private wipe(aspect: number, light: number): void {
    const { gl, dark } = this;
    const left = this.left?.light === light ? this.left : null;
    if (light === 0) {
      this.blacken(left);
      return;
    }
    const globe = left === null ? EVERYWHERE : left.globe;
    if (globe !== null) {
      gl.useProgram(this.backProgram.made);
      gl.uniform4fv(this.backProgram.at('ellipse'), globe);
      gl.uniform4f(this.backProgram.at('dark'), ...dark, 1 - light);
      gl.drawArrays(gl.TRIANGLE_FAN, 0, SECTORS + 2);
    }
    if (left === null || left.count === 0) return;
    gl.useProgram(this.wipeProgram.made);
    gl.uniform1f(this.wipeProgram.at('aspect'), aspect);
    gl.uniform3fv(this.wipeProgram.at('view'), left.view);
    gl.uniform4f(this.wipeProgram.at('dark'), ...dark, 1 - light);
    gl.drawElements(gl.TRIANGLES, left.count * 6, gl.UNSIGNED_INT, this.fixed * 24);
  }

  /** In the dark there is one colour, and to fill a rectangle with it is many times as quick as to draw it. */
  private blacken(left: Left | null): void {
    const { gl, dark } = this;
    if (left?.spot) this.clip(left.spot);
    gl.clearColor(...dark, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.disable(gl.SCISSOR_TEST);
  }

  /** One frame: the background, then everything else in one call; without `look` the quads that stay are left out. */
  draw({ region, look, within, light, spot }: Shot, quads: Quads): void {
    const { gl, canvas } = this;
    // Pixel on pixel with the background; only now, for a canvas of another size is empty.
    if (canvas.width !== this.backWidth || canvas.height !== this.backHeight) {
      canvas.width = this.backWidth;
      canvas.height = this.backHeight;
      this.left = null;
    }
    const aspect = canvas.width / canvas.height;
    const view = viewOf(region, aspect);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D, this.back);
    this.wipe(aspect, light);
    const count = Math.min(quads.count, this.room - this.fixed);
    const globe = look !== null && this.fixed > 0 ? around(look, view, aspect) : null;
    this.left = { light, spot, view, count, globe };
    const first = look === null ? this.fixed : 0;
    if (this.fixed + count <= first) return;
    if (count > 0)
      gl.bufferSubData(gl.ARRAY_BUFFER, this.fixed * 4 * STRIDE, quads.floats, 0, count * STRIDE);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.names);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.heroes);
    const { made, at } = this.program;
    gl.useProgram(made);
    const { turn = 0, tilt = 0, across = 1, up = 1, em = 0, alpha = 0 } = look ?? {};
    gl.uniform4f(at('spin'), Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt));
    gl.uniform4f(at('globe'), across, up, em, alpha);
    gl.uniform4f(at('stage'), 1 / TEXTURE, 1 / this.namesHeight, Math.max(0.0022, em * 0.12), 0);
    gl.uniform2f(at('hero'), 1 / TEXTURE, 1 / this.heroesHeight);
    gl.uniform3fv(at('view'), view);
    gl.uniform1f(at('aspect'), aspect);
    gl.enable(gl.BLEND);
    if (within) this.clip(region);
    gl.drawElements(gl.TRIANGLES, (this.fixed + count - first) * 6, gl.UNSIGNED_INT, first * 24);
    gl.disable(gl.SCISSOR_TEST);
    gl.disable(gl.BLEND);
  }

  private clip({ x, y, width, height }: Region): void {
    const { gl, canvas } = this;
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(
      Math.round(x * canvas.width),
      Math.round((1 - y - height) * canvas.height),
      Math.round(width * canvas.width),
      Math.round(height * canvas.height),
    );
  }

  /** Gives memory back; the canvas cannot be used again. */
  end(): void {
    this.gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}
