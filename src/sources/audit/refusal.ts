/** Why an event is not taken, as the client reads it: JSON with what is wrong, and where. */
import { type Answer, jsonAnswer, Refusal } from '../../http/answer.ts';
import type { RequestHead } from '../../http/exchange.ts';

export interface AuditPlace {
  /** Of NDJSON, from 1. */
  line?: number;
  field?: string;
}

interface Told extends AuditPlace {
  missing?: readonly string[];
  expected?: number;
  epoch?: number;
  lines?: readonly number[];
}

export class AuditRefusal extends Refusal {
  readonly told: Told;

  constructor(code: number, reason: string, message: string, told: Told = {}, headers: Record<string, string> = {}) {
    super(code, reason, message, headers);
    this.told = told;
  }
}

export function malformed(what: string, place: AuditPlace): AuditRefusal {
  return new AuditRefusal(400, 'malformed', `the event ${what}`, place);
}

/** Nothing was taken; the same again may be, later. `seconds`: when. */
export function tryAgain(why: string, seconds = 1): AuditRefusal {
  return new AuditRefusal(503, 'not_durable', `${why}: send the same again`, {}, { 'Retry-After': String(seconds) });
}

export function auditRefusal(_: RequestHead, error: Refusal): Answer {
  const told = error instanceof AuditRefusal ? error.told : {};
  return { ...jsonAnswer(error.code, { error: error.message, ...told }), headers: error.headers };
}
