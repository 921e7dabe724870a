/** Which records of a batch a condition holds for: a byte each, 1 or 0. */
import assert from 'node:assert';
import { type Batch, UNPARSED } from '../core/batch.ts';
import { MAX_RECORDS } from '../core/pool.ts';
import { Needles } from '../kernel/needles.ts';
import { type CellTest, CellTests, LineTests } from '../kernel/process/cell-tests.ts';
import { type Condition, type Test, testsOf } from './condition.ts';
import { tellingGaveUp } from './gave-up.ts';
import type { StepContext } from './verb.ts';

/** What it gives holds until the next call. */
export type Match = (batch: Batch) => Uint8Array;

/**
 * What a condition holds for. `unparsed`: what is said of records whose parse failed, where it is about fields: they have
 * none, and must not vanish for that.
 */
export function matcherOf(condition: Condition, context: StepContext, unparsed: 0 | 1): Match {
  const match = partOf(condition, context);
  if ([...testsOf(condition)].every(({ of }) => of === null)) return match;
  return (batch) => {
    const found = match(batch);
    const { flags } = batch.slot;
    for (let i = 0; i < batch.count; i++) if (flags[i]! & UNPARSED) found[i] = unparsed;
    return found;
  };
}

function partOf(condition: Condition, context: StepContext): Match {
  if ('not' in condition) {
    const match = partOf(condition.not, context);
    const found = new Uint8Array(MAX_RECORDS);
    return (batch) => {
      const of = match(batch);
      for (let i = 0; i < batch.count; i++) found[i] = 1 - of[i]!;
      return found.subarray(0, batch.count);
    };
  }
  if ('all' in condition) return joined(condition.all, context, 0);
  if ('any' in condition) return joined(condition.any, context, 1);
  return testOf(condition, context);
}

/** All of the conditions hold (`decisive` 0), or any of them (1). */
function joined(conditions: readonly Condition[], context: StepContext, decisive: 0 | 1): Match {
  const [first, ...rest] = conditions.map((one) => partOf(one, context));
  if (rest.length === 0) return first!;
  const found = new Uint8Array(MAX_RECORDS);
  return (batch) => {
    found.set(first!(batch));
    for (const match of rest) {
      const of = match(batch);
      for (let i = 0; i < batch.count; i++) if (of[i] === decisive) found[i] = decisive;
    }
    return found.subarray(0, batch.count);
  };
}

function testOf(test: Test, context: StepContext): Match {
  if (test.of !== null) return cellTestOf(test, test.of, context);
  const { kernel } = context;
  if (test.test === 'matches') {
    const lines = new LineTests(kernel.process, context.arena);
    const holds = lines.pattern(test.pattern);
    return (batch) => tellingGaveUp(context, batch, test.pattern, () => holds(batch.slot, batch.count));
  }
  assert('literals' in test, 'a line is tested by its text');
  const needles = new Needles(test.literals.map((text) => Buffer.from(text)));
  return ({ slot, count }) => kernel.find(slot, count, test.test, needles);
}

function cellTestOf(test: Test, field: string, context: StepContext): Match {
  const { program } = context;
  const tests = new CellTests(program.process, program.arena);
  const cell = program.cell(field);
  const holds = testOfCell(tests, cell, test);
  return (batch) => {
    program.rowsOf(batch);
    if (test.test !== 'matches') return holds(batch.count);
    return tellingGaveUp(context, batch, test.pattern, () => holds(batch.count));
  };
}

function testOfCell(tests: CellTests, cell: number, test: Test): CellTest {
  if (test.test === 'exists') return tests.there(cell);
  if (test.test === 'matches') return tests.pattern(cell, test.pattern);
  return 'literals' in test ? tests.text(cell, test.test, test.literals) : tests.number(cell, test.test, test.number);
}
