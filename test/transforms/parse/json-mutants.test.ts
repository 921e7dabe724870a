/** `parse: json` beside fatal decoding and JSON.parse, on lines with faults. The long form is test/proof/processing.ts. */
import { test } from 'node:test';
import { checkMutants } from '../../support/json-mutants.ts';

test('a line is JSON exactly when it is for a fatal decoder and JSON.parse, and becomes what it should', () => {
  checkMutants({ seed: 1, lines: 8000 });
});
