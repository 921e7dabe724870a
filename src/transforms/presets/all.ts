/** The presets of `process`, by name: each the steps that stand in its place. A new one is its file and a line here. */
import { apache } from './apache.ts';
import { java } from './java.ts';
import { ecs, goZap, pino } from './json.ts';
import { klogPreset } from './klog.ts';
import { kubernetes } from './kubernetes.ts';
import { nginx } from './nginx.ts';
import { postgres } from './postgres.ts';
import type { Preset } from './preset.ts';
import { python } from './python.ts';
import { syslogPreset } from './syslog.ts';

export const PRESETS: Readonly<Record<string, Preset>> = {
  nginx,
  apache,
  syslog: syslogPreset,
  klog: klogPreset,
  postgres,
  java,
  python,
  'go-zap': goZap,
  pino,
  ecs,
  kubernetes,
};
