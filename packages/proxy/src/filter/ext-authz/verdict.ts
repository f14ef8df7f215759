import type { JsonValue } from '../../model/metadata.ts';

/** A header as a service sent it; the value one character a byte. */
export interface VerdictHeader {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
  /**
   * `set`: in place of what is there, also of an earlier line of the same verdict; `set_lines`: in place of what was
   * there, all lines of the verdict stay; `append`: one more line, where there is one; `add`: one more line.
   */
  readonly action: 'set' | 'set_lines' | 'append' | 'add' | 'add_if_absent' | 'set_if_exists';
}

/** What a service says of a request. */
export type Verdict =
  | {
      readonly kind: 'ok';
      readonly requestHeaders: readonly VerdictHeader[];
      /** Why the request cannot be sent on with these. */
      readonly fault?: string | undefined;
      readonly remove: readonly string[];
      readonly responseHeaders: readonly VerdictHeader[];
      readonly query?: {
        readonly set: readonly (readonly [string, string])[];
        readonly remove: readonly string[];
      };
      readonly metadata: { readonly [key: string]: JsonValue } | undefined;
    }
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly headers: readonly VerdictHeader[];
      readonly body: Buffer;
      readonly metadata: { readonly [key: string]: JsonValue } | undefined;
    }
  /** It did not say anything. */
  | { readonly kind: 'error' };
