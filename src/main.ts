#!/usr/bin/env node
/**
 * Where the program begins. A Node that is too old is told so before anything else is loaded: what the rest imports it may
 * not have, and then it says something that helps nobody. So this file imports nothing and keeps to what Node 12 can read.
 */
const NEEDED = '22.15';

const [major = 0, minor = 0] = NEEDED.split('.').map(Number);
const [here = 0, below = 0] = process.versions.node.split('.').map(Number);
if (here > major || (here === major && below >= minor)) {
  // A stack trace names the sources that dist/ was made of. Maps are read when there is one.
  process.setSourceMapsEnabled(true);
  import('./cli/start.ts');
} else {
  process.stderr.write(
    `runnel: needs Node ${NEEDED} or newer, and was started by Node ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 2;
}
