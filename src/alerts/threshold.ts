/** `> 0.9`: what a value is compared with. */
import { Wrong } from '../config/option.ts';

export type Operator = '>' | '>=' | '<' | '<=' | '==' | '!=';

export interface AlertThreshold {
  operator: Operator;
  threshold: number;
}

const FORM = /^\s*(>=|<=|==|!=|>|<)\s*(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(%?)\s*$/i;
const OPPOSITE: Record<Operator, Operator> = { '>': '<=', '>=': '<', '<': '>=', '<=': '>', '==': '!=', '!=': '==' };

/** Throws Wrong. A percentage is a hundredth: `> 90%` is `> 0.9`, where `percent` says that values are fractions. */
export function readComparison(text: string): AlertThreshold {
  const match = FORM.exec(text);
  if (!match) throw new Wrong("must be a comparison in quotes, for example '> 0.9', not {}");
  const [, operator, digits, percent] = match;
  if (percent) throw new Wrong("must not have a unit: metrics are fractions, write '> 0.9' for 90 percent");
  return { operator: operator as Operator, threshold: Number(digits) };
}

export function isBeyond({ operator, threshold }: AlertThreshold, value: number): boolean {
  switch (operator) {
    case '>':
      return value > threshold;
    case '>=':
      return value >= threshold;
    case '<':
      return value < threshold;
    case '<=':
      return value <= threshold;
    case '==':
      return value === threshold;
    case '!=':
      return value !== threshold;
  }
}

/** 1: beyond is what is greater, -1: what is less; 0: neither. A value times this that is below the threshold's is not beyond. */
export function sideOf({ operator }: AlertThreshold): -1 | 0 | 1 {
  return operator.startsWith('>') ? 1 : operator.startsWith('<') ? -1 : 0;
}

/** Whether it is known already what a value that may only grow will be. */
export function isSettled({ operator, threshold }: AlertThreshold, atLeast: number): boolean {
  return operator === '>=' || operator === '<' ? atLeast >= threshold : atLeast > threshold;
}

/** What holds where the other does not. */
export function opposite({ operator, threshold }: AlertThreshold): AlertThreshold {
  return { operator: OPPOSITE[operator], threshold };
}

export function writtenComparison({ operator, threshold }: AlertThreshold): string {
  return `${operator} ${threshold}`;
}

/** Why `clear` cannot end what `fire` begins; null: it can. */
export function wrongClear(fire: AlertThreshold, clear: AlertThreshold): string | null {
  const [up, down] = [sideOf(fire), sideOf(clear)];
  if (up === 0) return `has no other side: fire is '${writtenComparison(fire)}', leave clear out`;
  const right = up > 0 ? '<' : '>';
  if (down !== -up)
    return `is on the wrong side of fire '${writtenComparison(fire)}': write '${right} ${fire.threshold}', or further from it`;
  if ((clear.threshold - fire.threshold) * up > 0) {
    const than = up > 0 ? 'above' : 'below';
    return `is on the wrong side of fire '${writtenComparison(fire)}': ${clear.threshold} is ${than} ${fire.threshold}`;
  }
  return null;
}
