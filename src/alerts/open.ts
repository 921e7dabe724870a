/** `alerts`: rules over what other inputs measure. */
import { join } from 'node:path';
import type { CommonConfig } from '../config/config.ts';
import type { InputHost, OpenInput, OpenKind } from '../core/input.ts';
import { valueEnvelope } from '../records/envelope.ts';
import { Alerting } from './alerting.ts';
import { builtinRules } from './builtin.ts';
import { command } from './command.ts';
import { AlertJournal } from './journal.ts';
import type { AlertsInput } from './kind.ts';
import { OwnPoints, type OwnStatus } from './own.ts';
import { gaugePoint, type MetricPoint } from './point.ts';
import { Recorder } from './recorder.ts';
import type { AlertsSaid } from './report.ts';
import { LINES_ATTRIBUTE, LINES_METRIC, type Rule } from './rule.ts';

/** Its own source among those that bring points. */
const OWN = 'runnel';

/** Alerts that the status lists; how many there are it says of all. */
const MOST_SHOWN = 1000;
/** At the stop the output has so long to take what was not recorded yet, milliseconds. */
const LAST_MS = 1000;
/** Lines that are older, and on their way, may be lines that nobody has counted. */
const LATE_S = 1;

export async function openAlerts(config: CommonConfig, host: InputHost): Promise<OpenKind<AlertsInput>> {
  const journal = await AlertJournal.open(join(config.data_dir, 'alerts.journal'));
  return {
    async open({ id, options }): Promise<OpenInput> {
      const { config, topic, tags, interval } = options;
      const account = host.account(id);
      const rules = [...config.rules, ...(config.builtin ? builtinRules() : [])];
      const own = new OwnPoints();
      const look = (to: Alerting) => {
        const status = host.status() as OwnStatus;
        const points: MetricPoint[] = own.of(status);
        const lines = host.measured.takeLines();
        // None are a count, too: of a line that does not come any more.
        for (const { name, log } of rules) {
          if (log === null) continue;
          const count = lines.get(name) ?? 0;
          points.push({ ...gaugePoint(LINES_METRIC, { [LINES_ATTRIBUTE]: name }, count), type: 'sum' });
        }
        to.points(OWN, interval, points, unread(rules, status));
      };
      const envelope = valueEnvelope(options.host);
      const stream = {
        name: 'alerts',
        topic: topic ?? '',
        key: options.host,
        account,
        replayable: false,
        envelope: () => envelope,
      };
      let alerting: Alerting | null = null;
      const recorder = topic === null ? null : new Recorder(stream, (ids) => alerting?.recorded(ids));
      alerting = await Alerting.open({
        rules,
        receivers: config.receivers,
        origin: { host: options.host, tags },
        agentId: host.agentId,
        journal,
        interval,
        record: recorder && ((number, document) => recorder.put(number, document)),
      });
      const open = alerting;
      return {
        async run(output, signal) {
          host.measured.observer = open;
          const every = setInterval(() => look(open), interval);
          try {
            await Promise.all([open.run(signal), recorder?.run(output, signal)]);
          } finally {
            clearInterval(every);
            if (host.measured.observer === open) host.measured.observer = null;
            await open.settle();
            await recorder?.flush(output, AbortSignal.timeout(LAST_MS));
          }
        },
        problems: () => open.problems,
        inFlight: () => recorder?.waiting ?? 0,
        status: () => statusOf(open),
        command: (name, options, signal) => command(open, name, options, signal),
      };
    },
    problems: () => [],
    status: ([said]) => (said ?? {}) as object,
    close: () => journal.close(),
  };
}

/** Names of rules that count lines of which some are seen by nobody: while Kafka is away they wait where they are. */
function unread(rules: readonly Rule[], { logs = [] }: OwnStatus): Set<string> {
  const isLate = ({ lag_seconds, ahead }: (typeof logs)[number]) => lag_seconds > LATE_S && !ahead?.current;
  const late = new Set(logs.filter(isLate).map(({ name }) => name));
  return new Set(rules.filter(({ log }) => log !== null && late.has(log.input)).map(({ name }) => name));
}

function statusOf(alerting: Alerting): AlertsSaid {
  const { view, receivers, rules, silences } = alerting;
  const list = view.shown(MOST_SHOWN);
  return { alerts: { ...view.counts, rules, receivers, list, silences } };
}
