/** Times in the kernel: formats, years that are left out, zones and their changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeTime, placeZone, type TimeFormat } from '../../../src/kernel/process/time.ts';
import { transitions } from '../../../src/kernel/process/zones.ts';
import { ANY_TIME, timeFormat } from '../../../src/transforms/time-formats.ts';
import { arena, below, clock, mutated, place, process } from '../../support/format-lab.ts';
import { apacheTwin, isoTwin } from '../../support/format-twin.ts';
import { nearestTwin } from '../../support/syslog-twin.ts';
import { localTwin } from '../../support/zone-twin.ts';

interface Exports {
  readTime(program: number, at: number, to: number): bigint;
}

const { readTime } = process.exports<Exports>();
const zones = new Map<string, number>();

function zoneAt(zone: string): number {
  if (!zones.has(zone)) zones.set(zone, placeZone(arena, zone));
  return zones.get(zone)!;
}

/** Reads texts; null: they are no times. */
function reader(formats: readonly TimeFormat[] = ANY_TIME, zone = 'UTC'): (text: string) => number | null {
  const program = placeTime(arena, formats, zoneAt(zone));
  return (text) => {
    const ms = Number(readTime(program, ...place(Buffer.from(text, 'latin1'))));
    return ms < 0 ? null : ms;
  };
}

const NOW = Date.UTC(2026, 10, 30, 22);
clock.useClock(NOW);
const utc = reader();
const berlin = reader(ANY_TIME, 'Europe/Berlin');

test('a time is known by its form', () => {
  const check = (text: string, wanted: string | null, read = utc) => {
    const ms = read(text);
    assert.equal(ms === null ? null : new Date(ms).toISOString(), wanted, text);
  };
  check('2026-09-21T14:13:20Z', '2026-09-21T14:13:20.000Z');
  check('2026-09-21 14:13:20,1239', '2026-09-21T14:13:20.123Z');
  check('2026-09-21 14:13:20.999999999+02:00', '2026-09-21T12:13:20.999Z');
  check('2026-09-21T14:13:20. -0330', '2026-09-21T17:43:20.000Z');
  check('2026-09-21T14:13+02', '2026-09-21T12:13:00.000Z');
  check('2026-09-21 14:13:20.5 UTC', '2026-09-21T14:13:20.500Z');
  check('2026-09-21 14:13:20.5 CEST', '2026-09-21T12:13:20.500Z', berlin);
  check('2026-06-30T23:59:60Z', '2026-07-01T00:00:00.000Z');
  for (const text of [
    '2026-02-30T10:00:00Z',
    '2026-09-21T24:00:00Z',
    '2026-09-21T10:00:00.0123456789Z',
    '2026-09-21',
    '1969-12-31T23:59:59Z',
    '',
    'now',
    '2026-09-21T14:13:20Z ',
    '2026-09-21 02:13:20 PM',
    '2026-09-21 02:13:20.5 am',
    'Mon Nov 30 10:00:00 PM 2026',
  ]) {
    check(text, null);
  }
  check('1790000000', '2026-09-21T14:13:20.000Z');
  check('1790000000.98765', '2026-09-21T14:13:20.987Z');
  check('1790000000123', '2026-09-21T14:13:20.123Z');
  check('1790000000123456', '2026-09-21T14:13:20.123Z');
  check('1790000000123456789', '2026-09-21T14:13:20.123Z');
  for (const text of ['179000000', '17900000000', '1790000000.', '-1790000000', '1.79e9']) check(text, null);
  check('21/Sep/2026:14:13:20 +0200', '2026-09-21T12:13:20.000Z');
  check('Sep 21 14:13:20', '2026-09-21T14:13:20.000Z');
  check('sep  1 14:13:20.25', '2026-09-01T14:13:20.250Z');
  check('Sep 1 2019 14:13:20', '2019-09-01T14:13:20.000Z');
  check('2026/11/30 10:00:00', '2026-11-30T10:00:00.000Z');
  check('1130 10:00:00.123456', '2026-11-30T10:00:00.123Z');
  check('Sun Dec 04 04:47:44 2005', '2005-12-04T04:47:44.000Z');
  check('Sun Dec  4 04:47:44.123456 2005', '2005-12-04T04:47:44.123Z');
  check('Mon Nov 30 10:00:00 UTC 2026', '2026-11-30T10:00:00.000Z', berlin);
  check('Mon, 30 Nov 2026 10:00:00 GMT', '2026-11-30T10:00:00.000Z', berlin);
  check('Mon, 30 Nov 2026 10:00:00 +0100', '2026-11-30T09:00:00.000Z');
  check('30 Nov 2026 10:00:00,123', '2026-11-30T10:00:00.123Z');
  check('30-Nov-2026 10:00:00.123', '2026-11-30T10:00:00.123Z');
  check('30/Nov/2026:10:00:00.123', '2026-11-30T10:00:00.123Z');
  check('Nov 30, 2026 12:51:40 AM', '2026-11-30T00:51:40.000Z');
});

test('a year that is left out is the nearest, and not days ahead', () => {
  const check = (now: string, text: string, wanted: string | null) => {
    clock.useClock(Date.parse(now));
    const ms = utc(text);
    assert.equal(ms === null ? null : new Date(ms).toISOString().slice(0, 19), wanted, `${text} at ${now}`);
  };
  check('2026-01-01T00:00:05Z', 'Dec 31 23:59:59', '2025-12-31T23:59:59');
  check('2026-12-31T23:59:59Z', 'Jan  1 00:00:01', '2027-01-01T00:00:01');
  check('2026-11-30T22:00:00Z', 'Dec 10 06:55:46', '2025-12-10T06:55:46');
  check('2026-11-30T22:00:00Z', 'Dec  1 06:55:46', '2026-12-01T06:55:46');
  check('2026-11-30T22:00:00Z', 'Feb 29 10:00:00', '2024-02-29T10:00:00');
  check('2026-11-30T22:00:00Z', '0230 10:00:00', null);
  for (let i = 0; i < 2000; i++) {
    const now = Date.UTC(2020 + below(12), below(12), 1 + below(31), below(24), below(60));
    const [month, day, h, m] = [1 + below(12), 1 + below(31), below(24), below(60)];
    const two = (value: number) => String(value).padStart(2, '0');
    clock.useClock(now);
    const text = `${two(month)}${two(day)} ${two(h)}:${two(m)}:07`;
    assert.equal(utc(text), nearestTwin(month, day, h, m, 7, now), `${text} at ${new Date(now).toISOString()}`);
  }
  clock.useClock(NOW);
});

test('any text is read as its twin reads it', () => {
  const iso = reader([timeFormat('iso')]);
  const apache = reader([timeFormat('apache')]);
  let times = 0;
  for (let i = 0; i < 20_000; i++) {
    const text = mutated(
      i % 2 ? '2026-02-28T14:13:20.123456+02:00' : '2024-12-30 23:59:60,5 UTC',
      '0123456789:.,-+ TZ',
    );
    assert.equal(iso(text), isoTwin(text), JSON.stringify(text));
    const other = mutated('28/Feb/2026:14:13:20 +0200', '0123456789:/-+ JFM');
    assert.equal(apache(other), apacheTwin(other), JSON.stringify(other));
    if (apacheTwin(other) !== null) times++;
  }
  assert.ok(times > 5000, `${times}`);
});

test('lines that follow one another are read as each alone', () => {
  const formats = ['iso', 'apache', 'rfc3164', 'ctime', '%d.%m.%Y %H:%M:%S%?f'].map(timeFormat);
  const together = formats.map((format) => reader([format]));
  const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
  let ms = Date.UTC(2026, 5, 1);
  for (let i = 0; i < 3000; i++) {
    ms += below(3) === 0 ? 0 : below(i % 3 ? 2000 : 100_000_000);
    if (ms > NOW) ms = Date.UTC(2026, 5, 1);
    const date = new Date(ms - (ms % 1000));
    const text = date.toISOString();
    const [y, month, d, time] = [text.slice(0, 4), months[date.getUTCMonth()]!, text.slice(8, 10), text.slice(11, 19)];
    const texts: string[] = [
      text.replace('Z', ''),
      `${d}/${month}/${y}:${time} +0000`,
      `${month} ${d.replace(/^0/, ' ')} ${time}`,
      `Mon ${month} ${d.replace(/^0/, ' ')} ${time} ${y}`,
      `${d}.${text.slice(5, 7)}.${y} ${time}`,
    ];
    for (const [k, read] of together.entries()) assert.equal(read(texts[k]!), date.getTime(), texts[k]!);
  }
});

test('local time is that of its zone, twice and never, too', () => {
  const check = (zone: string, text: string, wanted: string) => {
    assert.equal(new Date(reader(ANY_TIME, zone)(text)!).toISOString().slice(0, 19), wanted, `${text} in ${zone}`);
  };
  check('Europe/Berlin', '2026-07-01 12:00:00', '2026-07-01T10:00:00');
  check('Europe/Berlin', '2026-03-29 02:30:00', '2026-03-29T01:30:00');
  check('Europe/Berlin', '2026-10-25 02:30:00', '2026-10-25T01:30:00');
  check('Europe/Berlin', '2026-10-25 01:59:59', '2026-10-24T23:59:59');
  check('America/New_York', '1999-07-01 12:00:00', '1999-07-01T16:00:00');
  check('Asia/Kathmandu', '2026-01-01 00:00:00', '2025-12-31T18:15:00');
  check('+05:30', '2026-01-01 00:00:00', '2025-12-31T18:30:00');
  // The first of the two hours, while the second is to come.
  clock.useClock(Date.UTC(2026, 9, 25, 0, 45));
  check('Europe/Berlin', '2026-10-25 02:30:00', '2026-10-25T00:30:00');
  clock.useClock(NOW);
  for (const zone of ['Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Casablanca']) {
    const read = reader([timeFormat('iso')], zone);
    for (const { from } of transitions(zone).slice(-24)) {
      for (const by of [-7201, -3601, -1801, -1, 0, 1, 1799, 3599, 7199]) {
        const local = new Date((from + by) * 1000 + localTwin.offset(zone, from - 1) * 1000);
        const text = local.toISOString().slice(0, 19);
        assert.equal(
          read(text),
          localTwin.toUtc(zone, local.getTime() / 1000, NOW / 1000) * 1000,
          `${text} in ${zone}`,
        );
      }
    }
  }
});

test('a pattern reads what strptime would', () => {
  const check = (pattern: string, text: string, wanted: string | null) => {
    const ms = reader([timeFormat(pattern)])(text);
    assert.equal(ms === null ? null : new Date(ms).toISOString(), wanted, `${pattern} ${text}`);
  };
  check('%y%m%d %H%M%S', '081109 203615', '2008-11-09T20:36:15.000Z');
  check('%y/%m/%d %H:%M:%S', '17/06/09 20:10:40', '2017-06-09T20:10:40.000Z');
  check('%y-%m-%d %H', '69-06-09 20', null);
  check('%y-%m-%d %H', '70-06-09 20', '1970-06-09T20:00:00.000Z');
  check('%Y%m%d-%H:%M:%S:%L', '20171223-22:15:29:606', '2017-12-23T22:15:29.606Z');
  check('%Y%m%d-%H:%M:%S:%L', '20171224-0:7:2:9', '2017-12-24T00:07:02.009Z');
  check('%m-%d %H:%M:%S.%f', '03-17 16:13:38.811', '2026-03-17T16:13:38.811Z');
  check('%Y-%m-%d-%H.%M.%S.%f', '2005-06-03-15.42.50.363779', '2005-06-03T15:42:50.363Z');
  check('%m.%d %H:%M:%S', '10.30 16:49:06', '2026-10-30T16:49:06.000Z');
  check('%d %B %Y %I:%M %p', '4 December 2005 12:05 pm', '2005-12-04T12:05:00.000Z');
  check('%F %T%z', '2026-01-02 03:04:05+01:00', '2026-01-02T02:04:05.000Z');
  check('%j %Y %H', '366 2024 1', '2024-12-31T01:00:00.000Z');
  check('%j %Y %H', '366 2025 1', null);
  check('%s.%f', '1790000000.25', '2026-09-21T14:13:20.250Z');
  check('%d.%m.%Y  %H:%M %%ü', '1.2.2026    03:04 %\xc3\xbc', '2026-02-01T03:04:00.000Z');
  check('%d.%m.%Y %H:%M', '1.2.2026', null);
  const refuse = (pattern: string, wrong: RegExp) => assert.throws(() => timeFormat(pattern), wrong, pattern);
  refuse('%Y-%m-%d %Q', /has %Q at character 10, which is not known: there are %Y/);
  refuse('%H:%M', /has no date/);
  refuse('%Y-%m-%d', /has no hour/);
  refuse('%Y-%m-%d %I:%M', /needs %p with %I/);
  refuse('isso', /did you mean iso\?/);
});
