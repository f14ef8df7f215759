import { messageOf, ok, problems, type Problem, type Result } from '@lateen/core';
import { LineCounter, isMap, isSeq, parseDocument, type Document, type Node } from 'yaml';

/** A JSON or YAML text as a value, with the place of each part. */
export interface ParsedText {
  readonly value: unknown;
  /** Adds file, line and column to problems whose path leads into the text. */
  locate(list: readonly Problem[]): readonly Problem[];
}

/** Reads JSON or YAML; problems name file, line and column. */
export function parseText(text: string, file: string): Result<ParsedText> {
  const lines = new LineCounter();
  // JSON is YAML but for tabs, which this parser takes inside flow collections too.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    return problems(
      document.errors.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        const message =
          error.code === 'MULTIPLE_DOCS' ? 'a second document begins here: give one only' : error.message;
        return { path: '', message, file, line, column: col };
      }),
    );
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // An alias without its anchor, or more of them than anybody writes (a bomb).
    return problems([{ path: '', message: messageOf(error), file }]);
  }
  return ok({
    value,
    locate: (list) =>
      list.map((problem) => ({ ...problem, file, ...placeOf(document, lines, problem.path) })),
  });
}

function placeOf(
  document: Document.Parsed,
  lines: LineCounter,
  path: string,
): { readonly line?: number; readonly column?: number } {
  let node: Node | null | undefined = document.contents;
  let place = node?.range?.[0];
  for (const segment of segmentsOf(path)) {
    const next: { readonly node: Node | null | undefined; readonly at: number | undefined } | undefined =
      step(node, segment);
    // What is missing is reported where it should stand.
    if (next === undefined) break;
    node = next.node;
    place = next.at ?? place;
  }
  if (place === undefined) return {};
  const { line, col } = lines.linePos(place);
  return { line, column: col };
}

function step(
  node: Node | null | undefined,
  segment: string | number,
): { readonly node: Node | null | undefined; readonly at: number | undefined } | undefined {
  if (typeof segment === 'number') {
    if (!isSeq(node)) return undefined;
    const item = node.items[segment] as Node | undefined;
    return item === undefined ? undefined : { node: item, at: item.range?.[0] };
  }
  if (!isMap(node)) return undefined;
  // A text may have a field under both of its names.
  const name = protoName(segment);
  const pair = node.items.find(
    (item) => protoName(String((item.key as { readonly value?: unknown } | null)?.value)) === name,
  );
  if (pair === undefined) return undefined;
  return { node: pair.value as Node | null, at: (pair.key as Node).range?.[0] };
}

/** `a.b[0]["c d"]` -> `a`, `b`, 0, `c d`. */
function segmentsOf(path: string): (string | number)[] {
  const segments: (string | number)[] = [];
  for (const match of path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)) {
    if (match[2] !== undefined) segments.push(Number(match[2]));
    else segments.push(match[1] ?? match[3] ?? '');
  }
  return segments;
}

/** `fooBar` -> `foo_bar`. */
function protoName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
