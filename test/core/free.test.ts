import assert from 'node:assert/strict';
import { test } from 'node:test';
import { free } from '../../src/core/free.ts';

test('what is let go of may be let go of again', () => {
  const bytes = Buffer.allocUnsafeSlow(100);
  free(bytes);
  assert.equal(bytes.length, 0);
  free(bytes);
});
