/** `statsd` in the table of inputs. */
import type { CommonConfig } from '../../config/config.ts';
import { parseListener } from '../../config/listener.ts';
import type { InputKind } from '../../core/input.ts';
import { leadsTo } from './leads-to.ts';
import { checkNaming } from './naming-options.ts';
import { type StatsdConfig, statsdOption } from './options.ts';
import { figures, lines, NOTHING, rows, type StatsdSaid, tables } from './report.ts';

/** What it goes by, of itself and of others. */
export interface StatsdInput {
  config: StatsdConfig;
  topic: string;
  /** Of events. */
  events: string;
  host: string;
  tags: Record<string, string>;
}

export const statsd: InputKind<'statsd', StatsdConfig, StatsdInput, StatsdSaid> = {
  name: 'statsd',
  options: statsdOption,
  complete: (raw) => raw as StatsdConfig,
  check({ statsd }, refuse) {
    const { listen } = statsd;
    checkNaming(statsd, (path, message) => refuse(['statsd', ...path], message));
    for (const [i, { address }] of listen.entries()) {
      const first = listen.findIndex((entry) => entry.address === address);
      if (first !== i) refuse(['statsd', 'listen', i], 'is listed twice');
    }
    for (const [i, address] of statsd.forward.entries()) {
      if (listen.some((entry) => leadsTo(parseListener(address), parseListener(entry.address))))
        refuse(['statsd', 'forward', i], 'is where it listens itself: what comes would come for ever');
    }
  },
  topics(config) {
    const { topic, events } = topicsIn(config);
    return [
      { topic, replayable: false, path: ['metrics', 'topic'] },
      { topic: events, replayable: false, within: topic, path: ['kafka', 'topic_prefix'] },
    ];
  },
  inputs(config) {
    const { statsd, host, tags } = config;
    if (statsd.listen.length === 0) return [];
    const { topic, events } = topicsIn(config);
    const options = { config: statsd, topic, events, host, tags };
    const topics = [topic, events].map((topic) => ({ topic, replayable: false }));
    return [{ id: 'statsd', title: 'statsd', topics, options, about: addressesOf(statsd) }];
  },
  brief: ({ statsd }) => `StatsD: ${addressesOf(statsd) || 'none'}`,
  diagnose: async ({ statsd }, tell) => (await import('./diagnose.ts')).diagnoseBuffers(statsd, tell),
  nothing: NOTHING,
  figures,
  lines,
  rows,
  tables,
  open: async (_, host) => (await import('./open.ts')).openStatsd(host),
};

function addressesOf({ listen }: StatsdConfig): string {
  return listen.map(({ address }) => address).join(', ');
}

/** Metrics have one topic, whoever brings them. */
function topicsIn(config: CommonConfig): { topic: string; events: string } {
  const { topic } = (config as unknown as { metrics: { topic: string } }).metrics;
  return { topic, events: `${config.kafka.topic_prefix}.events` };
}
