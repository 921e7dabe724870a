/**
 * The agent's own HTTP endpoint: on `admin.listen` numbers only, on the unix socket also what shows records.
 *
 *   GET /health          200 once the listeners are bound and the positions read
 *   GET /ready[?strict]  the same; with `strict` also that everything works, Kafka included
 *   GET /status[?files=N]   the status as JSON, with at most 100 files of each input, or N
 *   GET /metrics         Prometheus text
 *   GET /                the page, with /page.css, /page.js, /plots.js, /uplot.css, /uplot.js
 *   GET /view            what it shows, as text and tables
 *   GET /history         the last fifteen minutes as numbers, for its plots
 *   GET /names           the metrics that most samples come for: their names alone
 *   GET /tap[?match=P]   records as they leave, as lines of JSON; on the socket only
 *   GET /capture?input=NAME  what comes to it, as it comes; on the socket only
 *   GET /top?input=NAME  who sends most to an input; on the socket only
 *   GET /log             what the agent said last; on the socket only
 *   GET /profile?seconds=N   where its main thread spends its time; on the socket only
 *   POST /command?input=NAME&name=COMMAND&options=JSON   has an input do something; on the socket only
 *   POST /reload         reads the configuration again; on the socket only
 *
 * On the address nothing changes anything.
 */
import type { AnyKind, ByteSink } from '../core/input.ts';
import {
  type Answer,
  type HttpRequest,
  JSON_TYPE,
  jsonAnswer,
  Refusal,
  type StreamedAnswer,
  textAnswer,
} from '../http/answer.ts';
import { splitAddress } from '../http/listen.ts';
import { type HttpOptions, HttpServer } from '../http/server.ts';
import { saidLast } from '../log.ts';
import type { History } from '../report/history.ts';
import type { HttpStatus, LiveStatus } from '../report/shape.ts';
import { statusJson } from '../report/status-json.ts';
import { keptFor, Renderings } from './renderings.ts';
import type { Tap } from './tap.ts';

/** Files of an input that are listed if nobody says how many. */
const FILES_LISTED = 100;
const MAX_PATTERN = 1024;
/** A command is given up after so long, milliseconds. */
const COMMAND_MS = 60_000;
/** Who sends most to StatsD is asked for once in so long, whoever wants to know: counting takes its thread a while. */
const NAMES_MS = 10_000;

export interface AdminOptions {
  /** `host:port`; port 0 takes a free one. */
  listen: string;
  /** Path of the unix socket; null: none. */
  socket: string | null;
  /** Further names that a Host header may have. */
  hosts: readonly string[];
  /** True once the listeners are bound and the positions read. */
  healthy: () => boolean;
  /** Why it is not ready, or does less than configured. */
  reasons: () => string[];
  /** With at most so many files of each input, the most behind first. */
  status: (files: number) => LiveStatus;
  history: Pick<History, 'plotted' | 'since'>;
  tap: Tap;
  /** Reads the configuration again; not without it. */
  reload?: () => Promise<{ reloaded: boolean }>;
  /** Who sends most to an input; null: nobody can tell. */
  top?: (input: string) => Promise<unknown> | null;
  /** Has an input do what a command asks for; null: it knows none of that name. Rejects with a sentence. */
  command?: (
    input: string,
    name: string,
    options: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ) => Promise<object> | null;
  /** Gives what comes to an input until the returned function is called; null: it cannot be had. */
  capture?: (input: string, sink: ByteSink) => (() => void) | null;
  kinds?: readonly AnyKind[];
}

type Addresses = Pick<AdminOptions, 'listen' | 'hosts' | 'socket'>;

export interface AdminServer {
  /** `127.0.0.1:8687`; null when it could not be bound. */
  readonly address: string | null;
  readonly socket: string | null;
  /** One sentence for each that could not be bound. */
  readonly errors: readonly string[];
  status(): HttpStatus[];
  /** Serves there from now on; where one cannot be bound it says so, and nothing has changed. */
  change(now: Addresses): Promise<{ option: 'listen' | 'socket'; error: string }[]>;
  close(): Promise<void>;
}

/** Binds what it can; never rejects. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const errors: string[] = [];
  const failed = (at: string | null) => (error: Error) => {
    errors.push(`cannot serve status on ${at}: ${error.message}`);
    return null;
  };
  const renderings = new Renderings();
  const asked = { ...options, names: keptFor(NAMES_MS, () => named(options)) };
  let { listen, socket } = options;
  const names = { listen, hosts: options.hosts, option: 'admin.hosts' };
  const open = (local: boolean, how: Pick<HttpOptions, 'where' | 'access'>) =>
    HttpServer.open({ ...how, handler: (request) => answer(request, asked, renderings, local) });
  const openNear = (listen: string) => open(false, { where: splitAddress(listen), access: { names } });
  const openLocal = async (path: string | null) =>
    path === null ? null : await open(true, { where: { path }, access: { names: null } });
  let near = await openNear(listen).catch(failed(listen));
  let local = await openLocal(socket).catch(failed(socket));
  const servers = () => [near, local].filter((server) => server !== null);
  return {
    get address() {
      return near?.address ?? null;
    },
    get socket() {
      return local?.address ?? null;
    },
    errors,
    status: () =>
      servers().map(({ address, connections, requests, refused }) => {
        return { address, connections, requests, refused: Object.fromEntries(refused) };
      }),
    async change(now) {
      const failed: { option: 'listen' | 'socket'; error: string }[] = [];
      const cannot = (option: 'listen' | 'socket', at: string | null) => (error: Error) => {
        failed.push({ option, error: `cannot serve status on ${at}: ${error.message}` });
        return null;
      };
      const before = { near, local };
      // Where only the host is another one, the port is ours.
      const ours = now.listen !== listen && splitAddress(now.listen).port === splitAddress(listen).port;
      if (ours) await near?.close();
      const next = {
        near: now.listen === listen ? near : await openNear(now.listen).catch(cannot('listen', now.listen)),
        local: now.socket === socket ? local : await openLocal(now.socket).catch(cannot('socket', now.socket)),
      };
      const [kept, left] = failed.length > 0 ? [before, next] : [next, before];
      // What is asked there just now is answered first.
      if (left.near !== kept.near) void left.near?.close();
      if (left.local !== kept.local) void left.local?.close();
      ({ near, local } = kept);
      if (failed.length > 0) {
        if (ours) near = await openNear(listen).catch(cannot('listen', listen));
        return failed;
      }
      ({ listen, socket } = now);
      Object.assign(names, { listen, hosts: now.hosts });
      return [];
    },
    async close() {
      await Promise.all(servers().map((server) => server.close()));
    },
  };
}

async function answer(
  { method, path, query }: HttpRequest,
  options: AdminOptions & { names: () => Promise<Answer> },
  renderings: Renderings,
  local: boolean,
): Promise<Answer | StreamedAnswer> {
  if (method === 'POST' && path === '/reload' && local && options.reload) {
    const told = await options.reload();
    return jsonAnswer(told.reloaded ? 200 : 409, told);
  }
  if (method === 'POST' && path === '/command' && local && options.command) return commanded(query, options.command);
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Refusal(405, 'method', 'Nothing here changes anything: only GET and HEAD.', { Allow: 'GET, HEAD' });
  }
  switch (path) {
    case '/health': {
      const healthy = options.healthy();
      return jsonAnswer(healthy ? 200 : 503, { healthy });
    }
    case '/ready': {
      const healthy = options.healthy();
      const reasons = options.reasons();
      const ready = reasons.length === 0;
      const strict = query.has('strict') && query.get('strict') !== 'false';
      return jsonAnswer(healthy && (ready || !strict) ? 200 : 503, { ready: healthy && ready, reasons });
    }
    case '/status': {
      const files = filesIn(query);
      if (files === null) return textAnswer(400, 'files must be a number.');
      const body = await renderings.of(`status ${files}`, () => statusJson(options.status(files)));
      return { code: 200, type: JSON_TYPE, body };
    }
    case '/view': {
      const { FILES, viewOf } = await import('../report/page/view.ts');
      const body = await renderings.of('view', () => [
        JSON.stringify(viewOf(options.status(FILES), options.history, options.kinds)),
      ]);
      return { code: 200, type: JSON_TYPE, body };
    }
    case '/history':
      return jsonAnswer(200, options.history.plotted());
    case '/names':
      return options.names();
    case '/metrics': {
      const { metricsText } = await import('../report/metrics.ts');
      const { METRICS_TYPE } = await import('../report/prometheus.ts');
      const body = await renderings.of('metrics', async function* () {
        yield await metricsText(options.status(0), options.kinds);
      });
      return { code: 200, type: METRICS_TYPE, body };
    }
    case '/tap':
      if (!local) return textAnswer(403, 'Records are shown on the unix socket only: runnel tap uses it.');
      return tapped(options.tap, query.get('match'));
    case '/capture': {
      if (!local) return textAnswer(403, 'Packets are shown on the unix socket only: runnel statsd capture uses it.');
      const input = query.get('input') ?? '';
      return {
        type: 'application/octet-stream',
        begin(sink) {
          const stop = options.capture?.(input, sink) ?? null;
          if (stop === null) sink.destroy();
          return stop ?? (() => undefined);
        },
      };
    }
    case '/top': {
      if (!local) return textAnswer(403, 'Names are shown on the unix socket only: runnel top uses it.');
      const input = query.get('input') ?? '';
      const told = options.top?.(input) ?? null;
      return told === null
        ? textAnswer(404, `Nothing is received by ${input}.`)
        : jsonAnswer(200, (await told) as object);
    }
    case '/log':
      if (!local) return textAnswer(403, 'What the agent said is shown on the unix socket only: runnel flare uses it.');
      return textAnswer(200, saidLast());
    case '/profile':
      if (!local) return textAnswer(403, 'A profile is made on the unix socket only: runnel flare uses it.');
      return profiled(query.get('seconds') ?? '5');
    default: {
      const { assetAt } = await import('../report/page/assets.ts');
      const asset = await assetAt(path);
      return asset ? { code: 200, ...asset } : textAnswer(404, 'There is /, /health, /ready, /status and /metrics.');
    }
  }
}

async function named({ top }: AdminOptions): Promise<Answer> {
  const { namesTable } = await import('../report/page/names.ts');
  const table = await namesTable(top);
  return table === null ? textAnswer(404, 'Nothing is received by statsd.') : jsonAnswer(200, table);
}

async function commanded(query: URLSearchParams, command: NonNullable<AdminOptions['command']>): Promise<Answer> {
  const [input, name] = [query.get('input') ?? '', query.get('name') ?? ''];
  try {
    const options = JSON.parse(query.get('options') ?? '{}') as Record<string, unknown>;
    const told = command(input, name, options, AbortSignal.timeout(COMMAND_MS));
    if (told === null) return textAnswer(404, `${input} knows no ${name}.`);
    return jsonAnswer(200, await told);
  } catch (error) {
    return jsonAnswer(409, { error: (error as Error).message });
  }
}

async function profiled(seconds: string): Promise<Answer> {
  const { cpuProfile, MOST_SECONDS } = await import('./profile.ts');
  if (!/^[1-9]\d?$/.test(seconds) || Number(seconds) > MOST_SECONDS) {
    return textAnswer(400, `seconds must be a number from 1 to ${MOST_SECONDS}.`);
  }
  const profile = await cpuProfile(Number(seconds));
  if (profile === null) return textAnswer(503, 'A profile is being made already.');
  return { code: 200, type: JSON_TYPE, body: profile };
}

/** Of each input; null: that is no number. */
function filesIn(query: URLSearchParams): number | null {
  const files = query.get('files') ?? `${FILES_LISTED}`;
  return /^\d{1,9}$/.test(files) ? Number(files) : null;
}

function tapped(tap: Tap, pattern: string | null): Answer | StreamedAnswer {
  if (pattern !== null && pattern.length > MAX_PATTERN) {
    return textAnswer(400, `match may have at most ${MAX_PATTERN} characters.`);
  }
  if (!tap.hasRoom()) return textAnswer(503, 'Too many listen already.');
  return { type: 'application/x-ndjson', begin: (sink) => tap.listen(sink, pattern) };
}
