/** Takes what is known to be secret out of a text, and what has a secret's form. */
import { MASKED, maskForms } from '../../config/masked.ts';

export class Redactor {
  /** As they may stand in text, in JSON and in a URL; the longest first, as one may be a part of another. */
  readonly #forms: readonly string[];

  constructor(secrets: Iterable<string>) {
    const forms = [...secrets].flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encoded(secret)]);
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  of(text: string): string {
    return maskForms(this.#forms.reduce((rest, form) => rest.replaceAll(form, MASKED), text));
  }
}

function encoded(text: string): string {
  // Halves of characters have no form in a URL.
  return encodeURIComponent(text.toWellFormed());
}
