/**
 * An error that is meant to be read by a person: what failed, and what to do about it.
 *
 * `code` is stable and for programs; `hint` is the next thing to try. Everything that is
 * expected to go wrong (bad input, a machine that lacks a tool, a peer that refuses) is one
 * of these; any other exception is a bug.
 */
export class LateenError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(
    code: string,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LateenError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The message of anything that was thrown, without a stack. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node or Lateen error, such as `ECONNREFUSED`; undefined where there is none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
