/** `runnel presets [NAME]`: the presets of `process`, or the steps of one as they would stand in the configuration. */
import { nearest } from '../config/errors.ts';
import { flowOf } from '../config/flow.ts';
import { PRESETS } from '../transforms/presets/all.ts';
import { complain, print, printJson } from './output.ts';
import { table } from './table.ts';

/** Exit 2 where there is no preset of this name. */
export async function presets(name: string | undefined, { json }: { json: boolean }): Promise<number> {
  if (name === undefined) {
    const all = Object.entries(PRESETS).map(([name, { about, steps }]) => ({ name, about, steps }));
    if (json) printJson(`${JSON.stringify(all)}\n`);
    else
      print(
        table(
          ['NAME', 'FOR'],
          all.map(({ name, about }) => [name, about]),
        ),
      );
    return 0;
  }
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name]! : null;
  if (preset === null) {
    const known = Object.keys(PRESETS);
    const near = nearest(name, known);
    complain(`runnel: there is no preset ${name}: ${near ? `did you mean ${near}?` : `there are ${known.join(', ')}`}`);
    return 2;
  }
  if (json) printJson(`${JSON.stringify(preset.steps)}\n`);
  else print(`# ${name}: ${preset.about}\nprocess:\n${preset.steps.map((step) => `  - ${flowOf(step)}\n`).join('')}`);
  return 0;
}
