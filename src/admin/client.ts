/** How a command finds and asks the running agent: by its unix socket, else by its address. */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { request } from '../builtin.ts';

/** Where the service's runtime directory is to somebody who is not the service. */
const RUNTIME_DIRECTORY = '/run/runnel';
const ANSWER_MS = 5000;
/** Between two parts of an answer's body. */
const BODY_MS = 30_000;
const HANGS = 'ETIMEDOUT';

interface Placed {
  data_dir: string;
  admin: { listen: string; socket?: string | null | undefined };
}

/** Where an agent with this configuration has its socket. systemd says with RUNTIME_DIRECTORY which one is its own. */
export function socketPath(config: Placed): string {
  if (config.admin.socket) return config.admin.socket;
  // With several directories systemd separates them by colons.
  const runtime = process.env.RUNTIME_DIRECTORY?.split(':')[0];
  return join(runtime || config.data_dir, 'runnel.sock');
}

/** An address that may answer: `unix:/path` or `http://host:port`. */
export type AgentAddress = { socketPath: string } | { host: string; port: number };

/** Where the agent of a configuration may answer, in the order to try. `installed`: it is the machine's own agent. */
export function targetsOf(config: Placed, installed: boolean): AgentAddress[] {
  const sockets = [socketPath(config)];
  if (!config.admin.socket) sockets.push(join(config.data_dir, 'runnel.sock'));
  if (!config.admin.socket && installed) sockets.push(join(RUNTIME_DIRECTORY, 'runnel.sock'));
  return [...[...new Set(sockets)].map((path) => ({ socketPath: path })), targetOf(`http://${config.admin.listen}`)];
}

/** Of `http://host:port`, or `unix:/path`. Throws when it is neither. */
export function targetOf(url: string): AgentAddress {
  if (url.startsWith('unix:')) return { socketPath: url.slice('unix:'.length).replace(/^\/\/+/, '/') };
  const withScheme = /^[a-z]+:\/\//.test(url) ? url : `http://${url}`;
  if (!URL.canParse(withScheme) || !withScheme.startsWith('http://')) {
    throw new Error(`${url} is no address of an agent; one looks like http://127.0.0.1:8687`);
  }
  const { hostname, port } = new URL(withScheme);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1').replace(/^0\.0\.0\.0$/, '127.0.0.1'), port: Number(port || 80) };
}

export function nameOf(target: AgentAddress): string {
  return 'host' in target ? `http://${target.host}:${target.port}` : target.socketPath;
}

/** Resolves with the answer's head, the body still to be read. */
export function ask(
  target: AgentAddress,
  path: string,
  method: 'GET' | 'POST' = 'GET',
  timeout = ANSWER_MS,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...target, path, method, agent: false, timeout }, (response) => {
      asked.setTimeout(0);
      resolve(response);
    });
    asked.on('timeout', () =>
      asked.destroy(Object.assign(new Error(`no answer in ${timeout / 1000} s`), { code: HANGS })),
    );
    asked.on('error', reject);
    asked.end();
  });
}

/** `hangs`: somebody listens, and says nothing. `denied`: who asks may not. */
export class NoAnswer extends Error {
  readonly why: 'none' | 'hangs' | 'denied';
  /** What each target said. */
  readonly said: string;

  constructor(said: string, codes: readonly string[]) {
    super(`no agent answers (${said})`);
    this.said = said;
    this.why = codes.includes(HANGS) ? 'hangs' : codes.includes('EACCES') ? 'denied' : 'none';
  }
}

/** The first of the targets that answers within `timeout` milliseconds. Throws one sentence that says what each said. */
export async function askFirst(
  targets: readonly AgentAddress[],
  path: string,
  method: 'GET' | 'POST' = 'GET',
  timeout = ANSWER_MS,
): Promise<IncomingMessage> {
  const said: string[] = [];
  const codes: string[] = [];
  for (const target of targets) {
    try {
      return await ask(target, path, method, timeout);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      codes.push(code ?? '');
      said.push(`${nameOf(target)}: ${SILENT[code ?? ''] ?? message}`);
    }
  }
  throw new NoAnswer(said.join('; '), codes);
}

const SILENT: Record<string, string> = {
  ENOENT: 'no such socket',
  ECONNREFUSED: 'nobody listens',
  EACCES: 'permission denied',
};

export async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  response.setTimeout(BODY_MS, () =>
    response.destroy(new Error(`the rest of its answer did not come in ${BODY_MS / 1000} s`)),
  );
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
