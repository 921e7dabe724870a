/** A seeded random walk over what happens to files, compared with a model: every line exactly once, in order. */
import assert from 'node:assert/strict';
import { closeSync, openSync, renameSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Bench, type Line, until } from './collect.ts';

const SEEDS = (process.env.RUNNEL_SEEDS ?? '1,2,3,4').split(',').map(Number);
const STEPS = 150;

for (const seed of SEEDS) {
  test(`whatever happens to the files, every line comes once (seed ${seed})`, async (t) => {
    const random = generator(seed);
    const bench = new Bench(t);
    const input = { include: [`${bench.logs}/*.log*`] };
    const written: string[] = [];
    const got: Line[] = [];
    const files = ['a', 'b', 'c'].map((name) => ({ name, fd: openSync(bench.path(`${name}.log`), 'a'), rest: '' }));
    let out = await bench.start(input);
    let running = true;
    let number = 0;
    let renamed = 0;
    const complete = (file: (typeof files)[number]) => {
      if (file.rest === '') return;
      writeSync(file.fd, '.\n');
      written.push(`${file.rest}.`);
      file.rest = '';
    };
    const caughtUp = () => until('all lines', () => got.length + out.lines.length >= written.length);
    for (let step = 0; step < STEPS; step++) {
      const file = files[random(files.length)]!;
      const path = bench.path(`${file.name}.log`);
      const what = random(100);
      if (what < 45) {
        complete(file);
        let text = '';
        for (let i = random(200); i >= 0; i--) {
          const line = `${number++} ${'x'.repeat(random(random(20) === 0 ? 20_000 : 100))}`;
          written.push(line);
          text += `${line}\n`;
        }
        writeSync(file.fd, text);
      } else if (what < 60) {
        if (file.rest === '') file.rest = `${number++} `;
        const part = 'p'.repeat(1 + random(6000));
        file.rest += part;
        writeSync(file.fd, file.rest.length === part.length + String(number - 1).length + 1 ? file.rest : part);
      } else if (what < 75) {
        complete(file);
        renameSync(path, `${path}.${renamed++}`);
        closeSync(file.fd);
        file.fd = openSync(path, 'a');
      } else if (what < 82) {
        // What is not read yet would be lost, and counted: that is another test.
        complete(file);
        if (!running) continue;
        await caughtUp();
        truncateSync(path);
        await setTimeout(30);
      } else if (what < 88) {
        complete(file);
        if (!running) continue;
        await caughtUp();
        rmSync(path);
        closeSync(file.fd);
        file.fd = openSync(path, 'a');
      } else if (what < 94) {
        if (running) {
          await bench.stop();
          got.push(...out.lines);
        } else out = await bench.start(input);
        running = !running;
        if (!running) out.lines.length = 0;
      } else await setTimeout(random(40));
    }
    for (const file of files) complete(file);
    if (!running) out = await bench.start(input);
    await caughtUp();
    await setTimeout(50);
    await bench.stop();
    got.push(...out.lines);
    for (const file of files) closeSync(file.fd);
    const last = new Map<string, number>();
    for (const line of got) {
      const n = Number.parseInt(line.text, 10);
      assert.ok(n > (last.get(line.id) ?? -1), `${n} comes after ${last.get(line.id)} in ${line.path}`);
      last.set(line.id, n);
    }
    const byNumber = (a: string, b: string) => Number.parseInt(a, 10) - Number.parseInt(b, 10);
    assert.deepEqual(got.map((l) => l.text).sort(byNumber), written.sort(byNumber));
  });
}

/** Park and Miller's generator: the same numbers for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed * 7919 + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.floor((state / 2_147_483_647) * below);
  };
}
