/** What is said of an alert: labels and the sentence for people. */
import { labelName } from './fingerprint.ts';
import type { Instance } from './instance.ts';
import type { Rule } from './rule.ts';

const PLACE = /\{\{\s*([\w.:/-]+)\s*\}\}/g;
/** Characters of a value that is put into a sentence. */
const LONGEST = 256;

/** Labels of the rule and of the instance. */
export function labelsOf({ rule, attributes }: Instance): Record<string, string> {
  return { ...rule.labels, ...attributes };
}

/** The labels by which Alertmanager knows it; those whose names become the same get a number. */
export function prometheusLabels(
  instance: Instance,
  host: string,
  tags: Readonly<Record<string, string>>,
): Record<string, string> {
  const { rule } = instance;
  const labels: Record<string, string> = { alertname: rule.name, instance: host, severity: rule.severity };
  for (const [name, value] of Object.entries({ ...tags, ...labelsOf(instance) }).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value === '') continue;
    const clean = labelName(name);
    let free = clean;
    for (let n = 2; free in labels; n++) free = `${clean}_${n}`;
    labels[free] = value;
  }
  return labels;
}

/** `{{name}}` is a label, by its name or its last part; {{value}}, {{threshold}}, {{host}}, {{rule}} and {{severity}} are what they say. */
export function alertSummary(instance: Instance, host: string): string {
  const { rule, value } = instance;
  const labels = labelsOf(instance);
  const text = rule.summary ?? `${rule.name}${value === null ? '' : usualText(rule)}`;
  const said: Record<string, string> = {
    value: shortest(value),
    threshold: shortest(shownThreshold(rule)),
    host,
    rule: rule.name,
    severity: rule.severity,
  };
  return text.replace(PLACE, (_, name: string) => {
    const found = Object.hasOwn(labels, name)
      ? labels[name]!
      : (byLastPart(labels, name) ?? (Object.hasOwn(said, name) ? said[name]! : ''));
    return found.length > LONGEST ? `${found.slice(0, LONGEST).toWellFormed()}…` : found;
  });
}

/** What is said of a value where a rule has no summary. */
function usualText({ kind, forecast }: Rule): string {
  if (kind === 'absent') return ': nothing for {{value}} s';
  return forecast ? `: ${forecast.reaches} in {{value}} s, as it goes` : ': {{value}}';
}

/** What a value is compared with, for people. */
export function shownThreshold(rule: Rule): number | null {
  return rule.kind === 'absent' ? rule.absent / 1000 : rule.fire.threshold;
}

function byLastPart(labels: Readonly<Record<string, string>>, name: string): string | undefined {
  for (const label in labels) if (label.slice(label.lastIndexOf('.') + 1) === name) return labels[label];
  return undefined;
}

/** The shortest text that is the number to six digits. */
function shortest(value: number | null): string {
  return value === null ? '' : String(Number(value.toPrecision(6)));
}
