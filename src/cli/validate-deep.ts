/** `validate --deep`: what Kafka says of a configuration that is right by itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, formatFault } from '../config/errors.ts';
import { count } from '../core/units.ts';
import { chainedId, positionsTopic } from '../delivery/exactly-once.ts';
import type { ExaminedTopic, ExaminedTransactions } from '../kafka/examine/asked.ts';
import type { Examination } from '../kafka/examine/examine.ts';
import type { TopicFacts } from '../kafka/examine/topics.ts';
import { transactionalId } from '../kafka/transactions/exactly-once.ts';
import type { LocatedConfig } from '../options.ts';
import { INPUTS } from '../sources/all.ts';

/** All of it takes no longer. */
const LIMIT_MS = 60_000;

/** As `--json` has it. */
export interface DeepAnswer {
  ok: boolean;
  cluster: string | null;
  brokers: Examination['brokers'];
  topics: Examination['topics'];
  clock: Examination['clock'];
  findings: (Fault & { level: 'error' | 'warning' })[];
}

/** Null: there are no brokers, so nothing is asked. */
export async function askKafka({ config, says }: Pick<LocatedConfig, 'config' | 'says'>): Promise<DeepAnswer | null> {
  const { kafka } = config;
  if (kafka.brokers.length === 0) return null;
  const { examineKafka } = await import('../kafka/examine/examine.ts');
  const asked = { kafka, topics: topicsOf(config), transactions: transactionsOf(config) };
  let examination: Examination;
  try {
    examination = await examineKafka(asked, AbortSignal.timeout(LIMIT_MS));
  } catch (error) {
    // A connection that ends in the middle of it.
    const message = `did not answer to the end: ${(error as Error).message}`;
    examination = {
      cluster: null,
      brokers: [],
      topics: [],
      clock: null,
      findings: [{ level: 'error', about: ['kafka', 'brokers'], message }],
    };
  }
  const { cluster, brokers, topics, clock } = examination;
  const findings = examination.findings.map(({ level, about, message }) => ({ level, ...says(about, message) }));
  return { ok: !findings.some(({ level }) => level === 'error'), cluster, brokers, topics, clock, findings };
}

/** Lines for people: on stderr what is to be done, on stdout what there is. */
export function shownDeep({ ok, cluster, brokers, topics, findings }: DeepAnswer): { err: string[]; out: string[] } {
  const usable = brokers.filter(({ error }) => error === null).length;
  const verdict = ok
    ? 'Kafka takes what this configuration sends'
    : usable === 0
      ? 'no broker can be used: nothing else could be asked'
      : 'Kafka does not take all that this configuration sends';
  return {
    err: findings.map((finding) => `${finding.level}: ${formatFault(finding)}`),
    out: [
      ...(cluster === null ? [] : [`cluster ${cluster}: ${usable} of ${count(brokers.length, 'broker')} can be used`]),
      ...topics.map((topic) => `  ${topic.topic}: ${about(topic)}`),
      verdict,
    ],
  };
}

function about({ exists, creatable, partitions, replicas, settings }: TopicFacts): string {
  if (!exists) return creatable ? 'will be created' : 'is not there for this agent';
  const told = settings ? Object.entries(settings).map(([name, value]) => `${name}=${value}`) : [];
  return [count(partitions, 'partition'), count(replicas, 'replica'), ...told].join(', ');
}

/** Each topic once, where it is first configured. */
function topicsOf(config: LocatedConfig['config']): ExaminedTopic[] {
  const all: ExaminedTopic[] = INPUTS.flatMap((kind) => kind.topics(config)).map(({ topic, path }) => ({
    topic,
    path,
  }));
  if (transactionsOf(config).length > 0) {
    all.push({ topic: positionsTopic(config), path: ['kafka', 'topic_prefix'], positions: true });
  }
  return all.filter(({ topic }, i) => all.findIndex((other) => other.topic === topic) === i);
}

/** Exactly once, and of what is chained, which goes in transactions whatever the rest goes by. */
function transactionsOf(config: LocatedConfig['config']): ExaminedTransactions[] {
  const { audit, data_dir, kafka } = config;
  const agentId = agentIdIn(data_dir);
  return [
    ...(kafka.delivery === 'exactly_once'
      ? [{ id: transactionalId(agentId, positionsTopic(config)), path: ['kafka', 'delivery'], reason: 'exactly_once' }]
      : []),
    ...(audit
      ? [{ id: transactionalId(chainedId(agentId), audit.topic), path: ['audit', 'topic'], reason: audit.topic }]
      : []),
  ];
}

/** Under which an agent has worked here; without one, that of nobody. */
function agentIdIn(dataDir: string): string {
  try {
    const { agent_id } = JSON.parse(readFileSync(join(dataDir, 'agent.json'), 'utf8')) as { agent_id: unknown };
    if (typeof agent_id === 'string' && /^[0-9a-f]{16}$/.test(agent_id)) return agent_id;
  } catch {
    // No agent has run here yet, or this user may not see it.
  }
  return '0'.repeat(16);
}
