/** A program that logs: numbered lines into a file that is rotated. */
import { appendFile, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Rotation {
  /** Turns of 40 lines, 20 ms apart, between two rotations. */
  turns: number;
  /** How many renamed files stay; older ones are deleted. */
  keep: number;
}

/** Appends lines `WRITER NUMBER xxx`, two thousand a second, and renames its file now and then. */
export class RotatingWriter {
  written = 0;
  readonly #path: string;
  readonly #number: number;
  readonly #rotation: Rotation;
  #rotations = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(path: string, number: number, rotation: Rotation = { turns: 400, keep: Number.POSITIVE_INFINITY }) {
    this.#path = path;
    this.#number = number;
    this.#rotation = rotation;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      let text = '';
      for (let i = 0; i < 40; i++) {
        const number = String(this.written++).padStart(10, '0');
        text += `${this.#number} ${number} ${'x'.repeat(10 + ((this.written * 37) % 150))}\n`;
      }
      await appendFile(this.#path, text);
      if (turn % this.#rotation.turns === this.#rotation.turns - 1) await this.#rotate();
      await sleep(20);
    }
  }

  async #rotate(): Promise<void> {
    const { keep } = this.#rotation;
    await rename(this.#path, `${this.#path}.${this.#rotations}`);
    if (this.#rotations >= keep) await rm(`${this.#path}.${this.#rotations - keep}`);
    this.#rotations++;
  }
}
