import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Remedy, remedyFor } from '../../../src/kafka/send/repair.ts';
import { errorName } from '../../../src/kafka/wire/errors.ts';

const cases: [code: number, state: Parameters<typeof remedyFor>[1], remedy: Remedy][] = [
  [10, { count: 3 }, 'shrink'],
  [18, { count: 1 }, 'shrink'],
  [32, {}, 'retime'],
  [87, { count: 2 }, 'search'],
  [87, { count: 1 }, 'aside'],
  [45, { disordered: 0 }, 'resend'],
  [45, { disordered: 1 }, 'renumber'],
  [47, {}, 'renumber'],
  [59, { disordered: 0 }, 'renumber'],
  [29, { numbered: true }, 'permit'],
  [31, { numbered: true }, 'unnumbered'],
  [31, { numbered: false }, 'permit'],
  [53, {}, 'permit'],
  [44, {}, 'accept'],
  [6, {}, 'refresh'],
  [2, {}, 'wait'],
  [19, {}, 'wait'],
  // The broker has it: an acknowledgement, before anybody asks for a remedy.
  [46, {}, 'wait'],
  [9999, {}, 'wait'],
];

for (const [code, state, remedy] of cases) {
  test(`${errorName(code)} ${JSON.stringify(state)}: ${remedy}`, () => assert.equal(remedyFor(code, state), remedy));
}
