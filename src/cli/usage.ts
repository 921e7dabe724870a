/** What a command that was called wrongly says: what is wrong, and how it is called. */
import type { Command } from 'commander';

/** Commander's sentence with the name of the program before it, and a remedy where it has none. */
export function usageError(said: string): string {
  const text = said.replace(/^error: /, 'runnel: ');
  const surplus = /^runnel: too many arguments for '(.*)'\. Expected (\d+) /.exec(text);
  if (!surplus) return text;
  const [, name, expected] = surplus as unknown as [string, string, string];
  const takes = expected === '0' ? 'no argument' : expected === '1' ? 'one argument' : `${expected} arguments`;
  return `runnel: ${name} takes ${takes}; a configuration is named with -c FILE, a text with spaces needs quotes\n`;
}

/** Has each command, after an error, say how it is called itself. */
export function showUsage(command: Command, called = command.name()): void {
  command.showHelpAfterError(`Usage: ${called} ${command.usage()}\n${called} --help says more`);
  for (const below of command.commands) showUsage(below, `${called} ${below.name()}`);
}
