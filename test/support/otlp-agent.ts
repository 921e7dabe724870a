/** An agent that takes OTLP, and requests to it. */
import type { AgentConfig, Home, RunningAgent } from './agent.ts';
import { freePort } from './ports.ts';

export interface OtlpAgent {
  agent: RunningAgent;
  http: string;
  grpc: string;
}

/** The options of `otlp` with addresses of its own. */
export async function otlpOptions(more: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return { http: [`127.0.0.1:${await freePort()}`], grpc: [`127.0.0.1:${await freePort()}`], ...more };
}

/** `how`: as of `Home.start`. */
export async function startOtlp(
  home: Home,
  config: AgentConfig = {},
  otlp: Record<string, unknown> = {},
  how: Parameters<Home['start']>[1] = {},
): Promise<OtlpAgent> {
  const options = (await otlpOptions(otlp)) as { http: string[]; grpc: string[] };
  const agent = await home.start({ ...config, otlp: options }, how);
  return { agent, http: options.http[0]!, grpc: options.grpc[0]! };
}

export interface Posted {
  code: number;
  body: Buffer;
  headers: Headers;
}

export async function post(
  address: string,
  body: Buffer | string,
  headers: Record<string, string> = {},
  path = '/v1/traces',
): Promise<Posted> {
  const answer = await fetch(`http://${address}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return { code: answer.status, body: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
}
