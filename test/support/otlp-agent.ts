/** An agent that takes OTLP, and requests to it. */
import assert from 'node:assert/strict';
import { decompress } from '../../src/records/codecs.ts';
import { records } from '../../src/records/record-batch.ts';
import type { AgentConfig, Home, RunningAgent } from './agent.ts';
import { spansIn } from './otlp-spans.ts';
import { freePort } from './ports.ts';
import { openSpools } from './spool-blocks.ts';

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
  method = 'POST',
): Promise<Posted> {
  const answer = await fetch(`http://${address}${path}`, {
    method,
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return { code: answer.status, body: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
}

/** Spans in the local log, by id; the records' keys are their trace ids. */
export async function spansOnDisk(dataDir: string): Promise<string[]> {
  const spools = await openSpools(`${dataDir}/spool`);
  const found: string[] = [];
  for (const partition of spools.partitions()) {
    // At a stop there are metrics of the spans, too.
    if (partition.topic !== 'runnel.traces') continue;
    for await (const entry of partition.read(0, { follow: false })) {
      for (const { key, value } of records(await decompress(entry.codec, entry.body))) {
        for (const { traceId, spanId } of spansIn(value!)) {
          assert.equal(String(key), traceId);
          found.push(spanId);
        }
      }
    }
  }
  await spools.close();
  return found;
}
