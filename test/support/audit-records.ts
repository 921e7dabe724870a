/** Records and seals of made-up audit streams, as an agent writes them, and what may be done to them. */
import { writeFileSync } from 'node:fs';
import { auditRecord, recordHash, ZEROS } from '../../src/audit/record.ts';
import { keyPair, makeSeal, sealHash, sealRecord } from '../../src/audit/seal.ts';

export interface MadeRecord {
  partition: number;
  key: string;
  headers: Record<string, string>;
  value: Buffer;
}

export function madeKey(n: number) {
  return keyPair(Buffer.alloc(32, n));
}

/** One stream of one agent; a copy of it is what a backup of its data_dir is. */
export class MadeStream {
  readonly name: string;
  readonly id: string;
  sequence = 0;
  previous = ZEROS;
  sealed = 0;
  sealHash = ZEROS;
  keyNumber: number;
  #time: number;

  /** `begins`: the time of its first record. */
  constructor(name: string, { id = '0123456789abcdef', key = 1, begins = '2026-12-01T07:00:00.000Z' } = {}) {
    this.#time = Date.parse(begins);
    this.name = name;
    this.id = id;
    this.keyNumber = key;
  }

  copy(): MadeStream {
    const copy = new MadeStream(this.name, { id: this.id, key: this.keyNumber });
    const { sequence, previous, sealed, sealHash } = this;
    return Object.assign(copy, { sequence, previous, sealed, sealHash });
  }

  /** Nothing comes for so long. */
  pause(ms: number): void {
    this.#time += ms;
  }

  time(): string {
    this.#time += 1;
    return new Date(this.#time).toISOString();
  }

  event(text = `event ${this.sequence + 1}`): MadeRecord {
    const client = Buffer.from(
      `{"@timestamp":"2026-12-01T07:00:00.000Z","event":{"id":"${text}","action":"paid"},"message":"${text}"}`,
    );
    const link = { stream: this.id, sequence: ++this.sequence, time: this.time() };
    const hash = recordHash(this.previous, link, client);
    const whole = { ...link, previous: this.previous, hash };
    this.previous = hash;
    const headers = { stream: this.name, sequence: String(this.sequence) };
    return { partition: 0, key: this.name, headers, value: auditRecord(client, whole) };
  }

  /** `next`: the number of the key that follows, where this seal is the last of its key. */
  seal({ next = this.keyNumber, key = this.keyNumber } = {}): MadeRecord {
    const unsigned = {
      time: this.time(),
      stream: this.id,
      from: this.sealed + 1,
      to: this.sequence,
      head: this.previous,
      previous_seal: this.sealHash,
      next_key: madeKey(next).key,
    };
    const seal = makeSeal(unsigned, madeKey(key));
    this.sealHash = sealHash(unsigned);
    this.sealed = this.sequence;
    this.keyNumber = next;
    return { partition: 0, key: this.name, headers: { stream: this.name }, value: sealRecord(seal) };
  }

  /** So many events, a seal after every ten and one at the end. */
  run(events: number, every = 10): MadeRecord[] {
    const made: MadeRecord[] = [];
    for (let i = 1; i <= events; i++) {
      made.push(this.event());
      if (i % every === 0 || i === events) made.push(this.seal());
    }
    return made;
  }
}

/** As `audit export` does. */
export function writeMade(path: string, records: readonly MadeRecord[]): void {
  const lines = records.map(({ partition, key, headers, value }, offset) =>
    JSON.stringify({ partition, offset, key, headers, value: value.toString('base64') }),
  );
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
}
