/** What must hold between options that are not an input's own. */
import type { InputTopic } from '../core/input.ts';
import { Pool } from '../core/pool.ts';
import type { CommonConfig } from './config.ts';
import type { Path, Saying } from './errors.ts';

/** `topics`: those of the inputs, and where that is said. */
export function checkAcross(
  config: CommonConfig,
  topics: readonly (InputTopic & { path: Path })[],
  refuse: Saying,
): void {
  checkKafka(config, topics, refuse);
  const count = new Set(topics.map(({ topic, within }) => within ?? topic)).size;
  const needed = Pool.minimumFor(count);
  if (config.buffer_memory < needed) {
    refuse(['buffer_memory'], `must be at least ${Math.ceil(needed / 2 ** 20)}MiB for ${count} topics`);
  }
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
    refuse(['kafka', tls ? 'tls' : 'sasl'], 'is set, but kafka.brokers is empty');
  }
}
