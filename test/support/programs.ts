/**
 * Random programs of steps over random lines: what comes of a batch, slice by slice, is what comes of each line by itself.
 * A line that leaves something behind for another, or two values in one place, is seen so.
 */
import assert from 'node:assert/strict';
import type { Processing } from '../../src/transforms/process.ts';
import { made, runSliced } from './processed.ts';
import { randomOf } from './random.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const ODD_KEYS = ['log.level', 'k.a', 'k.b', '@timestamp', 'message'];

const FIRST = [
  'json',
  ['json', 'none'],
  ['json', 'logfmt', 'none'],
  { json: { into: 'app' } },
  { json: { keep_message: 'true' } },
  { json: { on_failure: 'drop' } },
  'logfmt',
  { logfmt: { into: 'app' } },
  'syslog',
  'combined',
  { csv: { columns: ['a', 'b', 'c'] } },
  { regex: '^(?<a>\\S+) \\[(?<b>[^\\]]+)\\] (?<message>.*)' },
  ['syslog', 'combined', 'json', 'logfmt'],
];

export class RandomPrograms {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomOf(seed);
  }

  #below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #key = () => this.#pick(KEYS);

  /** One that may be configured: some name a field that there never is. */
  program(): object[] {
    for (;;) {
      const process = [{ parse: this.#pick(FIRST) }, ...Array.from({ length: this.#below(8) }, () => this.#verb())];
      if (isAllowed(process)) return process;
    }
  }

  lines(count: number): string[] {
    return Array.from({ length: count }, () => this.#line());
  }

  /** Without `sample`: which lines it takes may go by where they stand. */
  #verb(): object {
    const key = this.#key;
    return this.#pick<() => object>([
      () => ({ parse: { json: { field: key() } } }),
      () => ({ parse: { json: { field: key(), into: 'app' } } }),
      () => ({ parse: { logfmt: { field: key() } } }),
      () => ({ parse: { csv: { columns: ['a', 'b', 'z9'], field: key() } } }),
      () => ({ parse: { regex: { pattern: '^(?<z1>\\S+) (?<z2.y>.*)$', field: key() } } }),
      () => ({ parse: [{ json: { field: key() } }, { logfmt: { field: key() } }] }),
      () => ({ parse: 'json', when: { line: { contains: this.#pick(['a', 'b', 'X']) } } }),
      () => ({ set: Object.fromEntries(KEYS.slice(0, 1 + this.#below(4)).map((name) => [name, { lower: 'true' }])) }),
      () => ({ set: { [key()]: { from: key(), number: 'true' } } }),
      () => ({ drop: { [key()]: this.#pick(['X', 'GET', '5']) } }),
      () => ({ drop: { [key()]: { gt: 800 } } }),
      () => ({ keep: { line: { contains: ['a', 'x', 'p'] } } }),
      () => ({ rename: { [key()]: this.#pick(['z1', 'z2.y', 'z3']) } }),
      () => ({ rename: { app: 'q' } }),
      () => ({ remove: [key(), '*.p'] }),
      () => ({ remove: ['app.*', '*.y', '*.level'] }),
      () => ({ only: ['a', 'b', 'c', 'z*', 'log.*', 'message', 'deep.*', 'M', 'n'] }),
      () => ({ add: { seen: 'yes' }, when: { [key()]: { exists: true } } }),
      () => ({ route: `t${this.#below(3)}`, when: { [key()]: { exists: true } } }),
      () => ({ route: { by: key(), topics: { X: 'tx', GET: 't1' } } }),
      () => ({ time: key() }),
      () => ({ level: key() }),
      () => ({ metric: { name: 'n', count: 'true', by: [key()] } }),
    ])();
  }

  #line(): string {
    const kind = this.#below(120);
    if (kind < 4) return this.#pick(['plain text', '', '{bad', '[1]']);
    if (kind < 34) {
      return this.#pick([
        () => this.#logfmt(),
        () => `<${this.#below(192)}>Sep ${1 + this.#below(28)} 14:13:20 web app[${this.#below(99)}]: m`,
        () => `<34>1 2026-09-21T14:13:20Z h a 1 ID [x@1 k="v${this.#below(9)}" k="w"] msg`,
        () => `1.2.3.4 - al [21/Sep/2026:14:13:20 +0000] "GET /${this.#below(99)} HTTP/1.1" 200 9 "-" "c\\"url"`,
        () => `a${this.#below(9)},"b ""${this.#below(9)}""",c`,
        () => `x${this.#below(99)} [t] rest of ${this.#below(9)}`,
      ])();
    }
    const members = Array.from({ length: 1 + this.#below(9) }, () => {
      return `"${this.#below(12) > 0 ? this.#key() : this.#pick(ODD_KEYS)}":${this.#value()}`;
    });
    return `{${members.join()}}`;
  }

  #logfmt(): string {
    const value = () => this.#pick(['1', 'X', '"q r"', '"a\\"b"', '', 'GET', 'bob@example.org']);
    return Array.from({ length: 1 + this.#below(6) }, () => `${this.#key()}=${value()}`).join(' ');
  }

  #value(): string {
    return this.#pick([
      () => `"${this.#pick(['X', 'Hello', 'GET', 'ünï', 'a\\"b', '\\u0041', 'x'.repeat(this.#below(60))])}"`,
      () => String(this.#below(1000)),
      () => this.#pick(['true', 'null', '[1,"A"]']),
      () => `{"p":"${this.#pick(['Q', 'r'])}","q":${this.#below(9)}}`,
      () => JSON.stringify(this.#logfmt()),
      () => JSON.stringify(`{"n":${this.#below(5)},"M":"ZZ${this.#below(9)}","deep":{"k":"V"}}`),
    ])();
  }
}

function isAllowed(process: object[]): boolean {
  try {
    made(process).close();
    return true;
  } catch (error) {
    assert.match(String(error), /ValiError|name more than \d+ fields/);
    return false;
  }
}

/** Gives how many records there were. Throws where they differ, with the program. */
export async function compareProgram(process: object[], lines: readonly string[]): Promise<number> {
  const [many, one] = [made(process), made(process)];
  try {
    const all = await runSliced(many, lines);
    let i = 0;
    for (const line of lines) {
      const { texts, routes } = await runSliced(one, [line]);
      for (const [j, text] of texts.entries()) {
        assert.deepEqual(
          [alone(all.texts[i] ?? '{"log":{}}'), all.routes[i]],
          [alone(text), routes[j]],
          `${JSON.stringify(process)}, of ${line}`,
        );
        i++;
      }
    }
    assert.equal(all.texts.length, i, JSON.stringify(process));
    assert.deepEqual(counts(many), counts(one), JSON.stringify(process));
    return i;
  } finally {
    many.close();
    one.close();
  }
}

/** A record without what the lines before it have to do with. */
function alone(text: string): object {
  const record = JSON.parse(text);
  delete record.log.offset;
  delete record.log.skipped;
  return record;
}

function counts({ steps }: Processing): number[][] {
  return steps.map((step) => [step.in, step.out, step.failed]);
}
