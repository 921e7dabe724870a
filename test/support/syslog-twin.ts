/** syslog, klog, csv and logfmt once more, in plain TypeScript. Texts are latin1, a letter a byte. */

import type { Values } from './format-lab.ts';
import { dateOf, isoTwin, monthOf } from './format-twin.ts';

const DAY = 86_400_000;
const iso = (ms: number) => new Date(ms).toISOString();

/** Of UTC: the year that is nearest to `now` without being days ahead. */
export function nearestTwin(month: number, day: number, h: number, m: number, s: number, now: number): number | null {
  const year = new Date(now).getUTCFullYear();
  const all = [1, 0, -1].map((by) => dateOf(year + by, month, day, h, m, s));
  const near = all.filter(
    (ms) => ms !== null && Math.floor(ms / 1000) - Math.floor(now / 1000) <= (2 * DAY) / 1000,
  ) as number[];
  if (near.length > 0) return near.reduce((a, b) => (Math.abs(b - now) < Math.abs(a - now) ? b : a));
  for (let by = 2; month === 2 && day === 29 && by <= 8; by++) {
    const ms = dateOf(year - by, month, day, h, m, s);
    if (ms !== null) return ms;
  }
  return null;
}

/** What stands at the beginning, and how long it is. */
export function bsdTwin(text: string, now: number): { ms: number; length: number } | null {
  const found = /^([a-z]{3}) {1,2}(\d\d?)(?: (\d{4}))? (\d\d):(\d\d):(\d\d)(?:[.,](\d{0,9})(?!\d))?/i.exec(text);
  if (!found || (/[.,]/.test(text[found[0].length] ?? '') && found[7] === undefined)) return null;
  const [day, , h, m, s] = found.slice(2, 7).map(Number) as number[];
  const month = monthOf(found[1]!);
  const ms =
    found[3] === undefined || found[3] === '0000'
      ? nearestTwin(month, day!, h!, m!, s!, now)
      : dateOf(Number(found[3]), month, day!, h!, m!, s!);
  if (ms === null || ms < 0 || month === 0 || h! > 23 || m! > 59 || s! > 60) return null;
  return { ms: ms + Number((found[7] ?? '').padEnd(3, '0').slice(0, 3)), length: found[0].length };
}

const unlessDash = (text: string) => (text === '-' ? undefined : text);

export function syslogTwin(line: string, now: number): Values | null {
  let text = line.replace(/^\d{1,7} (?=<)/, '');
  const found: Values = {};
  if (text.startsWith('<')) {
    const pri = /^<(\d{1,3})>/.exec(text);
    if (!pri || Number(pri[1]) > 191) return null;
    const priority = Number(pri[1]);
    Object.assign(found, { priority, facility: priority >> 3, severity: priority & 7, level: `level${priority & 7}` });
    text = text.slice(pri[0].length);
  }
  const version = /^(\d{1,3}) /.exec(text);
  if (version) {
    const rest = /^(?!0)(\d{1,3}) ([^ ]*) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) (-|(?:\[[\s\S]*)?)/.exec(text);
    if (!rest || rest[7] === '') return null;
    if (rest[2] !== '-') {
      const ms = isoTwin(rest[2]!);
      if (ms === null) return null;
      found['@timestamp'] = iso(ms);
    }
    const [host, app, pid, msgid] = rest.slice(3, 7).map(unlessDash);
    Object.assign(found, { version: rest[1], host, app, pid, msgid });
    const sd = structuredTwin(text.slice(rest[0].length - rest[7]!.length));
    if (!sd) return null;
    if (sd.value) found.structured = sd.value;
    if (sd.rest !== '' && sd.rest[0] !== ' ') return null;
    found.message = sd.rest.slice(1).replace(/^\xef\xbb\xbf/, '');
    return found;
  }
  const isoText = /^\d[^ ]*/.exec(text)?.[0];
  const ms = isoText === undefined ? bsdTwin(text, now) : isoTwin(isoText);
  if (ms === null) return null;
  found['@timestamp'] = iso(typeof ms === 'number' ? ms : ms.ms);
  text = text.slice(typeof ms === 'number' ? isoText!.length : ms.length);
  if (text === '') return { ...found, message: '' };
  if (text[0] !== ' ') return null;
  text = text.slice(1);
  const early = appTwin(text, false);
  if (early) return { ...found, ...early };
  const host = /^[^ ]*/.exec(text)![0];
  if (host === '') return null;
  text = text.slice(host.length + 1);
  return { ...found, host: unlessDash(host), ...(appTwin(text, true) ?? { message: text }) };
}

function appTwin(text: string, words: boolean): Values | null {
  const name = /^(?:(?!\[|:(?: |$))[\s\S])*/.exec(text)![0];
  const sign = text[name.length];
  if (name.length >= 128 || name === '' || sign === undefined || (!words && name.includes(' '))) return null;
  const rest = text.slice(name.length);
  if (sign === ':') {
    if (!/^[^ ]*(?: \d[\d.-]*)?$/.test(name)) return null;
    return { app: name, message: rest.slice(1).replace(/^ /, '') };
  }
  const pid = /^\[([^\]]{0,127})\]/.exec(rest);
  if (!pid || (name.includes(' ') && (!/^\[\d/.test(rest) || name.endsWith(' ')))) return null;
  const behind = rest.slice(pid[0].length);
  const round = /^ (\([^)]{0,126}\):[\s\S]*)/.exec(behind);
  if (round) return { app: name, pid: pid[1], message: round[1] };
  return behind[0] === ':' ? { app: name, pid: pid[1], message: behind.slice(1).replace(/^ /, '') } : null;
}

function structuredTwin(text: string): { value: unknown; rest: string } | null {
  if (text[0] === '-') return { value: undefined, rest: text.slice(1) };
  const NAME = String.raw`[!#-<>-\\^-~]+`;
  const PARAM = String.raw` (${NAME})="((?:[^"\\]|\\[\s\S])*)"`;
  const element = new RegExp(String.raw`^\[(${NAME})((?:${PARAM})*)\]`);
  const value = new Map<string, Map<string, string[]>>();
  for (let found = element.exec(text); found; found = element.exec(text)) {
    const params = value.get(found[1]!) ?? new Map<string, string[]>();
    value.set(found[1]!, params);
    for (const [, name, one] of found[2]!.matchAll(new RegExp(PARAM, 'g'))) {
      const text = Buffer.from(one!.replace(/\\(["\\\]])/g, '$1'), 'latin1').toString();
      params.set(name!, [...(params.get(name!) ?? []), text]);
    }
    text = text.slice(found[0].length);
    if (text[0] !== '[') {
      const plain = [...value].map(([id, of]) => [
        id,
        Object.fromEntries([...of].map(([name, all]) => [name, all.length > 1 ? all : all[0]])),
      ]);
      return { value: Object.fromEntries(plain), rest: text };
    }
  }
  return null;
}

export function klogTwin(line: string, now: number): Values | null {
  const found =
    /^([IWEF])(\d\d|\d(?!\d))( ?(?:\d\d|\d(?!\d))) +(\d\d?):(\d\d?):(\d\d?)(?:[.,](\d{1,9}))? +(\d+) ([^\]]+):(\d+)\]([\s\S]*)$/.exec(
      line,
    );
  if (!found) return null;
  const [month, day, h, m, s] = found.slice(2, 7).map(Number) as number[];
  const ms = nearestTwin(month!, day!, h!, m!, s!, now);
  if (ms === null) return null;
  const number = (text: string) => (/^(0|[1-9]\d*)$/.test(text) ? Number(text) : text);
  return {
    '@timestamp': iso(ms + Number((found[7] ?? '').padEnd(3, '0').slice(0, 3))),
    level: `level${'IWEF'.indexOf(found[1]!)}`,
    pid: number(found[8]!),
    file: found[9],
    line: number(found[10]!),
    message: found[11]!.replace(/^ /, ''),
  };
}

export function csvTwin(line: string, columns: readonly string[], separator: string): Values | null {
  const cells: string[] = [];
  let text = line;
  for (;;) {
    const found =
      text[0] === '"' ? /^"((?:[^"]|"")*)"(?!")/.exec(text) : new RegExp(`^([^"\\${separator}]*)`).exec(text);
    if (!found) return null;
    cells.push(found[0][0] === '"' ? found[1]!.replaceAll('""', '"') : found[1]!);
    text = text.slice(found[0].length);
    if (text === '') break;
    if (text[0] !== separator) return null;
    text = text.slice(1);
  }
  if (cells.length !== columns.length) return null;
  return Object.fromEntries(columns.map((name, i) => [name, cells[i]]));
}

const GO: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  a: '\x07',
  v: '\v',
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
};

/** Pairs beside the names that are known, those of the name host apart. */
export function logfmtTwin(line: string, names: readonly string[]): Values | null {
  const found: Values = {};
  const rest: Values = {};
  const apart: Values = {};
  let assigned = false;
  const space = '[ \\t-\\r]';
  const one = new RegExp(
    `^([^ =\\t-\\r]+)(?:(=)(?:"((?:[^"\\\\]|\\\\[\\s\\S])*)"(?=${space}|$)|((?!")[^ \\t-\\r]*)))?`,
  );
  for (let text = line; ; ) {
    text = text.replace(/^[ \t-\r]+/, '');
    if (text === '') break;
    const pair = one.exec(text);
    if (!pair || text[0] === '"') return null;
    if (text[pair[0].length] === '=') return null;
    assigned ||= pair[2] === '=';
    const value = pair[3] === undefined ? pair[4] : unescapeTwin(pair[3]);
    (names.includes(pair[1]!) ? found : pair[1] === 'host' ? apart : rest)[pair[1]!] = pair[2] === '=' ? value : true;
    text = text.slice(pair[0].length);
  }
  if (!assigned) return null;
  const some = (of: Values) => Object.keys(of).length > 0;
  return { ...found, ...(some(rest) && { pairs: rest }), ...(some(apart) && { conflicts: apart }) };
}

function unescapeTwin(text: string): string {
  const bytes = (code: number) => Buffer.from(String.fromCodePoint(code)).toString('latin1');
  const escapes =
    /\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3})|([ntrbfav"'\\/]))/g;
  return text.replace(escapes, (all, high, low, u, U, x, o, plain) => {
    if (high) return bytes(0x10000 + ((parseInt(high, 16) - 0xd800) << 10) + parseInt(low, 16) - 0xdc00);
    if (plain) return GO[plain]!;
    const code = parseInt(u ?? U ?? x ?? o, o ? 8 : 16);
    if ((u || U) && code > 0x10ffff) return all;
    if (o && code > 255) return all;
    if (x || o) return String.fromCharCode(code);
    return bytes(code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  });
}
