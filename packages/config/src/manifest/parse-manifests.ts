import type { Problem } from '@lateen/core';
import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
  type Tags,
} from 'yaml';
import { isObject, nameOf } from '../schema/check-shape.ts';
import { parseFieldPath } from './field-path.ts';

/** A place in a file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One object of a file of manifests. */
export interface ManifestDocument {
  readonly object: Record<string, unknown>;
  readonly file: string;
  /** The text of the document, without what separates it from others; undefined for an element of a List. */
  readonly source: string | undefined;
  /** Where the field at `path` stands; where it is not there, the nearest field around it. */
  locate(path: string): Place;
}

/** What a file of manifests holds, and what could not be read. */
export interface ParsedManifests {
  readonly documents: readonly ManifestDocument[];
  readonly problems: readonly Problem[];
}

/**
 * Reads YAML or JSON with any number of documents; a `List` counts as its items.
 *
 * Reads scalars as Kubernetes does: YAML 1.1 (`yes` is true, `0644` is octal) but without dates and
 * sexagesimal numbers.
 */
export function parseManifests(text: string, file: string): ParsedManifests {
  const lines = new LineCounter();
  const documents: ManifestDocument[] = [];
  const problems: Problem[] = [];
  const parsed = parseAllDocuments(text, {
    schema: 'yaml-1.1',
    merge: true,
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    customTags: kubernetesTags,
  });
  if (!Array.isArray(parsed)) return { documents, problems };
  let start = 0;
  for (const document of parsed) {
    const source = sourceOf(text.slice(start, document.range[2]));
    start = document.range[2];
    if (document.errors.length > 0) {
      for (const error of document.errors) {
        problems.push({ path: '', message: error.message, file, ...placeAt(lines, error.pos[0]) });
      }
      continue;
    }
    collect(document, { source, lines, file, documents, problems });
  }
  return { documents, problems };
}

const skippedTags = ['tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:binary', 'tag:yaml.org,2002:set'];

function kubernetesTags(tags: Tags): Tags {
  return tags.filter(
    (tag) =>
      typeof tag === 'string' ||
      (!skippedTags.includes(tag.tag) && !('format' in tag && tag.format === 'TIME')),
  );
}

interface Reading {
  readonly source: string;
  readonly lines: LineCounter;
  readonly file: string;
  readonly documents: ManifestDocument[];
  readonly problems: Problem[];
}

function collect(document: Document.Parsed, reading: Reading): void {
  const { lines, file, documents, problems } = reading;
  if (document.contents === null) return;
  const start = placeAt(lines, document.contents.range[0]);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    problems.push({
      path: '',
      message: error instanceof Error ? error.message : String(error),
      file,
      ...start,
    });
    return;
  }
  if (value === null || value === undefined) return;
  if (!isObject(value)) {
    problems.push({ path: '', message: `must be an object, not ${nameOf(value)}`, file, ...start });
    return;
  }
  const locate = (path: string): Place => {
    const offset = offsetOf(document.contents, parseFieldPath(path));
    return offset === undefined ? start : placeAt(lines, offset);
  };
  const { kind, items } = value;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    for (const [index, item] of items.entries()) {
      const prefix = `items[${index}]`;
      if (isObject(item)) {
        documents.push({
          object: item,
          file,
          source: undefined,
          locate: (path) => locate(path === '' || path.startsWith('[') ? prefix + path : `${prefix}.${path}`),
        });
      } else {
        problems.push({
          path: prefix,
          message: `must be an object, not ${nameOf(item)}`,
          file,
          ...locate(prefix),
        });
      }
    }
    return;
  }
  documents.push({ object: value, file, source: reading.source, locate });
}

/** The text of a document without the lines that separate it from others. */
function sourceOf(text: string): string {
  const source = text.replace(/^---[ \t]*(#[^\n]*)?\n/, '').replace(/(^|\n)(---|\.\.\.)\s*$/, '$1');
  return source.endsWith('\n') ? source : `${source}\n`;
}

/** Where the field begins: its key where it has one. */
function offsetOf(root: Node | null, steps: readonly (string | number)[]): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const step of steps) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (pair === undefined) return offset;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)];
      if (item === undefined) return offset;
      node = item;
      offset = (item as Node).range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** The problems of a document with the places that they are about. */
export function locateProblems(document: ManifestDocument, found: readonly Problem[]): Problem[] {
  return found.map((problem) => ({ ...problem, file: document.file, ...document.locate(problem.path) }));
}
