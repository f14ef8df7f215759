import { ok, problem, type Result } from '@lateen/core';
import { cloneJson, isJsonObject, sameJson, setField } from './json-value.ts';

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

const maxOperations = 10_000;

/** JSON patch (RFC 6902): all operations or none. The target is left alone. */
export function jsonPatch(target: unknown, patch: unknown): Result<unknown> {
  if (!Array.isArray(patch)) return problem('', 'a JSON patch must be a list of operations');
  if (patch.length > maxOperations) {
    return problem('', `a JSON patch may have at most ${maxOperations} operations`);
  }
  const document = { root: cloneJson(target) };
  for (const [index, operation] of patch.entries()) {
    const why = isOperation(operation)
      ? runOperation(document, operation)
      : 'an operation needs "op" and "path", both text';
    if (why !== undefined) return problem(`[${index}]`, why);
  }
  return ok(document.root);
}

function isOperation(value: unknown): value is Operation {
  return isJsonObject(value) && typeof value['op'] === 'string' && typeof value['path'] === 'string';
}

/** Runs one operation; returns what is wrong with it. */
function runOperation(document: { root: unknown }, operation: Operation): string | undefined {
  const path = parsePointer(operation.path);
  if (path === undefined) return `${operation.path} is not a JSON pointer`;
  switch (operation.op) {
    case 'add':
      return add(document, path, cloneJson(operation.value));
    case 'remove':
      return remove(document, path);
    case 'replace': {
      if (find(document.root, path) === missing) return `replace: ${operation.path} does not exist`;
      if (path.length === 0) document.root = cloneJson(operation.value);
      else return remove(document, path) ?? add(document, path, cloneJson(operation.value));
      return undefined;
    }
    case 'test': {
      const found = find(document.root, path);
      const same = found !== missing && sameJson(found, operation.value);
      return same ? undefined : `testing value ${operation.path} failed`;
    }
    case 'move':
    case 'copy': {
      const from = parsePointer(operation.from ?? '');
      if (from === undefined || operation.from === undefined) return `${operation.op}: "from" is missing`;
      const found = find(document.root, from);
      if (found === missing) return `${operation.op}: ${operation.from} does not exist`;
      if (operation.op === 'copy') return add(document, path, cloneJson(found));
      if (from.length < path.length && from.every((token, index) => path[index] === token)) {
        return `move: ${operation.from} cannot move into itself`;
      }
      return remove(document, from) ?? add(document, path, found);
    }
    default:
      return `unknown operation ${JSON.stringify(operation.op)}`;
  }
}

const missing = Symbol('missing');

function parsePointer(text: string): string[] | undefined {
  if (text === '') return [];
  if (!text.startsWith('/')) return undefined;
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function find(root: unknown, path: readonly string[]): unknown {
  let at = root;
  for (const token of path) {
    if (Array.isArray(at)) {
      const index = indexIn(token, at.length - 1);
      if (index === undefined) return missing;
      at = at[index];
    } else if (isJsonObject(at) && Object.hasOwn(at, token)) at = at[token];
    else return missing;
  }
  return at;
}

function add(document: { root: unknown }, path: readonly string[], value: unknown): string | undefined {
  const token = path.at(-1);
  if (token === undefined) {
    document.root = value;
    return undefined;
  }
  const parent = find(document.root, path.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = token === '-' ? parent.length : indexIn(token, parent.length);
    if (index === undefined) return `add: ${JSON.stringify(token)} is not an index of the list`;
    parent.splice(index, 0, value);
    return undefined;
  }
  if (!isJsonObject(parent)) return `add: /${path.slice(0, -1).join('/')} does not exist`;
  setField(parent, token, value);
  return undefined;
}

function remove(document: { root: unknown }, path: readonly string[]): string | undefined {
  const token = path.at(-1);
  if (token === undefined || find(document.root, path) === missing) {
    return `remove: /${path.join('/')} does not exist`;
  }
  const parent = find(document.root, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(Number(token), 1);
  else if (isJsonObject(parent)) delete parent[token];
  return undefined;
}

function indexIn(token: string, max: number): number | undefined {
  if (!/^(0|[1-9]\d{0,8})$/.test(token)) return undefined;
  const index = Number(token);
  return index <= max ? index : undefined;
}
