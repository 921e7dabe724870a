/**
 * Consistent probability sampling, as OpenTelemetry has it: 56 random bits of a trace are compared with a threshold, on every
 * host alike.
 *
 *   tracestate: vendor=x,ot=th:e668;rv:0123456789abcd
 *                           ^ threshold: hex digits, those behind are 0        ^ random bits, where they are not the trace id's
 *
 * https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */

const DIGITS = 14;
/** 2^56: nothing is above it. */
const ALL = 2n ** 56n;
const HALF = 2 ** 32;

/** 56 bits, in two numbers that JavaScript compares as they are. */
export interface Bits56 {
  readonly high: number;
  readonly low: number;
}

export interface Threshold extends Bits56 {
  /** Without the zeros at its end; '' where it keeps all. */
  readonly text: string;
}

export function isAtLeast(one: Bits56, other: Bits56): boolean {
  return one.high > other.high || (one.high === other.high && one.low >= other.low);
}

/** What keeps a trace with this probability: its bits are at least (1 - p) 2^56. */
export function thresholdOf(probability: number): Threshold {
  const value = BigInt(Math.round((1 - probability) * 2 ** 56));
  const text = value === ALL ? '' : value.toString(16).padStart(DIGITS, '0').replace(/0+$/, '');
  return { ...bitsOf(value), text };
}

function bitsOf(value: bigint): Bits56 {
  return { high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) };
}

/** What is of interest in a tracestate. */
export interface OtelState {
  threshold: Bits56 | null;
  random: Bits56 | null;
}

/** `th` and `rv` of its member `ot`; what is none counts as if it were not there. */
export function readState(tracestate: string): OtelState {
  const found: OtelState = { threshold: null, random: null };
  for (const [key, value] of subkeysOf(otelMember(tracestate))) {
    if (key === 'th' && /^[0-9a-f]{1,14}$/.test(value))
      found.threshold = bitsOf(BigInt(`0x${value.padEnd(DIGITS, '0')}`));
    if (key === 'rv' && /^[0-9a-f]{14}$/.test(value)) found.random = bitsOf(BigInt(`0x${value}`));
  }
  return found;
}

/** For how many spans one stands that was kept by it. */
export function weightOf({ high, low }: Bits56): number {
  return 2 ** 56 / (2 ** 56 - (high * HALF + low));
}

/** The tracestate with this threshold: its member goes first, as W3C wants it of who changes one. */
export function withThreshold(tracestate: string, { text }: Threshold): string {
  const others = membersOf(tracestate).filter((member) => !member.startsWith('ot='));
  const rest = subkeysOf(otelMember(tracestate)).filter(([key]) => key !== 'th');
  const ot = [['th', text], ...rest].map(([key, value]) => `${key}:${value}`).join(';');
  return [`ot=${ot}`, ...others].join(',');
}

function membersOf(tracestate: string): string[] {
  return tracestate
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

function otelMember(tracestate: string): string {
  return (
    membersOf(tracestate)
      .find((member) => member.startsWith('ot='))
      ?.slice('ot='.length) ?? ''
  );
}

function subkeysOf(member: string): [key: string, value: string][] {
  return member
    .split(';')
    .filter((part) => part !== '')
    .map((part) => {
      const colon = part.indexOf(':');
      return colon < 0 ? [part, ''] : [part.slice(0, colon), part.slice(colon + 1)];
    });
}
