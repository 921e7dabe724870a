import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sample, slope } from './sample.ts';

const NOTHING = { external: 0, workers: 0, rss: 0, descriptors: 0, watches: 0, resources: 0, cpu: 0 };

test('a slope is of an hour, whatever the distance and the noise of the samples', () => {
  const at = (minute: number, heap: number): Sample => ({ ...NOTHING, minute, heap });
  const check = (samples: Sample[], rise: number) =>
    assert.ok(Math.abs(slope(samples, ({ heap }) => heap) - rise) < 1e-9);
  check([at(0, 20), at(30, 21), at(60, 22)], 2);
  check([at(45, 21), at(46, 22), at(47, 22), at(48, 21)], 0);
  check([at(10, 20), at(15, 20.5), at(25, 21.5)], 6);
  check([at(10, 20)], 0);
});
