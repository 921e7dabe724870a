/**
 * What Datadog's tracers ask of an agent of theirs on their host: PUT or POST /v0.4/traces and /v0.5/traces, GET /info. Spans
 * become OTLP at this door. What else tracers ask for (their settings from afar, telemetry) is not here, which they bear.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Answer,
  type Handler,
  type HttpRequest,
  JSON_TYPE,
  noRoom,
  Refusal,
  textAnswer,
} from '../../../http/answer.ts';
import type { Budget } from '../../../http/body.ts';
import { HeldBody } from '../../../http/held-body.ts';
import { textField } from '../../../kernel/otlp/wire.ts';
import type { OtlpIntake } from '../intake.ts';
import { TooLong } from './message-bytes.ts';
import { NoMsgpack } from './msgpack.ts';
import type { DatadogVersion } from './places.ts';
import { DatadogSpans } from './spans.ts';

const PATHS: Readonly<Record<string, DatadogVersion>> = { '/v0.4/traces': 'v0.4', '/v0.5/traces': 'v0.5' };
const INFO = '/info';
const TYPE = 'application/msgpack';
/** All are kept here: what goes on is decided behind it. */
const RATES = JSON.stringify({ rate_by_service: { 'service:,env:': 1 } });
/** Tracers that are told more of what an agent can do leave spans out, or send what is not taken. */
const ABOUT = JSON.stringify({ endpoints: Object.keys(PATHS), client_drop_p0s: false });
/** Attributes of the resource, by the headers that say them. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  'datadog-meta-lang': 'telemetry.sdk.language',
  'datadog-meta-tracer-version': 'telemetry.sdk.version',
  'datadog-container-id': 'container.id',
};

export interface DatadogHandlerOptions {
  intake: OtlpIntake;
  /** Bytes of a request, inflated, and of what it becomes. */
  maxRequest: number;
  budget: Budget;
}

export function datadogHandler({ intake, maxRequest, budget }: DatadogHandlerOptions): Handler {
  const spans = new DatadogSpans(maxRequest);

  async function converted(
    version: DatadogVersion,
    { headers, body, discard }: HttpRequest,
  ): ReturnType<DatadogSpans['convert']> {
    const came = await body(maxRequest);
    try {
      return await spans.convert(version, came, resourceOf(headers));
    } catch (error) {
      if (error instanceof NoMsgpack)
        throw new Refusal(400, 'malformed', `This is no ${version} of traces: ${error.message}.`);
      if (error instanceof TooLong) {
        throw new Refusal(413, 'too_large', `As OTLP this has more than ${maxRequest} bytes: see otlp.max_request.`);
      }
      throw error;
    } finally {
      discard();
    }
  }

  return async (request): Promise<Answer> => {
    const { method, path, headers } = request;
    if (path === INFO && method === 'GET') return { code: 200, type: JSON_TYPE, body: ABOUT };
    const version = PATHS[path];
    // Some ask every five seconds: that is nothing to count.
    if (version === undefined) return textAnswer(404, `There is ${[...Object.keys(PATHS), INFO].join(', ')}.`);
    if (method !== 'POST' && method !== 'PUT')
      throw new Refusal(405, 'method', 'Only PUT and POST.', { Allow: 'PUT, POST' });
    if (!intake.has('traces')) throw new Refusal(404, 'signal', 'traces are not taken here: see otlp.signals.');
    if (headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== TYPE)
      throw new Refusal(415, 'content_type', `Content-Type must be ${TYPE}.`);
    const { otlp, cut } = await converted(version, request);
    const { length } = otlp;
    const held = new HeldBody();
    held.own(otlp, length);
    const discard = () => held.letGo();
    if (!budget.take(length)) {
      discard();
      throw noRoom();
    }
    try {
      await intake.take('traces', 'protobuf', held.pieces, { discard });
      intake.cut += cut;
    } finally {
      budget.give(length);
    }
    return { code: 200, type: JSON_TYPE, body: RATES };
  };
}

function resourceOf(headers: IncomingHttpHeaders): Buffer {
  const texts = Object.entries(ATTRIBUTES).map(([header, name]) => [name, headers[header]]);
  const said = [['telemetry.sdk.name', 'datadog'], ...texts].filter((pair) => typeof pair[1] === 'string');
  return Buffer.concat(
    said.map(([name, value]) => {
      return textField(1, Buffer.concat([textField(1, name as string), textField(2, textField(1, value as string))]));
    }),
  );
}
