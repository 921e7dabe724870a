import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena, CLASSES, Region } from '../../src/aggregate/arena.ts';

test('blocks do not overlap, and their bytes stay theirs while the memory grows and shrinks', () => {
  const arena = new Arena(2 << 20);
  const regions = [new Region(arena), new Region(arena)];
  const held: { region: number; block: number; size: number; mark: number }[] = [];
  let seed = 1;
  const next = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const check = () => {
    for (const { block, size, mark } of held) {
      const bytes = Buffer.from(arena.bytes.buffer, block * 64, 64 << size);
      assert.ok(bytes.equals(Buffer.alloc(64 << size, mark)));
    }
  };
  let refused = 0;
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 300; i++) {
      const [region, size, mark] = [next(2), next(CLASSES), next(255) + 1];
      const block = regions[region]!.take(size);
      if (block === 0) {
        refused++;
        continue;
      }
      arena.bytes.fill(mark, block * 64, block * 64 + (64 << size));
      held.push({ region, block, size, mark });
      if (next(3) === 0) {
        const [gone] = held.splice(next(held.length), 1);
        regions[gone!.region]!.give(gone!.block, gone!.size);
      }
    }
    check();
    assert.ok(arena.used <= 2 << 20);
    const cleared = round % 2;
    regions[cleared]!.clear();
    for (let i = held.length - 1; i >= 0; i--) if (held[i]!.region === cleared) held.splice(i, 1);
    check();
  }
  assert.ok(refused > 0);
  for (const region of regions) region.clear();
  assert.equal(arena.used, 0);
  assert.ok(arena.size < 1 << 20, `${arena.size}`);
});

test('the last of the budget is for spare requests', () => {
  const arena = new Arena(1 << 20);
  const region = new Region(arena);
  const take = (spare: boolean) => {
    let taken = 0;
    while (region.take(CLASSES - 1, spare) !== 0) taken++;
    return taken;
  };
  assert.equal(take(false), 30);
  assert.equal(arena.charge(1), false);
  assert.equal(take(true), 2);
  assert.equal(arena.used, 1 << 20);
});
