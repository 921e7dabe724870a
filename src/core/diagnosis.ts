/** What `runnel diagnose` finds of the machine that the agent is to run on. */
export interface Diagnosis {
  /** `error`: something does not work. `warning`: it may not, or costs. */
  level: 'ok' | 'warning' | 'error';
  /** What it is about: `kafka`, `limits`, `files`. */
  about: string;
  /** A sentence that can stand alone, with its place where it has one. */
  message: string;
  /** What to do, or to type. */
  remedy?: string;
}

export type Tell = (finding: Diagnosis) => void;
