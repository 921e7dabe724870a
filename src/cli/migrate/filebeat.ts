/** A configuration of Filebeat as one of runnel's: inputs that read files, processors, output.kafka. */
import type { FilePlace } from '../../config/errors.ts';
import type { Tree } from '../../config/tree.ts';
import { logInputOf, tagsOf } from './filebeat-input.ts';
import { kafkaOf } from './filebeat-kafka.ts';
import { processorSteps } from './filebeat-processors.ts';
import { durationOf, ForeignOptions, type MigrationReport } from './foreign-options.ts';

const ITS_OWN = [
  'path',
  'queue',
  'max_procs',
  'http',
  'seccomp',
  'registry',
  'features',
  'timestamp',
  'instrumentation',
];
const OTHERS = ['setup', 'monitoring', 'xpack', 'cloud', 'autodiscover'];

export interface Migrated {
  config: Record<string, unknown>;
  /** Where what became logs[i] stands. */
  places: FilePlace[];
}

export function fromFilebeat(tree: Tree, report: MigrationReport): Migrated {
  const whole = new ForeignOptions(tree, '', report);
  const filebeat = whole.map('filebeat');
  const inputs = [...filebeat.maps('inputs'), ...filebeat.maps('prospectors')].flatMap(
    (input) => logInputOf(input) ?? [],
  );
  const made: Record<string, unknown> = {};
  const host = whole.text('name');
  if (host !== undefined) made.host = host;
  const fieldsPlace = whole.placeOf('fields');
  const fields = whole.flat('fields');
  const tags = { ...tagsOf(whole), ...fields };
  if (Object.keys(tags).length > 0) made.tags = tags;
  if (Object.keys(fields).length > 0) {
    whole.note('fields', fieldsPlace, 'are labels: labels.NAME in place of fields.NAME');
    whole.needless(['fields_under_root'], 'is not needed: labels stand under labels');
  }
  const steps = processorSteps(whole.maps('processors'));
  for (const { log } of inputs) if (steps.length > 0) log.process = [...((log.process as unknown[]) ?? []), ...steps];
  const output = whole.map('output');
  if (output.has('kafka')) made.kafka = kafkaOf(output.map('kafka'), inputs);
  for (const key of output.keys())
    output.refuse(key, 'records go to Kafka; runnel sink opensearch writes them into data streams from there');
  logging(whole.map('logging'), made);
  const place = filebeat.placeOf('shutdown_timeout');
  const shutdown = filebeat.text('shutdown_timeout');
  const timeout = shutdown === undefined ? undefined : durationOf(shutdown);
  if (timeout !== undefined) made.shutdown_timeout = timeout;
  else if (shutdown !== undefined) filebeat.unmapped('shutdown_timeout', place, `${shutdown} is no duration`);
  filebeat.needless(ITS_OWN, 'is not needed');
  filebeat.refuse('modules', 'modules have no counterpart: presets of process know their formats (runnel presets)');
  filebeat.refuse('config', 'files of inputs and modules are not followed: migrate each, and put it into conf.d');
  filebeat.refuse('autodiscover', 'has no counterpart: name the paths by globs, new files are found');
  whole.needless(ITS_OWN, 'is not needed');
  for (const key of OTHERS) whole.refuse(key, 'is about Elasticsearch, which is behind Kafka');
  made.logs = inputs.map(({ log }) => log);
  // What Filebeat does not do, and this agent does where nothing is said of it.
  made.statsd = { listen: [] };
  made.metrics = { host: false };
  whole.end();
  return { config: made, places: inputs.map(({ place }) => place) };
}

function logging(from: ForeignOptions, made: Record<string, unknown>): void {
  const level = from.text('level');
  const log: Record<string, string> = {};
  if (level !== undefined) log.level = level === 'warning' ? 'warn' : level;
  if (from.flag('json')) log.format = 'json';
  if (Object.keys(log).length > 0) made.log = log;
  from.needless(
    ['to_files', 'to_stderr', 'to_syslog', 'to_eventlog', 'files', 'metrics', 'selectors'],
    'is not needed: the log goes to stderr',
  );
}
