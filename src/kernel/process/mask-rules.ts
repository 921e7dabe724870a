/** What is masked: rules that are known by name, and patterns. */

/** In the order of their numbers in the kernel. */
export const MASK_RULES = ['card', 'bearer', 'jwt', 'cloud_key', 'private_key', 'email', 'iban', 'password'] as const;
export type MaskRuleName = (typeof MASK_RULES)[number];

export interface MaskRule {
  /** `pattern`: it is the user's. */
  readonly rule: MaskRuleName | 'pattern';
  readonly pattern?: string;
  /** Null: as many `*`. */
  readonly with: string | null;
}

/** In place of a text: it is made of the secret and a key. */
export const HASH = 'hash';
