import type { JsonValue } from '../../model/metadata.ts';

/** A header as a service sent it; the value one character a byte. */
export interface VerdictHeader {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
  /** `append`: joined to what is there, where it is there; `add`: one more line. */
  readonly action: 'set' | 'append' | 'add' | 'add_if_absent' | 'set_if_exists';
}

/** What a service says of a request. */
export type Verdict =
  | {
      readonly kind: 'ok';
      readonly requestHeaders: readonly VerdictHeader[];
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
  | { readonly kind: 'error'; readonly timedOut: boolean };
