/**
 * Templates and streams, made before anything is written: a name without a template becomes an ordinary index, silently.
 *
 *   ensure    one attempt: says what it did; rejects with the sentence why not
 *   prepare   again and again until it is done: what is away comes back
 *   setUp     `runnel sink opensearch --setup`
 */
import { Backoff } from '../../../core/abort.ts';
import { log } from '../../../log.ts';
import type { ConsumerHost, ConsumerSpec } from '../../kind.ts';
import { streamNames } from '../names.ts';
import type { OpenSearchOptions } from '../options.ts';
import { type Product, productOf, Transport } from '../transport.ts';
import { lookAtStreams, makeStream } from './streams.ts';
import { compare, signed, type Template, templatesFor } from './templates.ts';
import { StreamUpkeep } from './upkeep.ts';

export async function setUp({ options }: ConsumerSpec<OpenSearchOptions>, { stop }: ConsumerHost): Promise<string[]> {
  const transport = new Transport(options);
  try {
    const product = await productOf(transport, stop);
    const done = [`${product.name} ${product.version} at ${options.urls.join(', ')}`];
    done.push(...(await installTemplates(transport, options, product, stop)));
    done.push(...(await makeStreams(transport, options, stop)));
    return done;
  } finally {
    transport.close();
  }
}

/**
 * With `template.install` templates and streams are made where they are missing; without it streams must be there. Gives
 * what it did, a sentence each; none where all was there.
 */
export async function ensure(
  transport: Transport,
  options: OpenSearchOptions,
  signal?: AbortSignal,
): Promise<string[]> {
  if (options.template.install) {
    const product = await productOf(transport, signal);
    const done = await installTemplates(transport, options, product, signal);
    return [...done, ...(await makeStreams(transport, options, signal))].filter((line) => !line.endsWith(IS_THERE));
  }
  const names = streamNames(options);
  const found = await lookAtStreams(transport, names, signal);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length === 0) return [];
  throw new Error(
    `${missing.length === 1 ? `the stream ${missing[0]} is` : `the streams ${missing.join(', ')} are`} missing: runnel sink opensearch --setup makes them, or template.install: true`,
  );
}

/** `problem` is told why it waits, and null when it is done. Rejects when the signal aborts. */
export async function prepare(
  transport: Transport,
  options: OpenSearchOptions,
  { signal, problem }: { signal: AbortSignal; problem: (why: string | null) => void },
): Promise<void> {
  const backoff = new Backoff();
  for (;;) {
    try {
      for (const line of await ensure(transport, options, signal)) log.info(`${options.group}: ${line}`);
      problem(null);
      return;
    } catch (error) {
      signal.throwIfAborted();
      problem((error as Error).message);
      await backoff.wait(signal);
    }
  }
}

/** Rollover and retention of its streams, until the signal aborts. */
export function startUpkeep(transport: Transport, options: OpenSearchOptions, stop: AbortSignal): StreamUpkeep {
  return StreamUpkeep.start(transport, options, stop);
}

const IS_THERE = 'is there';

async function installTemplates(
  transport: Transport,
  options: OpenSearchOptions,
  product: Product,
  signal?: AbortSignal,
): Promise<string[]> {
  const done: string[] = [];
  for (const template of templatesFor(options, product.name)) done.push(await install(transport, template, signal));
  return done;
}

async function install(transport: Transport, template: Template, signal?: AbortSignal): Promise<string> {
  const { path } = template;
  const [kind, name] = path.split('/') as [string, string];
  const title = `${kind === '_index_template' ? 'index' : 'component'} template ${name}`;
  const look = { allow: [404], signal, what: `cannot look at the ${title}` };
  const { status, body } = await transport.json('GET', `/${path}`, undefined, look);
  const found = status === 404 ? null : (body[`${kind.slice(1)}s`]?.[0]?.[kind.slice(1)] ?? null);
  const finding = compare(template, found);
  if (finding === 'same') return `${title} ${IS_THERE}`;
  if (finding === 'changed' || finding === 'newer') {
    const why = finding === 'newer' ? 'was made by a newer runnel' : 'was changed by somebody';
    const said = `${title} ${why}: it is left as it is; delete it to have it made anew`;
    log.warnOnce(`template ${name}`, said);
    return said;
  }
  await transport.json('PUT', `/${path}`, signed(template), { signal, what: `cannot make the ${title}` });
  return `${title} ${finding === 'missing' ? 'is made' : 'is renewed: streams have it from their next rollover on'}`;
}

async function makeStreams(transport: Transport, options: OpenSearchOptions, signal?: AbortSignal): Promise<string[]> {
  const names = streamNames(options);
  const found = await lookAtStreams(transport, names, signal);
  const done: string[] = [];
  for (const name of names) {
    const made = !found.has(name) && (await makeStream(transport, name, signal));
    done.push(`stream ${name} ${made ? 'is made' : IS_THERE}`);
  }
  return done;
}
