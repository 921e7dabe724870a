/** What must hold between the options of `otlp` and `traces`. */
import type { Saying } from '../../config/errors.ts';
import type { OtlpOptions, TracesOptions } from './options.ts';
import { checkSampling } from './sampling-options.ts';

/** Attributes that make series. */
const MOST_ATTRIBUTES = 4;
/** Rules are bits of a number. */
const MOST_RULES = 30;

/** `otlp` is undefined where nothing listens; `datadog`: addresses for Datadog's tracers. */
export function checkOptions(
  otlp: OtlpOptions | undefined,
  { metrics, sampling }: TracesOptions,
  datadog: readonly string[],
  refuse: Saying,
): void {
  if (otlp) checkOtlp(otlp, datadog, refuse);
  else if (datadog.length > 0)
    refuse(['datadog'], 'needs otlp beside it: what becomes of spans is said there; add otlp: {}');
  const { attributes } = metrics;
  if (attributes.length > MOST_ATTRIBUTES)
    refuse(['traces', 'metrics', 'attributes', MOST_ATTRIBUTES], `is one too many: at most ${MOST_ATTRIBUTES}`);
  const twice = attributes.findIndex((one, i) => attributes.indexOf(one) !== i);
  if (twice >= 0) refuse(['traces', 'metrics', 'attributes', twice], 'is there twice');
  const { rules } = sampling;
  if (rules.length > MOST_RULES)
    refuse(['traces', 'sampling', 'rules', MOST_RULES], `is one too many: at most ${MOST_RULES}`);
  checkSampling(sampling, (path, message) => refuse(['traces', 'sampling', ...path], message));
}

function checkOtlp({ http, grpc, tls, signals }: OtlpOptions, datadog: readonly string[], refuse: Saying): void {
  const all = { 'otlp.http': http, 'otlp.grpc': grpc, 'datadog.listen': datadog };
  const listed = Object.entries(all).flatMap(([name, addresses]) =>
    addresses.map((address, i) => ({ address, path: [...name.split('.'), i] })),
  );
  if (listed.length === 0) refuse(['otlp'], 'listens nowhere: name an address for http or grpc, or leave otlp out');
  if (signals.length === 0) refuse(['otlp', 'signals'], 'is empty: leave otlp out');
  const seen = new Set<string>();
  for (const { address, path } of listed) {
    if (seen.has(address)) refuse(path, 'is listed twice');
    seen.add(address);
  }
  if (datadog.length > 0 && !signals.includes('traces')) refuse(['datadog'], 'needs traces in otlp.signals');
  if (tls && tls.cert_file === undefined) refuse(['otlp', 'tls'], 'needs cert_file and key_file');
  else if (tls && tls.key_file === undefined) refuse(['otlp', 'tls', 'cert_file'], 'needs otlp.tls.key_file beside it');
}
