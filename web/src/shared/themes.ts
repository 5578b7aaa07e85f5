import type { Wire } from '../wire';

export type ThemeName = Wire['ShowTheme'];

/** Colours of a theme; every pair that stands on one another has the contrast of WCAG AA. */
export interface Palette {
  /** Background from its brightest place to its edge. */
  back: readonly [string, string, string];
  ink: string;
  ink2: string;
  /** Figures and codes on the background. */
  soft: string;
  /** Headings, lines, what is chosen. */
  accent: string;
  accentInk: string;
  /** Boxes on the background. */
  panel: string;
  chip: string;
  /** Cards of winners. */
  paper: string;
  paperInk: string;
  paperName: string;
  paperSoft: string;
}

export const THEMES: Readonly<Record<ThemeName, Palette>> = {
  red: {
    back: ['#a5121f', '#5b0812', '#2b0408'],
    ink: '#fff6e4',
    ink2: '#e6c6a4',
    soft: '#f9dc92',
    accent: '#f6c65b',
    accentInk: '#3a0509',
    panel: '#3d070e',
    chip: '#64121d',
    paper: '#fff3d9',
    paperInk: '#3a0509',
    paperName: '#9b0f1a',
    paperSoft: '#7d4b0c',
  },
  night: {
    back: ['#1f3f8f', '#0d1c4a', '#050a20'],
    ink: '#f2f6ff',
    ink2: '#b4c6ea',
    soft: '#a9dcff',
    accent: '#6cc6ff',
    accentInk: '#03142e',
    panel: '#0b1638',
    chip: '#15296a',
    paper: '#eef5ff',
    paperInk: '#0a1a3d',
    paperName: '#123f9e',
    paperSoft: '#3f5785',
  },
  jade: {
    back: ['#0f7a5a', '#064534', '#02211a'],
    ink: '#f2fff8',
    ink2: '#bfe3d3',
    soft: '#f4e3a1',
    accent: '#ecce68',
    accentInk: '#1d2604',
    panel: '#04362a',
    chip: '#0c5a45',
    paper: '#f3fbf2',
    paperInk: '#06281d',
    paperName: '#0a5f44',
    paperSoft: '#54622d',
  },
  violet: {
    back: ['#7a2fb8', '#3a1468', '#160630'],
    ink: '#fbf4ff',
    ink2: '#dcc6f2',
    soft: '#ffc9ec',
    accent: '#ff9bd8',
    accentInk: '#33052a',
    panel: '#2b0d52',
    chip: '#50208a',
    paper: '#fdf2ff',
    paperInk: '#2a0a3f',
    paperName: '#7a1d9c',
    paperSoft: '#65437f',
  },
  black: {
    back: ['#3a3222', '#171410', '#050505'],
    ink: '#fbf5e6',
    ink2: '#cfc09a',
    soft: '#f7e2a8',
    accent: '#e6bd5a',
    accentInk: '#1b1304',
    panel: '#1c1812',
    chip: '#332b1c',
    paper: '#f8f0dc',
    paperInk: '#1e1708',
    paperName: '#6d4a06',
    paperSoft: '#6f5a2c',
  },
  ivory: {
    back: ['#fffaf0', '#f9ecd6', '#efd6b2'],
    ink: '#3a0d10',
    ink2: '#6d3f2e',
    soft: '#9b1019',
    accent: '#a8121c',
    accentInk: '#fff6e8',
    panel: '#fff6e6',
    chip: '#fbe3c3',
    paper: '#ffffff',
    paperInk: '#3a0d10',
    paperName: '#a3161f',
    paperSoft: '#7a4c22',
  },
};

export const THEME_NAMES = Object.keys(THEMES) as ThemeName[];

/** The theme that a look names; the first one when this page does not know it. */
export function paletteOf(name: string | undefined): Palette {
  return THEMES[name as ThemeName] ?? THEMES.red;
}

/** Custom properties of a theme, for `:style`. */
export function themeStyle(palette: Palette): Record<string, string> {
  const [bright, middle, edge] = palette.back;
  return {
    '--back': `radial-gradient(120% 140% at 50% 0%, ${bright} 0%, ${middle} 40%, ${edge} 100%)`,
    '--deep': edge,
    '--ink': palette.ink,
    '--ink-2': palette.ink2,
    '--gold-300': palette.soft,
    '--gold-400': palette.accent,
    '--gold-line': `linear-gradient(90deg, transparent, ${palette.accent}, transparent)`,
    '--accent-ink': palette.accentInk,
    '--panel': palette.panel,
    '--chip': palette.chip,
    '--paper': palette.paper,
    '--paper-ink': palette.paperInk,
    '--paper-name': palette.paperName,
    '--paper-soft': palette.paperSoft,
  };
}
