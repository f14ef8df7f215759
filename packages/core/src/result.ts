/** One thing that is wrong with an input, at a place the person who wrote it can find. */
export interface Problem {
  /** Path of the field, as in `spec.http[0].route[1].weight`; empty for the whole input. */
  readonly path: string;
  /** What is wrong and what is allowed, one sentence without a full stop. */
  readonly message: string;
  /** Name of the file, where the input came from one. */
  readonly file?: string;
  /** Line in the file, from 1. */
  readonly line?: number;
  /** Column in the line, from 1. */
  readonly column?: number;
}

/** What every decoder returns: a value, or all that is wrong with the input. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A good result. */
export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

/** A bad result with one problem. */
export function problem(path: string, message: string): { readonly ok: false; readonly problems: Problem[] } {
  return { ok: false, problems: [{ path, message }] };
}

/** A bad result with the problems found. */
export function problems(list: readonly Problem[]): {
  readonly ok: false;
  readonly problems: readonly Problem[];
} {
  return { ok: false, problems: list };
}

/** Renders a problem on one line: `file:line:column: path: message`, leaving out what is not known. */
export function formatProblem(p: Problem): string {
  let place = '';
  if (p.file !== undefined) {
    place = p.file;
    if (p.line !== undefined) place += `:${p.line}`;
    if (p.column !== undefined) place += `:${p.column}`;
    place += ': ';
  }
  return place + (p.path === '' ? p.message : `${p.path}: ${p.message}`);
}
