/** What must hold between the options of `otlp` and `traces`. */
import type { Saying } from '../../config/errors.ts';
import type { OtlpOptions, TracesOptions } from './options.ts';
import { checkSampling } from './sampling-options.ts';

/** Attributes that make series. */
const MOST_ATTRIBUTES = 4;
/** Rules are bits of a number. */
const MOST_RULES = 30;

/** `otlp` is undefined where nothing listens. */
export function checkOptions(
  otlp: OtlpOptions | undefined,
  { metrics, sampling }: TracesOptions,
  refuse: Saying,
): void {
  if (otlp) checkOtlp(otlp, refuse);
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

function checkOtlp({ http, grpc, tls, signals }: OtlpOptions, refuse: Saying): void {
  if (http.length === 0 && grpc.length === 0)
    refuse(['otlp'], 'listens nowhere: name an address for http or grpc, or leave otlp out');
  if (signals.length === 0) refuse(['otlp', 'signals'], 'is empty: leave otlp out');
  for (const [i, address] of [...http, ...grpc].entries()) {
    const path = i < http.length ? ['otlp', 'http', i] : ['otlp', 'grpc', i - http.length];
    if ([...http, ...grpc].indexOf(address) < i) refuse(path, 'is listed twice');
  }
  if (tls && tls.cert_file === undefined) refuse(['otlp', 'tls'], 'needs cert_file and key_file');
  else if (tls && tls.key_file === undefined) refuse(['otlp', 'tls', 'cert_file'], 'needs otlp.tls.key_file beside it');
}
