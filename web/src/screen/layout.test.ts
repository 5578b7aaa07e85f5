import { describe, expect, it } from 'vitest';
import { fitText, pageAt, pagesOf, roughWidth, winnersGrid, winnersPlaces } from './layout';

describe('the grid of winners', () => {
  it.each([
    [1, 1, 1],
    [2, 2, 1],
    [5, 5, 1],
    [6, 5, 2],
    [20, 5, 4],
    [21, 10, 3],
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
});
