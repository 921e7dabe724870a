/** Runs the command that was asked for. */
import '../heap.ts';
import { CommanderError } from 'commander';
import { program } from './program.ts';
import { showUsage } from './usage.ts';

// A reader of our output that goes away (`| head`) is not an error; a full disk below it is one.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit(0);
  process.stderr.write(`runnel: cannot write to stdout: ${message}\n`);
  process.exit(1);
});
// Nor is one of our own words, or a full disk under them: an agent does not end for want of a log.
process.stderr.on('error', () => undefined);

showUsage(program);
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const { complain } = await import('./output.ts');
    complain(`runnel: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
