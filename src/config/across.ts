/** What must hold between options that are not an input's own. */
import type { InputTopic } from '../core/input.ts';
import { type Demand, Pool } from '../core/pool.ts';
import type { CommonConfig } from './config.ts';
import type { Path, Saying } from './errors.ts';
import { optionName } from './load.ts';

/** `topics`: those of the inputs, and where that is said. */
export function checkAcross(
  config: CommonConfig,
  topics: readonly (InputTopic & { path: Path })[],
  refuse: Saying,
): void {
  checkKafka(config, topics, refuse);
  for (const { topic, durable, path } of topics) {
    const other = durable && topics.find((one) => one.topic === topic && one.durable?.group !== durable.group);
    if (other)
      refuse(path, `is ${topic}, where ${optionName(other.path)} leads, too: what is answered has topics of its own`);
  }
  const demand = demandOf(topics);
  const needed = Pool.minimumFor(demand);
  if (config.buffer_memory !== null && config.buffer_memory < needed) {
    const { plain, fields, arenas } = demand;
    const and =
      arenas === 0 ? '' : `, and ${arenas} ${arenas === 1 ? 'input' : 'inputs'} with fields, patterns or mask`;
    const least = `must be at least ${Math.ceil(needed / 2 ** 20)}MiB for ${plain + fields} topics${and}`;
    refuse(['buffer_memory'], and === '' ? least : `${least}: leave it out, and it is what is needed`);
  }
}

/** Where nothing is configured: this, or what is needed if that is more. */
const BUFFER_MEMORY = 32 << 20;

/** What the pool is made of: `buffer_memory`, and how many inputs have fields. */
export function bufferMemory(set: number | null, topics: readonly InputTopic[]): { bytes: number; arenas: number } {
  const demand = demandOf(topics);
  return { bytes: set ?? Math.max(BUFFER_MEMORY, Pool.minimumFor(demand)), arenas: demand.arenas };
}

function demandOf(topics: readonly InputTopic[]): Demand {
  const memoryOf = ({ topic, within }: InputTopic) => within ?? topic;
  const withFields = topics.filter(({ fields }) => fields);
  const fields = new Set(withFields.map(memoryOf)).size;
  return {
    plain: new Set(topics.map(memoryOf)).size - fields,
    fields,
    arenas: topics.reduce((sum, { arenas = 0 }) => sum + arenas, 0),
  };
}

function checkKafka({ kafka }: CommonConfig, topics: readonly (InputTopic & { path: Path })[], refuse: Saying): void {
  const { tls, sasl } = kafka;
  const positions = `${kafka.topic_prefix}.positions`;
  if (kafka.delivery === 'exactly_once') {
    for (const { topic, path } of topics) {
      if (topic === positions) refuse(path, 'is where exactly_once keeps the positions');
    }
  }
  if (tls?.cert_file !== undefined && tls.key_file === undefined) {
    refuse(['kafka', 'tls', 'cert_file'], 'needs kafka.tls.key_file beside it');
  }
  if (tls?.key_file !== undefined && tls.cert_file === undefined) {
    refuse(['kafka', 'tls', 'key_file'], 'needs kafka.tls.cert_file beside it');
  }
  if (tls?.insecure && tls.ca_file !== undefined) {
    refuse(['kafka', 'tls', 'insecure'], 'contradicts kafka.tls.ca_file: nothing would be checked against it');
  }
  if (kafka.compression === 'gzip' && kafka.compression_level > 9) {
    refuse(['kafka', 'compression_level'], 'must be from 1 to 9 for gzip');
  }
  if ((tls || sasl) && kafka.brokers.length === 0) {
    refuse(['kafka', tls ? 'tls' : 'sasl'], 'is set, but kafka.brokers is empty: name the brokers');
  }
}
