/**
 * `runnel sink opensearch --check`: what is in the streams, against what was committed.
 *
 *   twice     an id in more than one backing index: a request that was carried out after all, when it had been looked for
 *             already and its stream had rolled over. With --repair the newer ones are deleted
 *   missing   an offset before the committed one that is in no stream, although Kafka has a record with a value there, and
 *             the dead-letter topic has none of it
 *   unknown   the same where Kafka has it no more
 *
 * Retention deletes from the beginning; so where one is set, what lies before a partition's first document is not missing.
 */
import { GroupMember } from '../../kafka/read/member.ts';
import { PartitionReader } from '../../kafka/read/partition-reader.ts';
import { offsetOf } from '../../kafka/read/reading.ts';
import { type BatchRecord, records } from '../../records/record-batch.ts';
import type { ConsumerHost, ConsumerSpec, SinkExamination } from '../kind.ts';
import { documentId } from './document-id.ts';
import { type FoundIds, lookupBy } from './lookup.ts';
import { parseNote } from './note.ts';
import { countOf, type OffsetRun, OffsetRuns } from './offset-runs.ts';
import type { OpenSearchOptions } from './options.ts';
import type { DataStream } from './setup/streams.ts';
import { lookAtStreams } from './setup/streams.ts';
import { holderOf, storedIn } from './stored-ids.ts';
import { type Json, productOf, Transport } from './transport.ts';

/** Named one by one; beyond it, counted. */
const NAMED = 20;
/** Looked up and deleted at once. */
const AT_ONCE = 5000;

interface CommittedPartition {
  topic: string;
  partition: number;
  number: string;
  committed: number;
}

interface Finding {
  topic: string;
  partition: number;
  offset: number;
}

export async function examineOpenSearch(
  { options, group, topics }: ConsumerSpec<OpenSearchOptions>,
  host: ConsumerHost,
  { repair }: { repair: boolean },
): Promise<SinkExamination> {
  const { stop } = host;
  const transport = new Transport(options);
  try {
    const { name: product } = await productOf(transport, stop);
    // Before the streams are read: what is committed is in them.
    const partitions = await committedOf(host, group, topics);
    const stored = new Map<string, OffsetRuns>();
    const twice: { index: string; holder: string; runs: OffsetRun[] }[] = [];
    let [documents, foreign] = [0, 0];
    for (const stream of await streamsOf(transport, options, stop)) {
      // A record is always in the same stream, so what is twice is in two indices of one.
      for await (const found of storedIn(transport, stream, stop)) {
        foreign += found.foreign;
        for (const [holder, offsets] of found.offsets) {
          documents += countOf(offsets.runs);
          const before = stored.get(holder) ?? new OffsetRuns();
          const runs = before.shared(offsets);
          if (runs.length > 0) twice.push({ index: found.index, holder, runs });
          before.addAll(offsets);
          stored.set(holder, before);
        }
      }
    }
    const { missing, unknown } = await missingOf(host, partitions, stored, options);
    const copies = twice.reduce((sum, { runs }) => sum + countOf(runs), 0);
    let removed = 0;
    if (repair && copies > 0) {
      const lookup = lookupBy(transport, product);
      for (const ids of idsOf(twice)) {
        const found: FoundIds = await lookup.find(`${options.stream_prefix}-*`, ids, stop);
        removed += (await lookup.removeNewer(found, stop)).length;
      }
    }
    const lines = [
      `${documents} documents of ${partitions.length} partitions${foreign > 0 ? `, and ${foreign} that no sink wrote` : ''}`,
      ...(copies === 0 ? ['nothing is twice'] : [`${copies} are twice: ${twice.slice(0, NAMED).map(said).join(', ')}`]),
      ...(removed > 0 ? [`${removed} newer copies are deleted`] : []),
      ...(copies > 0 && !repair ? ['runnel sink opensearch --check --repair deletes the newer copies'] : []),
      missing.length === 0 ? 'nothing is missing' : `${missing.length} are missing: ${named(missing)}`,
      ...(unknown > 0 ? [`${unknown} offsets are in no stream, and Kafka has them no more: they cannot be told`] : []),
    ];
    const wrong = missing.length > 0 || copies > removed;
    const json = { documents, foreign, twice: copies, removed, missing, unknown };
    return { code: wrong ? 1 : unknown > 0 ? 3 : 0, lines, json };
  } finally {
    transport.close();
  }
}

async function committedOf(
  { client, stop }: ConsumerHost,
  group: string,
  topics: readonly string[],
): Promise<CommittedPartition[]> {
  const places: { topic: string; partition: number }[] = [];
  for (const topic of topics) {
    const count = await client.partitions(topic, stop);
    for (let partition = 0; partition < count; partition++) places.push({ topic, partition });
  }
  const member = new GroupMember({ client, group, instance: null, topics, sessionTimeout: 10_000 });
  const offsets = await member.offsets(places, stop);
  return places.flatMap((place, i) => {
    const { offset, metadata } = offsets[i]!;
    const note = parseNote(metadata);
    return offset === null || note === null ? [] : [{ ...place, number: note.number, committed: offset }];
  });
}

/** All `<prefix>-N` that there are: before a change of `streams` there may have been more. */
async function streamsOf(
  transport: Transport,
  { stream_prefix }: OpenSearchOptions,
  signal: AbortSignal,
): Promise<DataStream[]> {
  const what = 'cannot look at the streams';
  const allow = { allow: [404], signal, what };
  const { status, body } = await transport.json('GET', `/_data_stream/${stream_prefix}-*`, undefined, allow);
  const all: string[] = status === 404 ? [] : body.data_streams.map(({ name }: Json) => name);
  const own = all.filter((name) => /^\d+$/.test(name.slice(stream_prefix.length + 1)));
  return [...(await lookAtStreams(transport, own, signal)).values()];
}

async function missingOf(
  { client, stop }: ConsumerHost,
  partitions: readonly CommittedPartition[],
  stored: ReadonlyMap<string, OffsetRuns>,
  { retention, dead_letter_topic }: OpenSearchOptions,
): Promise<{ missing: Finding[]; unknown: number }> {
  const suspects: Finding[] = [];
  let unknown = 0;
  for (const { topic, partition, number, committed } of partitions) {
    const runs = stored.get(holderOf(number, partition)) ?? new OffsetRuns();
    const first = await offsetOf(client, topic, partition, 'first', 'read_committed', stop);
    const from = runs.runs[0]?.[0] ?? (retention === null ? first : committed);
    const begin = retention === null ? Math.min(from, first) : from;
    for (const [start, end] of runs.gaps(begin, committed)) {
      unknown += Math.max(0, Math.min(end, first) - start);
      if (end <= first) continue;
      const gap = { client, topic, partition, isolation: 'read_committed' as const, signal: stop };
      for await (const { record, offset } of recordsOf({ ...gap, first: Math.max(start, first), end })) {
        if (record.value !== null) suspects.push({ topic, partition, offset });
      }
    }
  }
  const letters = suspects.length > 0 ? await lettersIn(client, dead_letter_topic, stop) : new Set<string>();
  return { missing: suspects.filter((one) => !letters.has(keyOf(one))), unknown };
}

type Reading = ConstructorParameters<typeof PartitionReader>[0];

async function* recordsOf(o: Reading): AsyncGenerator<{ record: BatchRecord; offset: number }> {
  for await (const { bytes, base, from, to } of new PartitionReader(o).sections()) {
    for (const record of records(bytes)) {
      if (record.offsetDelta < from || record.offsetDelta > to) continue;
      yield { record, offset: base + record.offsetDelta };
    }
  }
}

/** Of which records there is a dead letter. */
async function lettersIn(client: ConsumerHost['client'], topic: string, signal: AbortSignal): Promise<Set<string>> {
  const letters = new Set<string>();
  const isolation = 'read_committed';
  const count = await client.partitions(topic, signal);
  for (let partition = 0; partition < count; partition++) {
    const edge = (which: 'first' | 'end') => offsetOf(client, topic, partition, which, isolation, signal);
    const [first, end] = [await edge('first'), await edge('end')];
    for await (const { record } of recordsOf({ client, topic, partition, isolation, first, end, signal })) {
      const header = new Map(record.headers.map(([name, value]) => [name, value.toString()]));
      letters.add(`${header.get('topic')}/${header.get('partition')}/${header.get('offset')}`);
    }
  }
  return letters;
}

function* idsOf(twice: readonly { holder: string; runs: OffsetRun[] }[]): Generator<string[]> {
  let ids: string[] = [];
  for (const { holder, runs } of twice) {
    const [number, partition] = holder.split('/') as [string, string];
    for (const [from, to] of runs) {
      for (let offset = from; offset < to; offset++) {
        ids.push(documentId({ number, partition: Number(partition), offset }));
        if (ids.length < AT_ONCE) continue;
        yield ids;
        ids = [];
      }
    }
  }
  if (ids.length > 0) yield ids;
}

function keyOf({ topic, partition, offset }: Finding): string {
  return `${topic}/${partition}/${offset}`;
}

function named(findings: readonly Finding[]): string {
  const some = findings.slice(0, NAMED).map(({ topic, partition, offset }) => `${topic}/${partition} offset ${offset}`);
  return `${some.join(', ')}${findings.length > NAMED ? ' and others' : ''}`;
}

function said({ index, holder, runs }: { index: string; holder: string; runs: OffsetRun[] }): string {
  const [from, to] = [runs[0]![0], runs.at(-1)![1] - 1];
  return `partition ${holder.split('/')[1]} offsets ${from} to ${to} in ${index}`;
}
