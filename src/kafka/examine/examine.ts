/**
 * Asks Kafka whether this configuration can work, without an agent and without changing anything: `validate --deep`.
 *
 *   each broker, as configured and as it calls itself   -> can it be used from here? (reach.ts)
 *   each topic                                          -> is it there, may it be made, written to; its settings (topics.ts)
 *   producer ids, and transactional ids                 -> may they be had? (producers.ts)
 */
import type { Link } from '../connect/connection.ts';
import { Links } from '../connect/connections.ts';
import type { Examined, Objection } from './asked.ts';
import { examineProducers } from './producers.ts';
import { type BrokerFacts, examineBrokers } from './reach.ts';
import { examineTopics, type TopicFacts } from './topics.ts';

export interface Examination {
  cluster: string | null;
  brokers: BrokerFacts[];
  topics: TopicFacts[];
  /** How far Kafka's clock is ahead of ours, give or take `error`, milliseconds; null: it does not tell (before Kafka 3.3, or without the right). */
  clock: { offset: number; error: number } | null;
  findings: Objection[];
}

const CONNECT_TIMEOUT = 5000;
const REQUEST_TIMEOUT = 10_000;

/** Rejects with the signal's reason. */
export async function examineKafka(asked: Examined, signal: AbortSignal): Promise<Examination> {
  const { client_id, tls, sasl } = asked.kafka;
  const links = new Links(
    {
      client_id,
      tls: tls ?? null,
      sasl: sasl ?? null,
      connectTimeout: CONNECT_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      opened: () => undefined,
      lost: () => undefined,
    },
    signal,
  );
  try {
    const findings: Objection[] = [];
    const { brokers, link, nodes } = await examineBrokers(links, asked.kafka.brokers, findings, signal);
    if (!link) return { cluster: null, brokers, topics: [], clock: null, findings };
    const topics = await examineTopics(link, asked, nodes, findings);
    await examineProducers(link, links, asked, findings, signal);
    return { cluster: link.cluster, brokers, topics, clock: await clockOf(link), findings };
  } finally {
    links.end('the examination is over');
  }
}

async function clockOf(link: Link): Promise<Examination['clock']> {
  const asked = performance.now();
  const time = await link.clusterTime();
  const half = (performance.now() - asked) / 2;
  return time === null ? null : { offset: time + half - Date.now(), error: half };
}
