/**
 * Files as programs and their rotation make them, for ever: written, renamed, copied and truncated, deleted, of names
 * that never were before; directories that come and go; what cannot be read.
 */
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Load, pick } from './load.ts';

const OLD = 4;

/** The inputs that read what `files` writes below `dir`. */
export function inputs(dir: string): Record<string, unknown>[] {
  const common = { rotate_wait: '5s', forget_after: '1h' };
  return [
    { name: 'renamed', include: [`${dir}/renamed/*.log*`], ...common },
    { name: 'copied', include: [`${dir}/copied/*.log*`], encoding: 'raw', topic: 'soak.copied', ...common },
    { name: 'made', include: [`${dir}/made/**/*.log`, `${dir}/made/**/*.gz`], topic: 'soak.made', ...common },
    { name: 'traces', include: [`${dir}/traces/*.log`], multiline: { continue: '^\\s', timeout: '1s' }, ...common },
    { name: 'pods', include: [`${dir}/pods/*/*.log`], format: 'cri', ...common },
  ];
}

export async function files(load: Load, dir: string): Promise<void> {
  for (const name of ['renamed', 'copied', 'made', 'traces', 'pods']) mkdirSync(join(dir, name), { recursive: true });
  let n = 0;
  const line = () => `${++n} ${randomBytes(20).toString('hex')} GET /item/${n % 1000} 200\n`;
  const lines = (count: number) => Array.from({ length: count }, line).join('');
  const names = ['web', 'api', 'jobs'];
  await Promise.all([
    load.again(250, () => appendFileSync(join(dir, 'renamed', `${pick(names)}.log`), lines(20))),
    load.again(250, () => appendFileSync(join(dir, 'copied', `${pick(names)}.log`), lines(10))),
    load.again(400, () => {
      const trace = `${line()}  at one (file.js:${n})\n  at two (file.js:${n})\n`;
      appendFileSync(join(dir, 'traces', `${pick(names)}.log`), trace);
    }),
    load.again(6000, () => rotate(join(dir, 'renamed', `${pick(names)}.log`), renameSync)),
    load.again(6000, () => rotate(join(dir, 'copied', `${pick(names)}.log`), copyTruncate)),
    load.again(10_000, () => rmSync(join(dir, 'traces', `${pick(names)}.log`), { force: true })),
    load.again(4000, (turn) => make(join(dir, 'made'), turn, lines(20))),
    load.again(400, (turn) => pod(join(dir, 'pods'), Math.floor(turn / 25), line())),
  ]);
}

/** NAME -> NAME.1 -> NAME.2 ... */
function rotate(file: string, last: (from: string, to: string) => void): void {
  if (!existsSync(file)) return;
  for (let i = OLD; i >= 1; i--) if (existsSync(`${file}.${i}`)) renameSync(`${file}.${i}`, `${file}.${i + 1}`);
  rmSync(`${file}.${OLD + 1}`, { force: true });
  last(file, `${file}.1`);
}

function copyTruncate(from: string, to: string): void {
  copyFileSync(from, to);
  truncateSync(from);
}

/** One of a new name, and the one of twenty turns ago goes. */
function make(dir: string, turn: number, text: string): void {
  const folder = (of: number) => join(dir, `day-${Math.floor(of / 10)}`);
  mkdirSync(folder(turn), { recursive: true });
  const path = join(folder(turn), `${turn}.log`);
  if (turn % 5 === 1) writeFileSync(`${path}.gz`, gzipSync(text));
  else if (turn % 5 === 2) symlinkSync(join(dir, `nowhere-${turn}`), path);
  else if (turn % 5 === 3) mkdirSync(path);
  else writeFileSync(path, text);
  if (turn % 5 === 4) chmodSync(path, 0);
  if (turn % 10 === 0 && turn >= 20) rmSync(folder(turn - 20), { recursive: true, force: true });
}

/** Each writes for a while, restarts once with another file, and is removed when two more were made. */
function pod(dir: string, number: number, text: string): void {
  const folder = join(dir, `default_web-${number}_${number}`);
  if (!existsSync(folder)) {
    mkdirSync(folder);
    rmSync(join(dir, `default_web-${number - 2}_${number - 2}`), { recursive: true, force: true });
  }
  const stamp = new Date().toISOString();
  const half = text.length / 2;
  const parts = `${stamp} stdout P ${text.slice(0, half)}\n${stamp} stdout F ${text.slice(half)}not of the format\n`;
  appendFileSync(join(folder, `${Date.now() % 10_000 < 5000 ? 0 : 1}.log`), parts);
}
