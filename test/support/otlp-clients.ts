/**
 * Applications with the SDKs that there are, each a program that makes traces of three spans and says on stdout which
 * (`<trace id> <span id>` a line). What cannot be had here is named.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cacheFolder, fetchJars, whyNoJava } from './maven.ts';
import { nodePackages } from './node-packages.ts';
import { goProgram } from './otel-go.ts';
import { pythonPackages } from './python-packages.ts';

const SUPPORT = new URL('./', import.meta.url).pathname;
const HTTP = 'http/protobuf';
const JAVA_SDK = '1.68.0';
/** A short life in a crowd: one collector thread, one compiler. */
const JAVA = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

export interface Client {
  name: string;
  command: readonly string[];
  env: Record<string, string>;
}

/** Where the agent takes OTLP, and what Datadog's tracers send. */
export interface Addresses {
  http: string;
  grpc: string;
  datadog: string;
}

interface Kind {
  language: string;
  command: readonly string[];
  /** Of OTLP. */
  protocols: readonly string[];
  /** Default: both, none and gzip. */
  compressions?: readonly string[];
  env?: Record<string, string>;
  /** Versions of Datadog's own protocol. */
  datadog?: readonly string[];
}

const DATADOG = {
  DD_SERVICE: 'client',
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
  DD_REMOTE_CONFIGURATION_ENABLED: 'false',
};

function node(): Kind {
  const command = [process.execPath, `${SUPPORT}otel-client.ts`];
  return { language: 'node', command, protocols: [HTTP, 'http/json', 'grpc'] };
}

function python(): Kind | string {
  const packages = ['opentelemetry-sdk==1.45.2', 'opentelemetry-exporter-otlp==1.45.2'];
  const had = pythonPackages('opentelemetry-1.45.2', packages);
  if ('missing' in had) return had.missing;
  const command = ['python3', `${SUPPORT}otel-client.py`];
  return { language: 'python', command, protocols: [HTTP, 'grpc'], env: { PYTHONPATH: had.folder } };
}

function go(): Kind | string {
  const had = goProgram('otel-go');
  if ('missing' in had) return had.missing;
  return { language: 'go', command: [had.program], protocols: [HTTP, 'grpc'] };
}

async function java(): Promise<Kind | string> {
  const title = `OpenTelemetry ${JAVA_SDK} for Java`;
  const libs = `${cacheFolder(`otel-java-${JAVA_SDK}`)}/libs`;
  const missing = whyNoJava(title, libs);
  if (missing) return missing;
  const names = ['opentelemetry-sdk-extension-autoconfigure', 'opentelemetry-exporter-otlp'];
  const artifacts = names.map((name) => ['io.opentelemetry', name, JAVA_SDK] as const);
  await fetchJars({ title, libs, artifacts });
  const command = ['java', ...JAVA, '-cp', `${libs}/*`, `${SUPPORT}OtelClient.java`];
  return { language: 'java', command, protocols: [HTTP, 'grpc'] };
}

function datadogNode(): Kind | string {
  const had = nodePackages('dd-trace-6.21.0', ['dd-trace@6.21.0']);
  if ('missing' in had) return had.missing;
  const command = [process.execPath, `${SUPPORT}ddtrace-client.mjs`, had.folder];
  return {
    language: 'dd-trace node',
    command,
    protocols: [HTTP],
    compressions: ['none'],
    env: DATADOG,
    datadog: ['v0.4'],
  };
}

function datadogPython(): Kind | string {
  const had = pythonPackages('ddtrace-4.16.0', ['ddtrace==4.16.0']);
  if ('missing' in had) return had.missing;
  const env = { ...DATADOG, PYTHONPATH: had.folder };
  const command = ['python3', `${SUPPORT}ddtrace-client.py`];
  return {
    language: 'dd-trace python',
    command,
    protocols: [HTTP],
    compressions: ['none'],
    env,
    datadog: ['v0.4', 'v0.5'],
  };
}

/** Those that can be had, each in all of its ways; and why others cannot. Downloads what is not there. */
export async function otlpClients(at: Addresses, traces: number): Promise<{ clients: Client[]; missing: string[] }> {
  const kinds = [node(), python(), go(), await java(), datadogNode(), datadogPython()];
  const missing = kinds.filter((kind) => typeof kind === 'string');
  const had = kinds.filter((kind) => typeof kind !== 'string');
  return { missing, clients: had.flatMap((kind) => waysOf(kind, at, traces)) };
}

function waysOf(kind: Kind, at: Addresses, traces: number): Client[] {
  const { language, command, datadog = [], env } = kind;
  const native = datadog.map((version) => ({
    name: `${language} ${version}`,
    command: [...command, String(traces)],
    env: { ...env, DD_TRACE_AGENT_URL: `http://${at.datadog}`, DD_TRACE_API_VERSION: version },
  }));
  return [...overOtlp(kind, at, traces), ...native];
}

function overOtlp({ language, command, protocols, compressions, env }: Kind, at: Addresses, traces: number): Client[] {
  return protocols.flatMap((protocol) =>
    (compressions ?? ['none', 'gzip']).map((compression) => ({
      name: `${language} ${protocol} ${compression}`,
      command: [...command, String(traces)],
      env: {
        ...env,
        OTEL_SERVICE_NAME: 'client',
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://${protocol === 'grpc' ? at.grpc : at.http}`,
        OTEL_EXPORTER_OTLP_INSECURE: 'true',
        ...(compression === 'gzip' && { OTEL_EXPORTER_OTLP_COMPRESSION: compression }),
        // Several requests each.
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
    })),
  );
}

/** Gives `<trace id> <span id>` of each span that it made. Rejects where it ends with an error. */
export async function runClient({ name, command, env }: Client): Promise<string[]> {
  const [program, ...args] = command;
  const child = spawn(program!, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let [said, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} ends with ${code ?? signal}: ${errors}`);
  return said.trim().split('\n');
}
