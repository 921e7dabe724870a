/** Names that the kernel allows and nobody expects: interfaces that are really there, and mount points. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { HostFiles, kernelText } from '../../src/checks/files.ts';
import { filesystem } from '../../src/checks/filesystem.ts';
import { SeriesMeter } from '../../src/checks/meter.ts';
import { parseNetDev, reportNetwork } from '../../src/checks/network.ts';
import { MACHINES, machine } from '../support/machines.ts';

const CHECKS = join(import.meta.dirname, '../../src/checks');

/** As printf(1) has it, and what it is in metrics. */
const NAMES: readonly [string, string][] = [
  ['eth0.100', 'eth0.100'],
  ['wan@if3', 'wan@if3'],
  ['fifteen-chars-x', 'fifteen-chars-x'],
  ['a"b\\\\c', 'a"b\\c'],
  ['\\303\\244\\303\\266', 'äö'],
  ['\\360\\237\\230\\200', '😀'],
  // Blanks to JavaScript, but not to the kernel.
  ['\\343\\200\\200', '\u3000'],
  ['\\357\\273\\277', '\ufeff'],
  // No characters: two names.
  ['\\377x', '\\xffx'],
  ['\\376x', '\\xfex'],
  ['\\033[31m', '\x1b[31m'],
  ['$(id)', '$(id)'],
  ['__proto__', '__proto__'],
];

/** Prints the names that the check has, each as often as it has series. */
const PROGRAM = `
import { HostFiles } from ${JSON.stringify(pathToFileURL(join(CHECKS, 'files.ts')))};
import { network } from ${JSON.stringify(pathToFileURL(join(CHECKS, 'network.ts')))};
import { SeriesMeter } from ${JSON.stringify(pathToFileURL(join(CHECKS, 'meter.ts')))};
const host = new HostFiles();
const meter = new SeriesMeter();
network(host)(meter);
meter.take(true);
host.newRound();
network(host)(meter);
const series = meter.take(true).map(({ name, attributes }) => [name, JSON.parse('{' + attributes + '}')]);
process.stdout.write(JSON.stringify(series));
`;

/** Its own network; a bridge is a kind of interface that most kernels have. */
const unshared = (script: string, ...args: string[]) =>
  spawnSync('unshare', ['--net', 'sh', '-ec', script, ...args], { encoding: 'utf8' });
const skip =
  process.platform === 'linux' && unshared('ip link add name x type bridge').status === 0
    ? false
    : 'NOT TESTED: needs root, unshare and ip, and a kernel with bridges';

test('interfaces that are called anything are told apart, each by its name', { skip }, () => {
  const add = NAMES.map(([name]) => `ip link add name "$(printf '${name}')" type bridge\n`).join('');
  const { stdout, stderr } = unshared(`${add} exec "$0" --input-type=module -e "$1"`, process.execPath, PROGRAM);
  assert.equal(stderr, '');
  const series = JSON.parse(stdout) as [string, Record<string, string>][];
  const found = series.map(([, attributes]) => attributes['network.interface.name']!);
  assert.deepEqual([...new Set(found)], ['lo', ...NAMES.map(([, name]) => name)]);
  assert.equal(new Set(series.map((one) => JSON.stringify(one))).size, series.length);
  assert.equal(series.length, (NAMES.length + 1) * 8);
});

test('what interfaces count is kept apart where their names differ in a byte that is no character', () => {
  const meter = new SeriesMeter();
  const line = (name: number, bytes: number) =>
    Buffer.concat([Buffer.from('  '), Buffer.from([name]), Buffer.from(`1: ${bytes} 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n`)]);
  const told = (one: number, other: number) => {
    reportNetwork(meter, parseNetDev(kernelText(Buffer.concat([line(0xff, one), line(0xfe, other)]))));
    return meter
      .take(true)
      .filter(({ name, attributes }) => name === 'system.network.io' && attributes.includes('receive'))
      .map(({ value }) => value);
  };
  told(100, 7000);
  assert.deepEqual(told(101, 7002), [1, 2]);
});

test('text of the kernel keeps the bytes that are no characters', () => {
  const check = (hex: string, text: string) => assert.equal(kernelText(Buffer.from(hex, 'hex')), text, hex);
  check('61ff62', 'a\\xffb');
  check('efbfbd', '\ufffd');
  check('efbfbdff', '\ufffd\\xff');
  check('c3a4fe', 'ä\\xfe');
  check('f09f9880e2', '😀\\xe2');
  check('c0af', '\\xc0\\xaf');
  check('e080af', '\\xe0\\x80\\xaf');
  check('eda080', '\\xed\\xa0\\x80');
  check('f48fbfbf', '\u{10ffff}');
  check('f4908080', '\\xf4\\x90\\x80\\x80');
});

/** What the check of file systems says where mountinfo has these lines. */
async function filesystems(t: TestContext, places: readonly string[], mountinfo: string) {
  const made = machine({ ...MACHINES['linux 6.12 with docker'], '/proc/1/mountinfo': mountinfo });
  const host = new HostFiles(made.root);
  t.after(() => {
    host.close();
    made[Symbol.dispose]();
  });
  for (const place of places) mkdirSync(join(made.root, place), { recursive: true });
  const meter = new SeriesMeter();
  await filesystem(host)(meter, new AbortController().signal);
  const points = meter.take(true).filter(({ name }) => name === 'system.filesystem.limit');
  return { count: points.length, lacked: meter.lacked() };
}

/** Whose number is none of the machine's: of btrfs it is not asked for. */
const mount = (at: string, i: number) => `${i + 2} 1 0:${i + 1000} / ${at} rw - btrfs /dev/sda${i} rw\n`;

test('of thousands of file systems the first are measured; that there are more is said', async (t) => {
  const places = Array.from({ length: 1002 }, (_, i) => `/mnt/${i}`);
  const { count, lacked } = await filesystems(t, places, places.map(mount).join(''));
  assert.deepEqual([count, lacked], [1000, '2 file systems beyond the first 1000 are left out']);
});

test('a file system whose path is no UTF-8 is named', async (t) => {
  const { count, lacked } = await filesystems(t, ['/mnt/a'], mount('/mnt/a', 1) + mount('/mnt/\\xff', 2));
  assert.deepEqual([count, lacked], [1, 'the file system at /mnt/\\xff is left out: its path is no UTF-8']);
});
