/** The zone of this machine is what every other program takes for it: what `date` says is what is right. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { transitions } from '../../src/kernel/process/zones.ts';
import { localZone } from '../../src/transforms/local-zone.ts';

const ZONES = '/usr/share/zoneinfo';
const noDate = spawnSync('date', ['-d', '@0']).status !== 0 && 'needs the date of GNU';
const noZones = !existsSync(`${ZONES}/Europe/Berlin`) && `needs ${ZONES}`;

/** Seconds east of UTC as `date` has them, at each of these seconds since the epoch. */
function offsetsByDate(tz: string, seconds: readonly number[]): number[] {
  const input = seconds.map((second) => `@${second}\n`).join('');
  const said = execFileSync('date', ['-f', '-', '+%::z'], { input, env: { ...process.env, TZ: tz }, encoding: 'utf8' });
  return said
    .trim()
    .split('\n')
    .map((text) => {
      const [hours, minutes, rest] = text.slice(1).split(':').map(Number);
      const size = hours! * 3600 + minutes! * 60 + rest!;
      return text.startsWith('-') ? 0 - size : size;
    });
}

function offsetsHere(tz: string, seconds: readonly number[]): number[] {
  const list = transitions(localZone(tz));
  let at = 0;
  return seconds.map((second) => {
    while (list[at + 1] && list[at + 1]!.from <= second) at++;
    return list[at]!.offset;
  });
}

/** Each half hour of a year. */
const times = Array.from({ length: 366 * 48 }, (_, i) => Date.UTC(2026, 0) / 1000 + i * 1800);

test('TZ is taken as libc takes it', { skip: noDate || noZones }, () => {
  for (const tz of [
    ...[
      '',
      'UTC',
      'UTC0',
      'Europe/Berlin',
      ':Europe/Berlin',
      'posix/Asia/Tokyo',
      'Etc/GMT+2',
      'EST5EDT',
      ':/etc/localtime',
    ],
    ...[
      `${ZONES}/Europe/Berlin`,
      `:${ZONES}/Asia/Kolkata`,
      'Nonsense/Zone',
      '/no/such/file',
      'GMT+2',
      'UTC-3',
      'JST-9',
    ],
    ...['<+03>-3', '<-0330>3:30', 'IST-5:30', 'XYZ-14:30', 'CET-1CEST,M3.5.0,M10.5.0/3'],
    ...[
      'NZST-12NZDT,M9.5.0,M4.1.0/3',
      'AAA3BBB2:30,J60/0,J300',
      'AAA3BBB,59/1:30,300/26',
      '<-02>2<-01>,M3.5.0/-1,M10.5.0/0',
    ],
  ]) {
    const [here, there] = [offsetsHere(tz, times), offsetsByDate(tz, times)];
    const differs = times.findIndex((_, i) => here[i] !== there[i]);
    assert.equal(
      differs,
      -1,
      `TZ=${tz}: ${localZone(tz)} has ${here[differs]} for ${there[differs]} at ${times[differs]}`,
    );
  }
});

test('without TZ the zone is that of the file, a link to one or a copy of one', { skip: noZones }, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-zone-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [link, copy] = [join(dir, 'link'), join(dir, 'copy')];
  symlinkSync(`${ZONES}/Europe/Berlin`, link);
  copyFileSync(`${ZONES}/Europe/Berlin`, copy);
  const saved = process.env.TZ;
  delete process.env.TZ;
  t.after(() => {
    if (saved !== undefined) process.env.TZ = saved;
  });
  assert.equal(localZone(undefined, link), 'Europe/Berlin');
  assert.equal(localZone(undefined, copy), 'CET-1CEST,M3.5.0,M10.5.0/3');
  assert.equal(localZone(undefined, join(dir, 'none')), 'UTC');
});
