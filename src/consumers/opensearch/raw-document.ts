/**
 * Documents of a topic that was written with `encoding: raw`: the value is the line, and what is known of it stands in
 * headers (host, path, file, offset, length; skipped, flags, iostream; the rest are labels). It becomes what `json` would
 * have written, but for `event.dataset`, which no header has; `@timestamp` is the record's time.
 *
 * The kernel packs it as the agent does: the line is copied into its memory, and comes out as a Kafka record around the
 * document. What is around the line is the same for all lines of a file, and kept for the files seen last.
 */
import { MULTILINE, STDERR, STDOUT, TRUNCATED } from '../../core/batch.ts';
import { SCRATCH_BYTES, SLOT_BYTES, SLOT_CAPACITY, Slot } from '../../core/pool.ts';
import type { RecordSet } from '../../kafka/read/record-set.ts';
import { Kernel } from '../../kernel/kernel.ts';
import type { JsonEnvelope } from '../../records/envelope.ts';
import { COLUMNS, eachHeader, fillTable, VALUE, VALUE_END } from '../../records/record-table.ts';

const PAGE = 65536;
/** A document may be larger than its line. */
const OUT_BYTES = 8 << 20;
/** The kernel writes a little beyond what it is asked to. */
const OVERRUN = 4096;
/** What is around the lines of so many files is kept. */
const MOST_ENVELOPES = 1000;
const OF_A_LINE = ['host', 'path', 'file', 'offset', 'length'];
const NOT_LABELS = new Set([...OF_A_LINE, 'skipped', 'flags', 'iostream']);
const FLAGS: Readonly<Record<string, number>> = { truncated: TRUNCATED, multiline: MULTILINE };
const STREAMS: Readonly<Record<string, number>> = { stdout: STDOUT, stderr: STDERR };

type Headers = Map<string, string>;

/** The headers of a raw line; null: the record is none. */
export function rawHeaders({ bytes, table }: Pick<RecordSet, 'bytes' | 'table'>, row: number): Headers | null {
  const headers: Headers = new Map();
  try {
    eachHeader(bytes, table, row, (name, nameEnd, value, valueEnd) => {
      if (value >= 0) headers.set(bytes.toString('utf8', name, nameEnd), bytes.toString('utf8', value, valueEnd));
    });
  } catch {
    return null; // malformed: then it is nothing of the agent's
  }
  const numbers = [headers.get('offset'), headers.get('length')].every((text) => text && /^\d{1,15}$/.test(text));
  return numbers && OF_A_LINE.every((name) => headers.has(name)) ? headers : null;
}

export class RawDocuments {
  #kernel: Kernel | null = null;
  #slot!: Slot;
  #memory!: Buffer;
  #outAt = 0;
  readonly #row = new Int32Array(COLUMNS);
  readonly #envelopes = new Map<string, JsonEnvelope>();

  /** The document of a row whose headers these are: a view that holds until the next call. */
  document(set: Pick<RecordSet, 'bytes' | 'table' | 'timeOf'>, row: number, headers: Headers): Buffer {
    const line = set.bytes.subarray(set.table[row * COLUMNS + VALUE]!, set.table[row * COLUMNS + VALUE_END]!);
    const time = set.timeOf(row);
    return this.#packed(line, headers, time) ?? Buffer.from(JSON.stringify(plainDocument(line, headers, time)));
  }

  /** Null: it is too large for the kernel's memory. */
  #packed(line: Buffer, headers: Headers, time: number): Buffer | null {
    if (line.length > SLOT_CAPACITY) return null;
    const kernel = this.#start();
    const slot = this.#slot;
    line.copy(slot.bytes);
    slot.starts[0] = slot.bytesAt;
    slot.ends[0] = slot.bytesAt + line.length;
    slot.source[0] = 0;
    slot.length[0] = Number(headers.get('length'));
    slot.flags[0] = flagsOf(headers);
    const limitAt = this.#outAt + OUT_BYTES;
    const packed = kernel.pack(slot, 0, 1, {
      envelope: this.#envelope(headers),
      time,
      position: Number(headers.get('offset')),
      skipped: Number(headers.get('skipped') ?? 0),
      delta: 0,
      outAt: this.#outAt,
      limitAt,
      empty: false,
    });
    if (packed === 0) return null;
    const record = this.#memory.subarray(this.#outAt, kernel.endAt);
    fillTable(record, 1, 0, this.#row);
    return record.subarray(this.#row[VALUE], this.#row[VALUE_END]);
  }

  #start(): Kernel {
    if (this.#kernel) return this.#kernel;
    const pages = Math.ceil((SCRATCH_BYTES + SLOT_BYTES + OUT_BYTES + OVERRUN) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#memory = Buffer.from(memory.buffer);
    this.#slot = new Slot(memory.buffer, SCRATCH_BYTES);
    this.#outAt = SCRATCH_BYTES + SLOT_BYTES;
    this.#kernel = new Kernel(memory);
    return this.#kernel;
  }

  #envelope(headers: Headers): JsonEnvelope {
    const labels = labelsOf(headers);
    const key = [headers.get('host'), headers.get('path'), headers.get('file'), ...Object.entries(labels).flat()].join(
      '\0',
    );
    let envelope = this.#envelopes.get(key);
    if (!envelope) {
      envelope = envelopeOf(headers, labels);
      if (this.#envelopes.size >= MOST_ENVELOPES) this.#envelopes.clear();
      this.#envelopes.set(key, envelope);
    }
    return envelope;
  }
}

function envelopeOf(headers: Headers, given: Record<string, string>): JsonEnvelope {
  const [host, path, id] = ['host', 'path', 'file'].map((name) => headers.get(name)!);
  const file = `${JSON.stringify({ path, id })},"offset":`;
  const labels = Object.keys(given).length > 0 ? JSON.stringify(given) : null;
  const hostText = JSON.stringify({ name: host });
  return {
    kind: 'json',
    key: Buffer.alloc(0),
    before: Buffer.from('","message":"'),
    offset: Buffer.from(`","log":{"file":${file}`),
    after: Buffer.from(`},"host":${hostText}${labels ? `,"labels":${labels}` : ''}}`),
    file: Buffer.from(file),
    dataset: '""',
    host: hostText,
    labels,
  };
}

function labelsOf(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !NOT_LABELS.has(name)));
}

function flagsOf(headers: Headers): number {
  let bits = STREAMS[headers.get('iostream') ?? ''] ?? 0;
  for (const name of headers.get('flags')?.split(',') ?? []) bits |= FLAGS[name] ?? 0;
  return bits;
}

/** The same without the kernel. */
function plainDocument(line: Buffer, headers: Headers, time: number): object {
  const labels = labelsOf(headers);
  const { skipped, flags, iostream } = Object.fromEntries(headers);
  return {
    '@timestamp': new Date(time).toISOString(),
    message: line.toString(),
    log: {
      file: { path: headers.get('path'), id: headers.get('file') },
      offset: Number(headers.get('offset')),
      length: Number(headers.get('length')),
      ...(skipped && { skipped: Number(skipped) }),
      ...(flags && { flags: flags.split(',') }),
      ...(iostream && { iostream }),
    },
    host: { name: headers.get('host') },
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}
