/** Forecasts, whose sums go on from cell to cell: the same as of a line through each cell looked at one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Forecasts } from '../../src/alerts/forecast.ts';
import { randomOf } from '../support/random.ts';

const APART = 10_000;

/** Seconds; values are the latest first. */
function plain(values: readonly number[], reaches: number): number {
  const points = values.map((y, back) => [-back, y] as const).filter(([, y]) => !Number.isNaN(y));
  if (points.length < 6) return Number.NaN;
  const middle = (all: number[]) => all.reduce((sum, one) => sum + one, 0) / all.length;
  const [x, y] = [middle(points.map(([x]) => x)), middle(points.map(([, y]) => y))];
  const slope =
    points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0) /
    points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  const now = y - slope * x;
  if (now > reaches && slope > 0) return 0;
  return (reaches - now) / slope < 0 ? Number.POSITIVE_INFINITY : (((reaches - now) / slope) * APART) / 1000;
}

test('with gaps, negative and huge values, instances that come and go: as each cell looked at', () => {
  const next = randomOf(5);
  /** By slot, what is measured. */
  const kinds: ((cell: number) => number)[] = [
    (cell) => 0.2 + cell * 0.001 + next() * 0.01,
    (cell) => 100 - cell * 0.5 + next(),
    (cell) => (cell % 6 === 0 ? 0.1 + cell * 0.01 : Number.NaN),
    () => (next() < 0.4 ? Number.NaN : next() - 0.5),
    // What is left when it has gone is small beside it.
    (cell) => (cell % 50 === 0 ? 1e17 : cell % 50 < 3 ? 1e12 : next()),
    (cell) => (cell % 70 === 69 ? Number.POSITIVE_INFINITY : next() + 1),
    (cell) => 1e9 + cell + next(),
  ];
  for (const size of [1, 2, 6, 7, 30, 120]) {
    const slots = 70;
    const forecasts = new Forecasts(size, APART, 1, 8);
    forecasts.grow(100);
    const told: number[][] = Array.from({ length: slots }, () => []);
    for (let slot = 0; slot < slots; slot++) forecasts.clear(slot);
    const [open, to] = [new Float64Array(100), new Float64Array(100)];
    for (let cell = 0; cell < 400; cell++) {
      if (cell % 97 === 96) {
        told[11] = [];
        forecasts.clear(11);
      }
      for (const [slot, values] of told.entries()) {
        open[slot] = kinds[slot % kinds.length]!(cell);
        values.unshift(open[slot]!);
        values.length = Math.min(values.length, size);
      }
      forecasts.all(open, to, slots);
      for (const [slot, values] of told.entries()) {
        const [is, expected] = [to[slot]!, plain(values, 1)];
        // Of these nothing is to be left when they have gone.
        if (values.includes(Number.POSITIVE_INFINITY)) continue;
        if (Number.isFinite(expected) && Number.isFinite(is))
          assert.ok(
            Math.abs(is - expected) <= 1e-6 * Math.abs(expected) + 1e-6,
            `${size} ${slot} ${cell}: ${is}, not ${expected}`,
          );
        else
          assert.ok(
            Object.is(is, expected) || values.some((one) => Math.abs(one) >= 1e12),
            `${size} ${slot} ${cell}: ${is}, not ${expected}`,
          );
      }
      forecasts.next(open, slots);
    }
  }
});
