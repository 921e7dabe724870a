/**
 * The one door to ioredis: a connection to one Redis, to what sentinels say is the primary, or to a cluster (found out by
 * asking), with the scripts.
 *
 * Nothing is queued or sent again in here: a command that was cut off has failed, and who sent it decides. What Redis says
 * is put into words once, for status and log.
 */
import { readFileSync } from 'node:fs';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { pause } from '../../core/abort.ts';
import { CLAIM, FINISH, PREPARE } from './script.ts';
import { redisWords } from './words.ts';

export interface RedisChoice {
  url: string;
  nodes: readonly string[];
  sentinel_master?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
  /** How long a reply may take. */
  silence_ms?: number;
  tls?:
    | {
        ca_file?: string | undefined;
        cert_file?: string | undefined;
        key_file?: string | undefined;
        server_name?: string | undefined;
        insecure: boolean;
      }
    | undefined;
}

/** What one node says of itself; null: it does not say it. */
export interface NodeInfo {
  version: string | null;
  policy: string | null;
  aof: boolean | null;
}

const CONNECT_MS = 5000;
/** A reply that takes longer does not come: the connection is given up. */
const SILENCE_MS = 10_000;
const RECONNECT_MS = 2000;
const SENTINEL_PORT = 26_379;
const PORT = 6379;

interface Scripts {
  topkPrepare(keys: number, ...rest: string[]): Promise<unknown>;
  topkClaim(keys: number, ...rest: string[]): Promise<unknown>;
  topkFinish(keys: number, ...rest: string[]): Promise<unknown>;
}
type Client = (Redis | Cluster) & Scripts;

export class RedisConnection {
  readonly #client: Client;
  readonly #cluster: Cluster | null;
  /** What the connection failed of last, in words; null: it is there. */
  error: string | null = null;
  /** Called when it is there, at the first time and again. */
  onReady: () => void = () => undefined;

  private constructor(client: Redis | Cluster, cluster: Cluster | null) {
    this.#client = client as Client;
    this.#cluster = cluster;
    client.defineCommand('topkPrepare', { lua: PREPARE });
    client.defineCommand('topkClaim', { lua: CLAIM });
    client.defineCommand('topkFinish', { lua: FINISH });
    client.on('error', (error: Error) => {
      this.error = redisWords(error);
    });
    client.on('ready', () => {
      this.error = null;
      this.onReady();
    });
  }

  /** Connects in the background. Rejects with one sentence when the first one that answers cannot be had. */
  static async open(choice: RedisChoice): Promise<RedisConnection> {
    const ioredis = await import('ioredis');
    const places = [choice.url, ...choice.nodes].map((url) => placeOf(url, choice.sentinel_master !== undefined));
    const common = commonOptions(choice);
    if (choice.sentinel_master !== undefined) {
      const { tls, ...rest } = common;
      const encrypted = tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true };
      const client = new ioredis.Redis({
        ...rest,
        // It looks whether it is the primary.
        enableReadyCheck: true,
        ...encrypted,
        ...ALONE,
        sentinels: places,
        name: choice.sentinel_master,
      });
      return new RedisConnection(client, null);
    }
    const isCluster = await firstOf(places, async (place) => {
      const probe = new ioredis.Redis({ ...common, ...place, lazyConnect: true, retryStrategy: null });
      let said: Error | null = null;
      probe.on('error', (error: Error) => {
        said = error;
      });
      try {
        await probe.connect();
        return await clusterEnabled(probe);
      } catch (error) {
        throw said ?? error;
      } finally {
        probe.disconnect();
      }
    });
    if (!isCluster) return new RedisConnection(new ioredis.Redis({ ...common, ...ALONE, ...places[0] }), null);
    const cluster = new ioredis.Cluster(places, { ...OF_CLUSTER, redisOptions: common });
    return new RedisConnection(cluster, cluster);
  }

  /** `keys` begin with that of the positions. What PREPARE gives; where it is `prepared`, what FINISH gave. */
  async count(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const prepared = this.#client.topkPrepare(keys.length, ...keys, ...args);
    if (keys.length === 1) return prepared;
    // Sent behind it at once: a process that ends in between leaves it to others.
    const finished = this.finish(keys);
    finished.catch(() => undefined);
    const given = (await prepared) as unknown[];
    return given[0] === 'prepared' ? finished : given;
  }

  /** Whoever prepared it. */
  finish(keys: readonly string[]): Promise<unknown> {
    return this.#client.topkFinish(keys.length, ...keys);
  }

  claim(positions: string, field: string, topicId: string): Promise<unknown> {
    return this.#client.topkClaim(1, positions, field, topicId);
  }

  /** The fields of a hash, null where there is none. */
  fields(key: string, fields: readonly string[]): Promise<(string | null)[]> {
    return this.#client.hmget(key, ...fields);
  }

  /** Members of a sorted set and their scores: the first `most` from the top or from the bottom; null: all. */
  async scores(key: string, most: number | null, lowest: boolean): Promise<[string, number][]> {
    const last = most === null ? -1 : most - 1;
    const order = lowest ? 'ZRANGE' : 'ZREVRANGE';
    const flat = (await this.#client.call(order, key, 0, last, 'WITHSCORES')) as string[];
    const found: [string, number][] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) found.push([flat[i]!, numberOf(flat[i + 1]!)]);
    return found;
  }

  get(key: string): Promise<string | null> {
    return this.#client.get(key);
  }

  /** Of each node that may be written to. */
  async info(): Promise<NodeInfo[]> {
    const nodes = this.#cluster === null ? [this.#client as Redis] : this.#cluster.nodes('master');
    return Promise.all(nodes.map(infoOf));
  }

  /** True once it can be spoken to; false: not in that time. */
  async ready(ms: number, signal?: AbortSignal): Promise<boolean> {
    const until = performance.now() + ms;
    while (this.#client.status !== 'ready') {
      if (performance.now() > until || !(await pause(10, signal))) return false;
    }
    return true;
  }

  close(): void {
    this.#client.disconnect();
  }
}

const commonOptions = (choice: RedisChoice) => {
  const url = new URL(choice.url);
  const username = choice.username ?? (decodeURIComponent(url.username) || undefined);
  const password = choice.password ?? (decodeURIComponent(url.password) || undefined);
  const db = Number(url.pathname.slice(1) || 0);
  const silence = choice.silence_ms ?? SILENCE_MS;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(db !== 0 && { db }),
    ...((url.protocol === 'rediss:' || choice.tls !== undefined) && { tls: tlsOf(choice) }),
    protocol: 2,
    // What is still loading says so to each command.
    enableReadyCheck: false,
    connectionName: 'runnel-topk',
    connectTimeout: CONNECT_MS,
    socketTimeout: silence,
    commandTimeout: silence,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // What was a primary is a replica now: its successor is behind the same address, or the sentinels know it.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
};

const retry = (times: number) => Math.min(50 * 2 ** Math.min(times, 10), RECONNECT_MS);
const ALONE = { enableOfflineQueue: false, retryStrategy: retry } satisfies RedisOptions;
const OF_CLUSTER = {
  enableOfflineQueue: false,
  clusterRetryStrategy: retry,
  slotsRefreshTimeout: CONNECT_MS,
  maxRedirections: 5,
} satisfies ClusterOptions;

function placeOf(url: string, sentinel: boolean): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (sentinel ? SENTINEL_PORT : PORT) };
}

/** Throws what cannot be read. */
function tlsOf({ tls }: RedisChoice): NonNullable<RedisOptions['tls']> {
  const { ca_file, cert_file, key_file, server_name, insecure = false } = tls ?? {};
  return {
    ...(server_name !== undefined && { servername: server_name }),
    ...(ca_file !== undefined && { ca: readFileSync(ca_file) }),
    ...(cert_file !== undefined && { cert: readFileSync(cert_file) }),
    ...(key_file !== undefined && { key: readFileSync(key_file) }),
    rejectUnauthorized: !insecure,
  };
}

/** Of the first that answers. Rejects with what each said. */
async function firstOf<T>(
  places: readonly { host: string; port: number }[],
  ask: (place: { host: string; port: number }) => Promise<T>,
): Promise<T> {
  const said: string[] = [];
  for (const place of places) {
    try {
      return await ask(place);
    } catch (error) {
      const words = redisWords(error as Error);
      said.push(places.length === 1 ? words : `${place.host}:${place.port}: ${words}`);
    }
  }
  throw new Error(said.join('; '));
}

/** Where INFO is denied: by what only a cluster answers. */
async function clusterEnabled(redis: Redis): Promise<boolean> {
  const info = await redis.info('server').catch(refusedCommand);
  if (info !== null) return /^redis_mode:cluster/m.test(info);
  return (await redis.cluster('INFO').catch(refusedCommand)) !== null;
}

async function infoOf(redis: Redis): Promise<NodeInfo> {
  const info = (await redis.info().catch(refusedCommand)) ?? '';
  // Until it has loaded it says of nothing how it will be.
  if (/^loading:1/m.test(info)) throw new Error('LOADING');
  const of = (key: string) => new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null;
  let policy = of('maxmemory_policy');
  if (policy === null) {
    const asked = await redis.config('GET', 'maxmemory-policy').catch(refusedCommand);
    policy = (asked as string[] | null)?.[1] ?? null;
  }
  const aof = of('aof_enabled');
  return { version: of('redis_version'), policy, aof: aof === null ? null : aof === '1' };
}

/** Denied, renamed away, or of another mode: null. Throws what else went wrong. */
function refusedCommand(error: Error): null {
  if (/^(NOPERM|ERR)\b/.test(error.message)) return null;
  throw error;
}

function numberOf(text: string): number {
  if (text === 'inf') return Number.MAX_VALUE;
  return text === '-inf' ? -Number.MAX_VALUE : Number(text);
}
