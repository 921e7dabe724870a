/** What a preset is: steps as they would stand in the configuration, for lines of a kind that many programs write. */

export interface Preset {
  /** Whose lines it is for, in a sentence. */
  readonly about: string;
  /** As in the configuration. A preset names no other. */
  readonly steps: readonly object[];
}
