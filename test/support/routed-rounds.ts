/**
 * Rounds of an input whose lines go to several topics: written, rotated, read, acknowledged or stuck at random, and stopped
 * or killed in between. Each topic has its own lines, explains all bytes, and where nothing was killed has nothing twice.
 */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ranges } from '../../src/verify/ranges.ts';
import { Life, type Sent } from './routed-tail.ts';
import { type TailValues, tailInput } from './tail-input.ts';
import { until } from './until.ts';

const PROCESS = [
  { drop: { line: { contains: 'noise' } } },
  { route: 'errors', when: { line: { contains: 'ERROR' } } },
  { route: 'audit', when: { line: { contains: 'AUDIT' } } },
];
/** What a group has behind its first line. */
const REST = '  more of it';
const firstOf = (record: string) => record.split('\n', 1)[0]!;
const KINDS = ['plain', 'plain', 'noise', 'ERROR', 'AUDIT', 'ERROR AUDIT'];

/** The same by fields. */
const BY_FIELDS = [
  { drop: { line: { contains: 'noise' } } },
  { parse: 'json' },
  { route: { by: 'kind', topics: { ERROR: 'errors', AUDIT: 'audit', 'ERROR AUDIT': 'audit' } } },
];

function topicOf(line: string): string | null {
  if (line.includes('noise')) return null;
  return line.includes('AUDIT') ? 'audit' : line.includes('ERROR') ? 'errors' : 'logs';
}

function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Each record once, whatever came again is the same; of each topic and file what it explains has no gap. */
function complete(sent: readonly Sent[], lines: readonly string[], isGrouped: boolean): number {
  const unique = new Map<string, Sent>();
  for (const one of sent) {
    const key = `${one.topic} ${one.id} ${one.offset}`;
    const before = unique.get(key);
    // But where a rotation came in between: lines go on in the next file only while both are read.
    const same = (sent: Sent) => ({ ...sent, value: firstOf(sent.value), skipped: isGrouped ? 0 : sent.skipped });
    if (before) assert.deepEqual(same(one), same(before), 'read again it is the same');
    unique.set(key, one);
  }
  const all = [...unique.values()];
  // Over a rotation and a kill what a line goes on with may be a record of its own.
  const firsts = all.filter(({ value }) => value !== REST).map((one) => ({ ...one, value: firstOf(one.value) }));
  const expected = lines.map(firstOf).filter((line) => topicOf(line) !== null);
  const came = new Set(firsts.map(({ value }) => value));
  const wanted = new Set(expected);
  assert.deepEqual(
    { lost: [...wanted.difference(came)], strange: [...came.difference(wanted)] },
    { lost: [], strange: [] },
  );
  assert.equal(firsts.length, expected.length);
  for (const { topic, value } of firsts) assert.equal(topic, topicOf(value));
  for (const group of Map.groupBy(all, ({ id }) => id).values()) {
    group.sort((a, b) => a.offset - b.offset);
    for (const [i, { offset }] of group.entries()) {
      const before = group[i - 1];
      if (before) assert.ok(offset >= before.offset + before.length, 'no byte is in two records');
    }
  }
  for (const group of Map.groupBy(sent, ({ topic, id }) => `${topic} ${id}`).values()) {
    const ranges = new Ranges();
    for (const { offset, length, skipped } of group) ranges.add(offset - skipped, offset + length);
    assert.equal(ranges.count, 1, `${group[0]!.topic} explains all bytes of ${group[0]!.path}`);
  }
  return sent.length - all.length;
}

/** Gives how many records were compared. */
export async function routedRound(
  dir: string,
  seed: number,
  how: 'kill' | 'stop',
  values: TailValues,
): Promise<number> {
  const random = randomOf(seed);
  mkdirSync(dir);
  const logs = join(dir, 'logs');
  mkdirSync(logs);
  const input = tailInput({ include: [join(logs, '*.log*')], process: PROCESS as never, ...values });
  const lines: string[] = [];
  const files = ['a.log', 'b.log', 'c.log'];
  const write = () => {
    const file = files[random(files.length)]!;
    let text = '';
    for (let count = 1 + random(60); count > 0; count--) {
      const kind = KINDS[random(3) === 0 ? random(KINDS.length) : 0]!;
      const line = `${lines.length} ${kind} ${'x'.repeat(random(100))}`;
      lines.push(values.multiline ? `${line}\n${REST}` : line);
      const [number, ...kinds] = line.split(' ');
      const pad = kinds.pop()!;
      const json = { number: Number(number), kind: kinds.join(' '), pad };
      text += `${values.process ? JSON.stringify(json) : lines.at(-1)}\n`;
    }
    // What a rotation comes in between goes on in the next file.
    const rotates = random(25) === 0;
    const rest = rotates && values.multiline ? text.slice(text.lastIndexOf(REST)) : '';
    appendFileSync(join(logs, file), text.slice(0, text.length - rest.length));
    if (rotates) renameSync(join(logs, file), join(logs, `${file}.${lines.length}`));
    if (rest !== '') appendFileSync(join(logs, file), rest);
  };
  const sent: Sent[] = [];
  let data = join(dir, 'data');
  for (let life = 0; life < 6; life++) {
    const one = await Life.begin({ input, data, blockBytes: 1000 + random(5000) });
    for (let turn = 40 + random(60); turn > 0; turn--) {
      write();
      if (random(6) === 0) one.topic(['logs', 'errors', 'audit'][random(3)]!).stuck = random(2) === 0;
      for (const topic of one.topics.values()) topic.acknowledge(random(4));
      if (random(3) === 0) await sleep(random(12));
    }
    const { missing, onItsWay } = one.unaccounted;
    assert.equal(missing, onItsWay, 'the books balance while it runs');
    const next = join(dir, `data-${life}`);
    if (how === 'kill') {
      sent.push(...one.sent);
      await one.kill(next);
      data = next;
    } else {
      await one.stop();
      sent.push(...one.sent);
    }
    assert.equal(one.failure, null);
  }
  const last = await Life.begin({ input, data });
  const size = new Map<string, number>();
  await until(
    `all is safe (seed ${seed})`,
    () => {
      for (const topic of last.topics.values()) topic.acknowledge(100);
      size.clear();
      const all = [...last.source.listing(1000)];
      return all.length > 0 && last.source.lag.lag_bytes === 0 && all.every((file) => file.committed === file.size);
    },
    20_000,
  );
  await last.stop();
  sent.push(...last.sent);
  const twice = complete(sent, lines, values.multiline !== undefined);
  if (how === 'stop') assert.equal(twice, 0, `seed ${seed}: nothing comes twice`);
  return sent.length;
}

/** How lines are read, and what decides where they go. */
export const ROUTED: Readonly<Record<string, TailValues>> = {
  lines: {},
  fields: { encoding: 'json', process: BY_FIELDS as never },
  groups: { multiline: { start: '^\\d', timeout: 100 } },
};
