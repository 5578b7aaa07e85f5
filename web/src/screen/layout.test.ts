import { describe, expect, it } from 'vitest';
import {
  ALL_MS,
  fitText,
  fitTexts,
  pageAt,
  pagesOf,
  partAt,
  passedRows,
  passGrid,
  passPlaces,
  passRows,
  REST_MS,
  ROW_MS,
  roughWidth,
  winnersGrid,
  winnersPlaces,
} from './layout';

describe('the grid of winners', () => {
  it.each([
    [1, 1, 1],
    [2, 2, 1],
    [5, 5, 1],
    [6, 3, 2],
    [7, 4, 2],
    [11, 4, 3],
    [20, 5, 4],
    [21, 7, 3],
    [31, 8, 4],
    [100, 10, 10],
  ])('%i on 16:9: %i columns, %i rows', (count, columns, rows) => {
    expect(winnersGrid(count, 16 / 9)).toEqual({ columns, rows });
  });

  it('has longer rows on a band of screens, and room for everybody', () => {
    expect(winnersGrid(20, 32 / 9)).toEqual({ columns: 10, rows: 2 });
    expect(winnersGrid(100, 32 / 9)).toEqual({ columns: 20, rows: 5 });
    for (let count = 1; count <= 100; count++) {
      for (const aspect of [16 / 9, 21 / 9, 32 / 9]) {
        const { columns, rows } = winnersGrid(count, aspect);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(columns * (rows - 1)).toBeLessThan(count);
      }
    }
  });

  it('turns pages by the server’s clock', () => {
    const people = Array.from({ length: 1_030 }, (_, i) => i);
    expect(pagesOf(people).map(({ length }) => length)).toEqual([450, 450, 130]);
    expect(pagesOf(people).flat()).toEqual(people);
    expect(pagesOf([])).toEqual([[]]);
    expect([0, 8_999, 9_000, 18_000, 27_000].map((ms) => pageAt(3, 0, ms, 9_000))).toEqual([0, 0, 1, 2, 0]);
    expect(pageAt(3, 100, 0, 9_000)).toBe(0);
  });

  it.each([
    ['16:9', 1_770, 760, 10.8],
    ['32:9', 3_690, 760, 10.8],
    ['4K', 3_540, 1_520, 21.6],
    ['4:3', 950, 560, 5.76],
  ])(
    'has a place for each of 1 to 450 winners on %s: none leaves the frame, none covers another',
    (_, width, height, unit) => {
      for (let count = 1; count <= 450; count++) {
        const places = winnersPlaces(count, width, height, unit);
        expect(places).toHaveLength(count);
        for (const { x, y, width: w, height: h } of places) {
          const inside =
            x >= -0.01 && y >= -0.01 && x + w <= width + 0.01 && y + h <= height + 0.01 && w > 0 && h > 0;
          if (!inside) expect.fail(`${count}: ${JSON.stringify({ x, y, w, h })}`);
        }
        for (let i = 0; i < count; i++) {
          const a = places[i];
          // In rows from left to right: only the next ones can be near.
          for (let j = i + 1; j < Math.min(count, i + 60); j++) {
            const b = places[j];
            if (a === undefined || b === undefined) continue;
            const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y;
            if (!apart) expect.fail(`${count}: card ${j} covers card ${i}`);
          }
        }
      }
    },
  );

  it('leaves each of 450 winners a card that a camera can read', () => {
    const { width = 0, height = 0 } = winnersPlaces(450, 1_770, 760, 10.8)[0] ?? {};
    expect(width).toBeGreaterThan(60);
    expect(height).toBeGreaterThan(33);
  });
});

describe('more than a hundred winners', () => {
  const grid = passGrid(16 / 9);
  const rows = passRows(450, grid);
  const at = (ms: number, still = false) => partAt(450, ms, { rows, still });

  it('stand all together first, then pass, then stand again', () => {
    expect(at(0)).toEqual({ kind: 'all', page: 0, pages: 1, size: 450 });
    expect(at(ALL_MS - 1).kind).toBe('all');
    const length = rows * ROW_MS + 2 * REST_MS;
    expect(at(ALL_MS + 500)).toEqual({ kind: 'pass', at: 500, length });
    expect(at(ALL_MS + length).kind).toBe('all');
    expect(at(2 * (ALL_MS + length) + 7)).toEqual(at(7));
  });

  it('pass from the first row to the last at the hall’s clock', () => {
    expect(rows).toBe(35);
    expect(passedRows(0, rows)).toBe(0);
    expect(passedRows(REST_MS + 10 * ROW_MS, rows)).toBe(10);
    expect(passedRows(REST_MS + 900 * ROW_MS, rows)).toBe(35);
  });

  it('have cards as large as those of a hundred', () => {
    const [one] = passPlaces(450, 1_770, 760, 10.8);
    const [same] = winnersPlaces(100, 1_770, 760, 10.8);
    expect(one?.width).toBeCloseTo(same?.width ?? 0);
    expect(one?.height).toBeCloseTo(same?.height ?? 0);
  });

  it('stand in pages of a hundred where nothing may move', () => {
    const part = at(ALL_MS + 1, true);
    expect(part).toEqual({ kind: 'still', page: 0, pages: 5, size: 100 });
  });

  it('is not what a hundred do', () => {
    expect(partAt(100, 500_000, { rows: 0, still: false }).kind).toBe('all');
  });
});

describe('names of one page', () => {
  const room = { width: 300, height: 200, most: 90 };

  it('are of one size, a long one too where that is not far below', () => {
    const sizes = fitTexts(['李', '王秀英', '欧阳娜娜', '井上十兵衛三厳'], room).map(({ size }) => size);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(1);
  });

  it('do not all become tiny for one', () => {
    const fitted = fitTexts(['李', '王秀英', 'W'.repeat(60)], room);
    expect(fitted[0]?.size).toBe(fitted[1]?.size);
    expect(fitted[0]?.size).toBeGreaterThanOrEqual(room.most * 0.7);
    expect(fitted[2]?.size).toBeLessThan(room.most * 0.5);
  });
});

describe('a name', () => {
  const room = { width: 200, height: 90, most: 60 };
  const names = [
    '李',
    '欧阳娜娜',
    '阿卜杜勒·热合曼·买买提江·伊敏',
    'Nguyễn Thị Minh Khai',
    'W'.repeat(80),
    '很'.repeat(60),
  ];

  it.each(names)('fits and loses nothing: %s', (name) => {
    const { size, lines } = fitText(name, room);
    expect(lines.join('').replace(/\s/g, '')).toBe(name.replace(/\s/g, ''));
    expect(size).toBeLessThanOrEqual(room.most);
    expect(lines.length * size).toBeLessThanOrEqual(room.height);
    for (const line of lines) expect(roughWidth(line) * size).toBeLessThanOrEqual(room.width + 0.01);
  });

  it('shrinks before it wraps, and breaks between words', () => {
    expect(fitText('欧阳娜娜', room).lines).toEqual(['欧阳娜娜']);
    const { lines } = fitText('Maria Theresia Walburga Amalia', { width: 160, height: 120, most: 60 });
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join(' ')).toBe('Maria Theresia Walburga Amalia');
  });

  it('has lines that are about as long as each other: no letter stands alone', () => {
    const letters = '司马相如之孙上官婉儿与欧阳娜娜';
    for (let n = 5; n <= letters.length; n++) {
      for (const width of [80, 100, 120, 150]) {
        const { lines } = fitText(letters.slice(0, n), { width, height: 160, most: 48 });
        const lengths = lines.map((line) => line.length);
        expect(Math.max(...lengths) - Math.min(...lengths), lines.join('|')).toBeLessThanOrEqual(1);
      }
    }
    const { lines } = fitText('Maria Theresia von Habsburg', { width: 200, height: 80, most: 48 });
    expect(lines).toEqual(['Maria Theresia', 'von Habsburg']);
  });

  const narrow = { width: 150, height: 400, most: 48 };
  it('does not break inside a word with marks', () => {
    expect(fitText('Nguyễn Thị Minh Khai', { ...narrow, width: 120 }).lines).toContain('Nguyễn');
  });

  it('breaks behind a dot or a hyphen, not before', () => {
    const { lines } = fitText('阿卜杜勒·热合曼·买买提江·伊敏', narrow);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.filter((line) => line.startsWith('·'))).toEqual([]);
    expect(lines.slice(0, -1).filter((line) => !line.endsWith('·'))).toEqual([]);
    expect(fitText('Featherstonehaugh-Wolfeschlegel', { ...narrow, width: 260 }).lines).toEqual([
      'Featherstonehaugh-',
      'Wolfeschlegel',
    ]);
  });
});
