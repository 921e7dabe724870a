/** Rules on the agent itself, and on what stops it. docs/alerting.md lists them. */

import { type Rule, readRule, type Severity, type WrittenRule } from './rule.ts';
import { readComparison } from './threshold.ts';
import { readValue } from './value.ts';

interface Builtin {
  name: string;
  metric: string;
  severity: Severity;
  summary: string;
  where?: Record<string, string>;
  by?: readonly string[];
  value?: string;
  fire?: string;
  clear?: string;
  forecast?: { reaches: number; within: number };
  /** Milliseconds. */
  for?: number;
  keep?: number;
}

const MINUTE = 60_000;

const RULES: readonly Builtin[] = [
  {
    name: 'runnel-kafka-unreachable',
    metric: 'runnel.kafka.unreachable',
    fire: '> 0',
    for: 2 * MINUTE,
    severity: 'critical',
    summary: 'Kafka cannot be reached from {{host}}: files wait where they are, metrics in the local log',
  },
  {
    name: 'runnel-lag',
    metric: 'runnel.lag',
    fire: '> 300',
    clear: '< 60',
    for: MINUTE,
    severity: 'warning',
    summary: '{{input}} on {{host}} is {{value}} s behind',
  },
  {
    name: 'runnel-dropped',
    metric: 'runnel.dropped',
    value: 'sum over 5m',
    fire: '> 0',
    severity: 'critical',
    summary: '{{value}} of {{input}} on {{host}} were lost: {{reason}}',
  },
  {
    name: 'runnel-spool-filling',
    metric: 'runnel.spool.utilization',
    fire: '> 0.8',
    clear: '< 0.6',
    for: MINUTE,
    severity: 'warning',
    summary: 'The {{log}} on {{host}} is {{value}} full',
  },
  {
    name: 'runnel-check-failing',
    metric: 'runnel.check.failing',
    fire: '> 0',
    for: 30_000,
    severity: 'warning',
    summary: 'Check {{check}} on {{host}} fails',
  },
  {
    name: 'runnel-mount-hung',
    metric: 'runnel.mount.hung',
    fire: '> 0',
    for: 30_000,
    severity: 'warning',
    summary: '{{mount}} on {{host}} does not answer',
  },
  {
    name: 'runnel-books',
    metric: 'runnel.books.imbalance',
    fire: '!= 0',
    for: 5 * MINUTE,
    severity: 'critical',
    summary: 'The books of {{input}} on {{host}} do not balance: {{value}} are not accounted for. Please report it',
  },
  {
    name: 'runnel-memory',
    metric: 'runnel.memory.utilization',
    fire: '> 0.9',
    clear: '< 0.8',
    for: MINUTE,
    severity: 'warning',
    summary: 'The agent on {{host}} has {{value}} of the memory that it may have',
  },
  {
    name: 'runnel-broker-certificate',
    metric: 'runnel.kafka.certificate.days_left',
    fire: '< 14',
    severity: 'warning',
    summary: 'The certificate of {{broker}} ends in {{value}} days',
  },
  {
    name: 'runnel-clock-ahead',
    metric: 'system.time.offset',
    fire: '< -30',
    severity: 'warning',
    summary: 'The clock of {{host}} is off by {{value}} s',
  },
  {
    name: 'runnel-clock-behind',
    metric: 'system.time.offset',
    fire: '> 30',
    severity: 'warning',
    summary: 'The clock of {{host}} is off by {{value}} s',
  },
  {
    name: 'runnel-disk-full-soon',
    metric: 'system.filesystem.utilization',
    value: 'last over 1h',
    forecast: { reaches: 1, within: 4 * 60 * MINUTE },
    for: 10 * MINUTE,
    by: ['system.filesystem.mountpoint'],
    severity: 'warning',
    summary: '{{mountpoint}} on {{host}} will be full in {{value}} s, as it goes',
  },
];

export function builtinRules(): Rule[] {
  return RULES.map((builtin) => {
    const { value, fire, clear, ...rest } = builtin;
    const written: WrittenRule = {
      where: {},
      for: 0,
      keep: 0,
      no_data: 'ok',
      labels: {},
      ...rest,
      ...(value !== undefined && { value: readValue(value) }),
      ...(fire !== undefined && { fire: readComparison(fire) }),
      ...(clear !== undefined && { clear: readComparison(clear) }),
    };
    const refuse = (_: unknown, message: string) => {
      throw new Error(`${builtin.name} ${message}`);
    };
    return { ...readRule(written, refuse), ruleset: 'builtin' };
  });
}
