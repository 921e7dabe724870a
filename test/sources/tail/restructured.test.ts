/** Inputs are split, merged, renamed and changed: a position stays with the file, and goes to the input that names it. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { matching } from '../../../src/sources/tail/find/selection.ts';
import type { LogConfig } from '../../../src/sources/tail/options.ts';
import { planMove } from '../../../src/sources/tail/positions/edit.ts';
import { blank } from '../../../src/sources/tail/positions/journal.ts';
import { Positions } from '../../../src/sources/tail/positions/positions.ts';
import { directory } from '../../support/directory.ts';
import { tailInput } from '../../support/tail-input.ts';

type Inputs = Record<string, string[]>;

const FILES = ['/logs/app.log', '/logs/nginx.log'];

function configured(inputs: Inputs): LogConfig[] {
  return Object.entries(inputs).map(([name, include]) => tailInput({ name, include }));
}

function open(dir: string, inputs: Inputs): Promise<Positions> {
  return Positions.open(dir, Object.keys(inputs), matching(configured(inputs)));
}

/** Who had each file before, and, of the inputs that name it afterwards, who goes on where another one was. */
async function check(t: TestContext, before: Inputs, had: Inputs, after: Inputs, want: Inputs): Promise<void> {
  const dir = directory(t);
  const first = await open(dir, before);
  for (const [input, paths] of Object.entries(had)) {
    for (const path of paths) {
      const inode = BigInt(1 + FILES.indexOf(path));
      first.create(Object.assign(blank({ id: `${input} ${path}`, input, path, base: 0 }), { inode }));
    }
  }
  await first.close();
  const second = await open(dir, after);
  const got: Inputs = {};
  const has = matching(configured(after));
  for (const name of Object.keys(after)) {
    got[name] = FILES.filter((path) => has(name, path)).flatMap((path, i) => {
      const inode = BigInt(1 + FILES.indexOf(path));
      const [generation] = second.unclaimed.of(name, inode);
      if (generation) second.use(generation, name);
      return generation ? [generation.id] : [`${i} none`];
    });
  }
  await second.close();
  assert.deepEqual(got, want);
}

const [app, nginx] = FILES as [string, string];
const all = ['/logs/*.log'];

test('an input that is split: each of the two goes on with its files', async (t) => {
  const want = { one: [`one ${app}`], two: [`one ${nginx}`] };
  await check(t, { one: all }, { one: FILES }, { one: [app], two: [nginx] }, want);
});

test('inputs that are merged: the one that is left goes on with all files', async (t) => {
  const had = { one: [app], two: [nginx] };
  const want = { one: [`one ${app}`, `two ${nginx}`] };
  await check(t, { one: [app], two: [nginx] }, had, { one: all }, want);
  await check(t, { one: [app], two: [nginx] }, had, { one: all, two: ['/x'] }, { ...want, two: [] });
});

test('patterns that change places, and an input that is renamed on the way', async (t) => {
  const [before, had] = [
    { one: [app], two: [nginx] },
    { one: [app], two: [nginx] },
  ];
  const swapped = { one: [`two ${nginx}`], two: [`one ${app}`] };
  await check(t, before, had, { one: [nginx], two: [app] }, swapped);
  await check(t, before, had, { one: [nginx], three: [app] }, { one: [`two ${nginx}`], three: [`one ${app}`] });
});

test('two inputs that both name a file keep their own, and a second one that is new begins by itself', async (t) => {
  const both = { one: all, two: [nginx] };
  const had = { one: FILES, two: [nginx] };
  await check(t, both, had, both, { one: [`one ${app}`, `one ${nginx}`], two: [`two ${nginx}`] });
  await check(t, { one: all }, { one: FILES }, both, { one: [`one ${app}`, `one ${nginx}`], two: ['0 none'] });
  // Its own goes before what another one leaves behind.
  await check(t, both, had, { one: [app], two: [nginx] }, { one: [`one ${app}`], two: [`two ${nginx}`] });
});

test('`positions set` moves the position that the input will go on with', async (t) => {
  const dir = directory(t);
  const path = join(dir, 'a.log');
  writeFileSync(path, '1\n2\n3\n');
  const set = async (inputs: Inputs, where: number) => {
    const positions = await open(dir, inputs);
    const { changes, apply } = planMove(positions, configured(inputs), path, where);
    apply();
    await positions.close();
    return changes.map(({ input, from }) => [input, from]);
  };
  assert.deepEqual(await set({ one: [path] }, 2), [['one', null]]);
  const split = { one: ['/elsewhere/*'], two: [path] };
  assert.deepEqual(await set(split, 4), [['two', 2]]);
  const positions = await open(dir, split);
  assert.deepEqual(
    positions.all().map(({ input, position }) => [input, position]),
    [['two', 4]],
  );
  await positions.close();
});
