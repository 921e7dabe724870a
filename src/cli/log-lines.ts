/**
 * Lines that were found, as a terminal or a program wants them:
 *
 *   2026-11-30T12:00:00.123Z web-1 /var/log/nginx/a.log GET / 200
 *
 * or, as JSON, a document a line with its id and index. What they hold comes from outside: at a terminal none of its control
 * characters gets through, but line ends, behind which a line goes on indented.
 */
import { once } from 'node:events';
import type { FoundRecord } from '../consumers/opensearch/search/search.ts';
import { printable, printableJson } from '../report/render.ts';

interface Stdout {
  isTTY?: boolean | undefined;
  write(text: string): boolean;
  once(event: 'drain', then: () => void): unknown;
}

const DIM = 2;
const CYAN = 36;
const GREEN = 32;
const LEVELS: Readonly<Record<string, number>> = {
  fatal: 31,
  emergency: 31,
  alert: 31,
  critical: 31,
  error: 31,
  err: 31,
  warning: 33,
  warn: 33,
  notice: 36,
  debug: 2,
  trace: 2,
};

export class LogLines {
  readonly #json: boolean;
  readonly #ids: boolean;
  readonly #out: Stdout;
  readonly #tty: boolean;
  readonly #colours: boolean;
  count = 0;

  /** `ids`: shown behind each line; default: at a terminal. */
  constructor(
    { json, ids }: { json: boolean; ids?: boolean | undefined },
    out: Stdout = process.stdout,
    env: Readonly<Record<string, string | undefined>> = process.env,
  ) {
    this.#json = json;
    this.#out = out;
    this.#tty = out.isTTY ?? false;
    this.#ids = ids ?? this.#tty;
    this.#colours = this.#tty && !env.NO_COLOR;
  }

  /** Resolves when there is room for more. `meant`: the one that others are around. */
  async print(found: FoundRecord, meant = false): Promise<void> {
    this.count++;
    const line = this.#json ? this.#jsonOf(found) : this.#textOf(found, meant);
    if (!this.#out.write(`${line}\n`)) await once(this.#out as never, 'drain');
  }

  #jsonOf({ id, index, source }: FoundRecord): string {
    const line = JSON.stringify({ _id: id, _index: index, ...source });
    return this.#tty ? printableJson(line) : line;
  }

  #textOf({ id, source }: FoundRecord, meant: boolean): string {
    const { host, log, event, message } = source;
    const from = log?.file?.path ?? event?.dataset ?? '';
    const level = String(log?.level ?? '').toLowerCase();
    const said = typeof message === 'string' ? message : JSON.stringify(withoutEnvelope(source));
    const [first = '', ...rest] = said.split('\n').map((line) => this.#safe(line));
    const parts = [
      ...(meant ? [this.#in(GREEN, '>')] : []),
      this.#in(DIM, this.#safe(String(source['@timestamp'] ?? ''))),
      this.#in(CYAN, this.#safe(String(host?.name ?? ''))),
      this.#in(DIM, this.#safe(String(from))),
      this.#in(LEVELS[level] ?? 0, [first, ...rest.map((line) => `    ${line}`)].join('\n')),
      ...(this.#ids ? [this.#in(DIM, this.#safe(id))] : []),
    ];
    return parts.filter((part) => part !== '').join(' ');
  }

  #safe(text: string): string {
    return this.#tty ? printable(text) : text;
  }

  /** In a colour (SGR). */
  #in(code: number, text: string): string {
    return this.#colours && code > 0 && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

/** What a record without a message says: its own fields. */
function withoutEnvelope(source: Record<string, unknown>): Record<string, unknown> {
  const { '@timestamp': _, host: __, labels: ___, log: ____, event: _____, ...own } = source;
  return own;
}
