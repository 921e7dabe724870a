/**
 * Masking of plain lines in plain TypeScript, by regular expressions of V8: what the kernel has to find, another way. And
 * lines to compare them on: secrets, and what is one sign away from being one.
 */

import { Pool, type Slot } from '../../src/core/pool.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { atOnce, MaskKernel } from '../../src/kernel/process/mask.ts';
import { MASK_RULES, type MaskRule } from '../../src/kernel/process/mask-rules.ts';

type Found = [from: number, to: number];

const CLOUD = [
  String.raw`A[KS]IA[0-9A-Z]{16}(?!\w)`,
  String.raw`AIza[\w-]{31,}`,
  String.raw`gh[a-z]_\w{20,}`,
  String.raw`github_pat_\w{19,}`,
  String.raw`glpat-[\w-]{16,}`,
  String.raw`xox.-[\w-]{10,}`,
  String.raw`ya29\.[\w-]{15,}`,
  String.raw`[sr]k_live_\w{12,}`,
];
const NAME = '(?:password|passwd|passwort|passphrase|pwd|token|api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?)';

const RULES: Record<string, RegExp> = {
  bearer: /(?<!\w)(?:bearer|basic)[ \t]+([\w.~+/=-]*[\w~+/=-])/dgi,
  jwt: /(?<!\w)eyJ[\w-]*(?:\.[\w-]*){0,4}/dg,
  cloud_key: new RegExp(String.raw`(?<!\w)(?:${CLOUD.join('|')})`, 'gd'),
  email: /[\w.+%-]+(?=@((?:[A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9])(?!\.?[A-Za-z0-9-]*[A-Za-z0-9]))/dg,
  password: new RegExp(
    String.raw`${NAME} *[=:] *(?:"([^"]*)(?:"|$)|(?:(?:bearer|basic) {1,8})?(?!(?:bearer|basic) )([^\s"',;&)\]}([{][^\s"',;&)\]}]*))`,
    'gid',
  ),
};

function luhn(digits: string): boolean {
  let sum = 0;
  for (const [i, digit] of [...digits].reverse().entries()) {
    const twice = Number(digit) * (1 + (i % 2));
    sum += twice > 9 ? twice - 9 : twice;
  }
  return sum % 10 === 0;
}

const ISSUERS =
  /^(?:4(?:.{12}|.{15}|.{18})|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720).*(?<=^.{16})|3[47].{13}|(?:3[689]|30[0-5]|3095).{12,}|(?:6011|65|64[4-9]|35(?:2[89]|[3-8]\d)|62|220[0-4]).*(?<=^.{16,})|(?:50(?:18|20|38)|5893|6304|6759|676[123]).*)$/;

function* cards(line: string): Generator<Found> {
  let done = 0;
  for (const { index } of line.matchAll(/(?<![\w])(?<!\d\.)\d/g)) {
    if (index < done) continue;
    let last: Found | null = null;
    for (const separator of ['', ' ', '-']) {
      const shape = separator === '' ? /^\d+/ : new RegExp(`^(?:\\d{4,6}${separator})*\\d+`);
      const run = shape.exec(line.slice(index))?.[0] ?? '';
      for (let end = run.length; end >= 13; end--) {
        const text = run.slice(0, end);
        const behind = line.slice(index + end);
        const digits = text.replaceAll(/\D/g, '');
        if (/\D$/.test(text) || /^(?:\w|-\w|\.\d)/.test(behind) || digits.length < 13 || digits.length > 19) continue;
        if (luhn(digits) && ISSUERS.test(digits) && (!last || index + end > last[1])) last = [index, index + end];
      }
    }
    if (!last) continue;
    done = last[1];
    yield last;
  }
}

/** A line as it should become with all these rules and nothing in the place of secrets but stars. */
export function maskedByTwin(line: string): string {
  const numbers = [...cards(line)];
  const found: Found[] = numbers.map(([from, to]) => [-from - 1, to]);
  for (const [rule, pattern] of Object.entries(RULES)) {
    for (const match of line.matchAll(pattern)) {
      const group = rule === 'email' || !match[1] ? (match[2] ? 2 : 0) : 1;
      let [from, to] = match.indices![group]!;
      if (rule === 'password' && group === 0) continue;
      // A value that a card begins with is all of it.
      if (rule === 'password') to = Math.max(to, numbers.find(([at]) => at === from)?.[1] ?? 0);
      const secret = line.slice(from, to);
      // Words about it.
      if (rule === 'bearer' && /^basic/i.test(match[0]) && /^[A-Za-z][a-z]*$/.test(secret)) continue;
      if (rule === 'jwt') {
        const dots = match[0].split('.').length - 1;
        if (dots > 2 && match[0].endsWith('.')) to--;
        const whole = dots >= 2 && to - from > 20;
        if (!whole && (to < line.length || to - from <= 40)) continue;
      }
      found.push([from, to]);
    }
  }
  const signs = [...line];
  for (const [from, to] of found) {
    if (from >= 0) signs.fill('*', from, to);
    else {
      const digits = signs
        .map((sign, i) => (i >= -from - 1 && i < to && /\d/.test(sign) ? i : -1))
        .filter((i) => i >= 0);
      for (const i of digits.slice(0, -4)) signs[i] = '*';
    }
  }
  return signs.join('');
}

const SECRETS = [
  '4111111111111111',
  '4111 1111 1111 1111',
  '5500-0055-5555-5559',
  '378282246310005',
  '3782 822463 10005',
  '6011111111111117',
  '4222222222222',
  'Bearer a1B2c3D4',
  'bearer x.y-z~1+/=',
  'Basic dXNlcjpwYXNz',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N',
  'AKIAIOSFODNN7EXAMPLE',
  'ASIAIOSFODNN7EXAMPLE',
  'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
  'xoxb-123456789012-abcdef',
  'AIzaSyA1234567890abcdefghijklmnopqrstuvw',
  'sk_live_4eC39HqLyjWDarjtT1zdp7dc',
  'glpat-abcdefghij0123456789',
  'alice@example.com',
  'bob.b+x@mail.example.org',
  'x@y.zz',
  'password=hunter2',
  'db_password: s3cr3t!',
  'token="a b c"',
  'api_key=abc123',
  'SECRET_ACCESS_KEY=abc/def+g',
  'Pwd=x',
];
const OTHERS = [
  'GET /index.html',
  '2026-11-30 22:55:25',
  '1764543210123',
  '1764543210123456',
  '0.4111111111111111',
  '550e8400-e29b-41d4-a716-446655440000',
  '7f3a9c41111111111111110b',
  'status 200',
  'the',
  'passing',
  'secretary',
  'tokens',
  'user@host',
  'react@18.2.0',
  'rest api',
  'ey',
  'AKIA',
  '-----',
  'x'.repeat(40),
  '4111',
  '12 34 5678 9012',
];
const BETWEEN = [' ', '  ', ', ', '; ', ' | ', '\t', ' (', ') ', '" '];

/** A line made of these, some of them with a sign changed, so that secrets lie at any place and may be none. */
export function maskLine(random: () => number): string {
  const of = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  let line = 'z'.repeat(Math.floor(random() * 17));
  for (let parts = 1 + Math.floor(random() * 5); parts > 0; parts--) {
    let part = of(random() < 0.5 ? SECRETS : OTHERS);
    if (random() < 0.3) {
      const at = Math.floor(random() * part.length);
      part = `${part.slice(0, at)}${of(['', '0', '7', 'x', ' ', '.', '-', '_'])}${part.slice(at + 1)}`;
    }
    line += of(BETWEEN) + part;
  }
  return random() < 0.5 ? line : line + of(BETWEEN);
}

/** The kernel over lines of a batch, with a pool of its own. */
export class MaskLab {
  readonly #kernel: Kernel;
  readonly slot: Slot;

  private constructor(kernel: Kernel, slot: Slot) {
    this.#kernel = kernel;
    this.slot = slot;
  }

  static async make(): Promise<MaskLab> {
    const pool = new Pool(12 << 20, 1);
    return new MaskLab(new Kernel(pool.memory, pool.arenas), await pool.take(pool.share('mask'), 'batch'));
  }

  /** ns a byte of masking lines, the best of so many rounds. */
  cost(rules: readonly MaskRule[], lines: readonly string[], rounds: number): number {
    const { slot } = this;
    const used = slot.bytes.write(`${lines.join('\n')}\n`);
    const count = this.#kernel.findLines(slot, slot.bytesAt, slot.bytesAt + used, slot.bytesAt, 0);
    const arena = this.#kernel.takeArena();
    const masks = new MaskKernel(this.#kernel.process, arena, rules, null);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      const before = performance.now();
      atOnce(masks.mask(slot, count, 0, false));
      best = Math.min(best, performance.now() - before);
    }
    this.#kernel.giveArena(arena);
    return (best * 1e6) / used;
  }

  /** Lines as they become; what stands behind the last one in memory is `behind`. */
  mask(rules: readonly MaskRule[], lines: readonly string[], key: Buffer | null = null, behind = ''): string[] {
    const { slot } = this;
    const { bytesAt, starts, ends, bytes } = slot;
    const used = bytes.write(`${lines.join('\n')}\n${behind}`) - Buffer.byteLength(behind);
    const count = this.#kernel.findLines(slot, bytesAt, bytesAt + used, bytesAt, 0);
    const arena = this.#kernel.takeArena();
    const masks = new MaskKernel(this.#kernel.process, arena, rules, key);
    atOnce(masks.mask(slot, count, 0, false));
    this.#kernel.giveArena(arena);
    return Array.from({ length: count }, (_, i) => {
      const [from, to] = [starts[i]! - bytesAt, ends[i]! - bytesAt];
      if (i > 0 && from <= ends[i - 1]! - bytesAt) throw new Error('records overlap');
      if (bytes[to]! >= 0x20) throw new Error('nothing stops behind a record');
      return bytes.toString('utf8', from, to);
    });
  }
}

export const ALL_RULES: readonly MaskRule[] = MASK_RULES.map((rule) => ({ rule, with: null }));
