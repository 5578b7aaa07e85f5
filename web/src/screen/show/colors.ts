import { paletteOf, type ThemeName } from '../../shared/themes';
import { colorOf } from './quads';
import type { Scene } from './styles';

/** Colours of a theme as the renderer takes them. */
export function colorsOf(
  theme: ThemeName,
): Scene['colors'] & { paper: number; name: number; mark: readonly number[] } {
  const { ink, accent, accentInk, chip, panel, soft, paper, paperName, ink2 } = paletteOf(theme);
  const color = colorOf;
  return {
    ink: color(ink),
    accent: color(accent),
    accentInk: color(accentInk),
    chip: color(chip),
    panel: color(panel),
    soft: color(soft),
    paper: color(paper),
    name: color(paperName),
    mark: [accent, soft, paper, ink2, '#ff5a5f', '#5fd3a6', '#6cc6ff'].map(color),
  };
}
