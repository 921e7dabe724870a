/** The formats of lines once more, in plain TypeScript: what the kernel's parsers must find. Texts are latin1, a letter a byte. */
import type { Values } from './format-lab.ts';

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const QUOTED = String.raw`"((?:[^"\\]|\\[\s\S])*)"`;
const [COMMON, COMBINED] = ['()()', ` ${QUOTED} ${QUOTED}`].map(
  (agent) =>
    new RegExp(
      String.raw`^((?:[^ ]*, )+[^ ]*(?<!,)|[^ ]+(?<!,)) ([^ ]+) (?!- (?!\[))((?:(?! \[| - )[\s\S])+) \[([\s\S]{26})\] ${QUOTED} (\d{3}) (\d+|-)${agent}(?: ([\s\S]*))?$`,
    ),
);

/** Milliseconds of a date and a time of day, null: there is none such. */
export function dateOf(year: number, month: number, day: number, h: number, m: number, s: number): number | null {
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || h > 23 || m > 59 || s > 60) return null;
  return date.getTime() + ((h * 60 + m) * 60 + s) * 1000;
}

export function monthOf(name: string): number {
  return MONTHS.indexOf(name.toLowerCase()) + 1;
}

function since1970(ms: number): number | null {
  return ms < 0 ? null : ms;
}

export function apacheTwin(text: string): number | null {
  const found = /^(\d\d)\/(...)\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text);
  if (!found) return null;
  const [day, , year, h, m, s] = found.slice(1, 7).map(Number) as number[];
  const [hours, minutes] = [Number(found[8]), Number(found[9])];
  if (hours > 23 || minutes > 59) return null;
  const ms = dateOf(year!, monthOf(found[2]!), day!, h!, m!, s!);
  return ms === null ? null : since1970(ms - (hours * 60 + minutes) * 60_000 * (found[7] === '-' ? -1 : 1));
}

/** Without a zone: UTC. */
export function isoTwin(text: string): number | null {
  const found =
    /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{0,9}))?)?( ?(?:[Zz]|UTC|GMT)| ?[+-]\d\d(?::?\d\d)?)?$/.exec(
      text,
    );
  if (!found) return null;
  const [year, month, day, h, m, s = 0] = found.slice(1, 7).map((part) => Number(part ?? 0)) as number[];
  const ms = dateOf(year!, month!, day!, h!, m!, s);
  const [, sign, hours = '0', minutes = '0'] = /([+-])(\d\d):?(\d\d)?/.exec(found[8] ?? '') ?? [];
  if (ms === null || Number(hours) > 23 || Number(minutes) > 59) return null;
  const east = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const second = ms - east;
  return second < 0 ? null : second + Number((found[7] ?? '').padEnd(3, '0').slice(0, 3));
}

function unlessNone(text: string | undefined): string | undefined {
  return text === '-' || text === '' ? undefined : text?.replace(/\\([\s\S])/g, (two, c) => (c === '"' ? '"' : two));
}

function number(text: string): unknown {
  return /^(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
}

/** Fields as undefined where they are absent. */
export function accessTwin(line: string, combined: boolean, rest: boolean, vhost = false): Values | null {
  if (vhost) {
    const [, host, behind] = /^([^ ]+) ([\s\S]*)$/.exec(line) ?? [];
    if (host === undefined) return null;
    const [, domain = host, port] = /^([\s\S]+):(\d+)$/.exec(host) ?? [];
    const values = accessTwin(behind!, combined, rest);
    if (!values || (port === undefined && values.ident !== undefined)) return null;
    return { ...values, domain, port: port === undefined ? undefined : number(port) };
  }
  const found = (combined ? COMBINED! : COMMON!).exec(line);
  const ms = found && apacheTwin(found[4]!);
  if (!found || ms === null || (found[10] !== undefined && !rest)) return null;
  const request = /^([A-Za-z_-]+) ([\s\S]+) HTTP\/(\d(?:\.\d)?)$/.exec(found[5]!);
  return {
    '@timestamp': new Date(ms).toISOString(),
    address: found[1] === '-' ? undefined : found[1],
    ident: found[2] === '-' ? undefined : found[2],
    user: found[3] === '-' ? undefined : found[3],
    method: request?.[1],
    url: unlessNone(request ? request[2] : found[5]),
    version: request?.[3],
    status: number(found[6]!),
    bytes: found[7] === '-' ? undefined : number(found[7]!),
    referrer: unlessNone(found[8]),
    agent: unlessNone(found[9]),
    rest: found[10] === '"-"' ? undefined : found[10],
  };
}
