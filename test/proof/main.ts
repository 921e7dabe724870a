/**
 * What the tests show for some cases, for very many: `npm run proof -- NAME...`, by the names of PROOFS. Each proof says
 * what it compared; the first difference ends it.
 */

import { proveAlerts } from './alerts.ts';
import { proveAudit } from './audit.ts';
import { proveCompared, proveSandboxed } from './checks.ts';
import { proveCollector } from './collector.ts';
import { proveGroup } from './group.ts';
import { proveImage } from './image.ts';
import { proveJson } from './json.ts';
import { proveMask } from './mask.ts';
import { provePackages } from './packages.ts';
import { provePrograms } from './programs.ts';
import { proveRegex, proveRegexBound } from './regex.ts';
import { proveRoutes } from './routes.ts';
import { proveSea } from './sea.ts';
import { proveSinkChaos, proveSinkGroup, proveSinkKills } from './sink.ts';
import { proveSpans } from './spans.ts';
import { proveStatsdRestarts } from './statsd.ts';
import { proveFormats, proveTimes } from './times.ts';
import { proveTopk } from './topk.ts';
import { proveDurable, proveOtlp } from './traces.ts';

const PROOFS: Readonly<Record<string, readonly (() => string | Promise<string>)[]>> = {
  alerts: [() => proveAlerts(100)],
  audit: [() => proveAudit(200)],
  checks: [() => proveCompared(60), proveSandboxed],
  group: [() => proveGroup(24)],
  collector: [() => proveCollector(seed(), 3000)],
  sink: [proveSinkKills, proveSinkGroup, proveSinkChaos],
  topk: [() => proveTopk(10, 200_000)],
  processing: [
    () => proveJson(400_000, seed()),
    proveTimes,
    () => proveFormats(100_000, seed()),
    () => proveMask(seed(), 300_000),
    () => provePrograms(seed(), 500),
    () => proveRegex(seed()),
    () => proveRegexBound(seed(), 10_000),
    () => proveRoutes(30),
  ],
  packages: [provePackages, proveSea, proveImage],
  spans: [() => proveSpans(seed(), 100_000)],
  statsd: [proveStatsdRestarts],
  traces: [() => proveDurable(60), () => proveOtlp(40)],
};

function seed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : Object.keys(PROOFS)) {
  const proofs = PROOFS[name];
  if (!proofs) throw new Error(`there is no proof ${name}: use ${Object.keys(PROOFS).join(', ')}`);
  for (const prove of proofs) console.log(await prove());
}
