/** The commands of `runnel`, as the man page and the completion of shells are made of them. */
import { program } from '../src/cli/program.ts';

/** What an option or argument stands for that is completed by the names of files. */
const FILES = new Set(['file', 'path']);
const HELP = { flags: '-h, --help', long: '--help', short: '-h', text: 'say how it is called', takes: null };

/**
 * The program itself, with the path '', then each command after the one that it is below:
 * `{path: 'explain log', below: ['log'], summary, after, args: [{usage, text, values, files, many}], options: [{flags,
 * long, short, text, values, files, takes, many, mandatory}]}`. `values`: what it may be, if that is limited; `takes`: the name of
 * an option's value, null where it has none.
 */
export function commands(command = program, path = '') {
  const here = {
    path,
    below: command.commands.map((one) => one.name()),
    summary: command.description(),
    after: textAfter(command),
    args: command.registeredArguments.map(argumentOf),
    options: [...command.options.filter((option) => !option.hidden).map(optionOf), HELP],
  };
  return [here, ...command.commands.flatMap((one) => commands(one, `${path} ${one.name()}`.trim()))];
}

function argumentOf(arg) {
  const name = `${arg.name()}${arg.variadic ? '...' : ''}`;
  return {
    usage: arg.required ? `<${name}>` : `[${name}]`,
    text: withDefault(arg.description, arg),
    values: arg.argChoices ?? [],
    files: FILES.has(arg.name()),
    many: arg.variadic,
  };
}

function optionOf(option) {
  const [, takes = null] = /[<[](\w+)/.exec(option.flags) ?? [];
  return {
    flags: option.flags,
    long: option.long,
    short: option.short,
    text: withDefault(option.description, option),
    values: option.argChoices ?? [],
    files: FILES.has(takes),
    takes,
    many: option.variadic,
    mandatory: option.mandatory,
  };
}

function withDefault(text, { defaultValue }) {
  return defaultValue === undefined ? text : `${text} (default: ${defaultValue})`;
}

/** What its help says after the options. */
function textAfter(command) {
  let text = '';
  command.emit('afterHelp', { command, error: false, write: (said) => (text += said) });
  return text.trim();
}
