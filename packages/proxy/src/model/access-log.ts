import type { Fraction } from './string-match.ts';
import type { HeaderMatch } from './route.ts';
import type { JsonValue } from './metadata.ts';

/** Which requests are written. */
export type AccessLogFilter =
  | { readonly kind: 'status'; readonly op: 'eq' | 'ge' | 'le' | 'ne'; readonly value: number }
  | { readonly kind: 'duration'; readonly op: 'eq' | 'ge' | 'le' | 'ne'; readonly valueMs: number }
  | { readonly kind: 'not_health_check' }
  | { readonly kind: 'traceable' }
  | { readonly kind: 'runtime'; readonly fraction: Fraction }
  | { readonly kind: 'header'; readonly header: HeaderMatch }
  /** Empty: any flag. */
  | { readonly kind: 'response_flags'; readonly flags: readonly string[] }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly AccessLogFilter[] };

/** The shape of a line: text with Envoy's `%COMMANDS%`, or JSON whose strings hold them. */
export type AccessLogFormat =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'json';
      readonly json: { readonly [key: string]: JsonValue };
      readonly omitEmpty: boolean;
    };

/** One access log; without a format, Envoy's default line. */
export interface AccessLog {
  readonly name: string;
  readonly sink:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'stdout' }
    | { readonly kind: 'stderr' };
  readonly format?: AccessLogFormat;
  readonly filter?: AccessLogFilter;
}
