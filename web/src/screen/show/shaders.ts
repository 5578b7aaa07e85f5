/** Places a corner of a quad: on the globe, or flat. Invariant, so that the same quad can be wiped to the pixel. */
export const VERTEX = `#version 300 es
invariant gl_Position;
layout(location = 0) in vec4 place;
layout(location = 1) in vec2 where;
layout(location = 2) in vec2 size;
layout(location = 3) in vec4 color;
uniform vec4 spin;   // cos and sin of the turn, of the tilt
uniform vec4 globe;  // radius across, radius up, em, alpha
uniform vec4 stage;  // 1 / size of the names' texture; half a far dot
uniform vec2 hero;   // 1 / size of the winners' texture
uniform vec3 view;   // middle of the stage in the frame, and its scale
uniform float aspect;
out vec2 at;
out vec2 behind;
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
    float front = smoothstep(.1, .5, p.z);
    if (p.z > .15 && size.x > 0.) {
      q += (across.xy * side.x * size.x + up.xy * side.y * size.y) * globe.z * near;
      tint.a *= (.2 + .8 * front * front) * globe.w;
    } else {
      // Corners of a diamond.
      vec2 point = corner == 0 ? vec2(-1., 0.) : corner == 1 ? vec2(0., 1.) : corner == 2 ? vec2(1., 0.) : vec2(0., -1.);
      q += point * stage.z * (p.z > 0. ? 1.5 : 1.) * near;
      kind = 3;
      tint.a *= (size.x > 0. ? .34 : .4 + .3 * front) * globe.w * near;
    }
  }
  q = (q * view.z + view.xy) / vec2(aspect, 1.);
  behind = q * .5 + .5;
  gl_Position = vec4(q, 0., 1.);
}`;

/** A name, a winner's name or plain colour, over what is there. */
export const FRAGMENT = `#version 300 es
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

/** Triangles of the fan that covers an ellipse. */
export const SECTORS = 32;

/** An ellipse of the canvas as a fan of triangles about its middle, nowhere inside the curve. */
export const BACK_VERTEX = `#version 300 es
uniform vec4 ellipse; // middle and radii, from -1 to 1 over the canvas
out vec2 behind;
const float STEP = 6.28318530718 / ${SECTORS}.;
void main() {
  float turn = float(gl_VertexID - 1) * STEP;
  vec2 q = ellipse.xy;
  if (gl_VertexID > 0) q += vec2(cos(turn), sin(turn)) * ellipse.zw / cos(STEP * .5);
  behind = q * .5 + .5;
  gl_Position = vec4(q, 0., 1.);
}`;

/** The background, as it is behind each pixel. */
export const BACK_FRAGMENT = `#version 300 es
precision mediump float;
in highp vec2 behind;
uniform sampler2D back;
uniform vec4 dark; // colour, and how much of it
out vec4 color;
void main() {
  color = vec4(mix(texture(back, behind).rgb, dark.rgb, dark.a), 1.);
}`;
