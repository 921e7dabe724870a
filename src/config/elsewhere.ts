/** Recognises a file that was written for another program: whoever has one of those needs no list of unknown keys. */
import type { Fault, FilePlace } from './errors.ts';
import type { Tree } from './tree.ts';

interface Program {
  name: string;
  /** Keys at the top: all of a row, where `a|b` is either. A dot at the end: any key that begins so. */
  keys?: readonly (readonly string[])[];
  /** What its own syntax has on a line. */
  line?: RegExp;
}

const PROGRAMS: readonly Program[] = [
  {
    name: 'Vector',
    keys: [['sources', 'sinks'], ['sinks'], ['sources', 'transforms']],
    line: /^\s*\[(sources|sinks|transforms)\./m,
  },
  { name: 'Filebeat', keys: [['filebeat|filebeat.']] },
  { name: 'Metricbeat', keys: [['metricbeat|metricbeat.']] },
  { name: 'a Beat (Elastic)', keys: [['output.|output', 'processors|setup.|logging.|queue.mem|path.|inputs']] },
  {
    name: 'Fluent Bit',
    keys: [['pipeline', 'service|parsers|includes|env|customs'], ['pipeline']],
    line: /^\s*\[(INPUT|OUTPUT|SERVICE|FILTER|PARSER)\]\s*$/m,
  },
  { name: 'the OpenTelemetry Collector', keys: [['receivers', 'exporters|service|processors']] },
  { name: 'Promtail', keys: [['scrape_configs', 'clients|positions']] },
  { name: 'Prometheus', keys: [['scrape_configs']] },
  { name: 'the Datadog Agent', keys: [['api_key|logs_enabled|dd_url']] },
  {
    name: 'Telegraf',
    line: /^\s*\[\[?(agent|global_tags|(inputs|outputs|processors|aggregators)\.[\w.]+)\]\]?/m,
  },
  { name: 'Logstash', keys: [['pipeline.|path.config|config.string']], line: /^\s*(input|filter|output)\s*\{\s*$/m },
  { name: 'Fluentd', line: /^\s*<(source|match|filter|label|system)\b[^>]*>/m },
  { name: 'rsyslog', line: /^\s*(module|action|input|template|ruleset)\s*\(\s*\w+\s*=/m },
  { name: 'syslog-ng', line: /^\s*(source|destination|filter|log)\s+[\w-]*\s*\{/m },
  { name: 'collectd', line: /^\s*(LoadPlugin\s+\w|<Plugin\s)/m },
];

/** Keys that this agent has and others, too. */
const SHARED = ['data_dir', 'host', 'tags'];

/** `known`: the keys that this agent has. Null: it may be meant for it. */
export function writtenFor(text: string, tree: Tree, known: (key: string) => boolean): Fault | null {
  const keys = tree.kind === 'map' ? [...tree.entries.keys()] : [];
  if (keys.some((key) => known(key) && !SHARED.includes(key))) return null;
  for (const program of PROGRAMS) {
    const found = byKeys(program, keys);
    if (found && tree.kind === 'map') {
      return fault(tree.entries.get(found[0]!)!.place, program.name, found.join(', '));
    }
    const line = program.line?.exec(text);
    if (!line) continue;
    const before = text.slice(0, line.index + (line[0].length - line[0].trimStart().length)).split('\n');
    const place = { file: tree.place.file, line: before.length, column: before.at(-1)!.length + 1 };
    return fault(place, program.name, line[0].trim().slice(0, 40));
  }
  return null;
}

function byKeys({ keys = [] }: Program, there: readonly string[]): string[] | null {
  for (const row of keys) {
    const found = row.map((either) =>
      there.find((key) => either.split('|').some((one) => key === one || (one.endsWith('.') && key.startsWith(one)))),
    );
    if (found.every((key) => key !== undefined)) return found;
  }
  return null;
}

function fault(place: FilePlace, name: string, what: string): Fault {
  const { file, line, column } = place;
  const migrate = name === 'Filebeat' ? '; runnel migrate filebeat FILE makes one of it' : '';
  const ours = 'kafka: {brokers: [kafka-1:9092]} and logs: [{include: /var/log/*.log}]';
  return {
    file,
    line,
    column,
    message: `this is a configuration for ${name} (${what}), not for runnel: write ${ours}${migrate}`,
  };
}
