/** How the status of this consumer is shown as figures. */
import type { Figures } from '../../core/figures.ts';

export function figures(_said: readonly { id: string; status: object }[], _to: Figures): void {}
