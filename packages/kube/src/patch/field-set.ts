import { isJsonObject, type JsonObject } from './json-value.ts';

/**
 * A set of fields of an object, as `metadata.managedFields` names them. The keys of a node are path elements in
 * the notation of `FieldsV1`: `f:NAME` a field, `k:{…}` the item of a list with this key, `v:…` a value in a set.
 */
export interface FieldNode {
  /** True where the place itself belongs to the set, not only something below it. */
  self: boolean;
  readonly children: Map<string, FieldNode>;
}

export function emptyFields(): FieldNode {
  return { self: false, children: new Map() };
}

/** The child of a node, made where it is missing. */
export function childOf(node: FieldNode, element: string): FieldNode {
  let child = node.children.get(element);
  if (child === undefined) node.children.set(element, (child = emptyFields()));
  return child;
}

export function isEmptySet(node: FieldNode): boolean {
  return !node.self && node.children.size === 0;
}

export function unionFields(a: FieldNode, b: FieldNode): FieldNode {
  const result: FieldNode = { self: a.self || b.self, children: new Map() };
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    result.children.set(element, other === undefined ? child : unionFields(child, other));
  }
  for (const [element, child] of b.children) {
    if (!a.children.has(element)) result.children.set(element, child);
  }
  return result;
}

/** What is in `a` and not in `b`. */
export function differenceFields(a: FieldNode, b: FieldNode): FieldNode {
  const result: FieldNode = { self: a.self && !b.self, children: new Map() };
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const rest = other === undefined ? child : differenceFields(child, other);
    if (!isEmptySet(rest)) result.children.set(element, rest);
  }
  return result;
}

/** What is in both. */
export function intersectFields(a: FieldNode, b: FieldNode): FieldNode {
  const result: FieldNode = { self: a.self && b.self, children: new Map() };
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    if (other === undefined) continue;
    const both = intersectFields(child, other);
    if (!isEmptySet(both)) result.children.set(element, both);
  }
  return result;
}

/** The paths of a set, for people: `.spec.containers[name="a"].image`. */
export function fieldPaths(node: FieldNode): string[] {
  const paths: string[] = [];
  const walk = (at: FieldNode, path: string): void => {
    if (at.self) paths.push(path);
    for (const [element, child] of at.children) walk(child, path + elementText(element));
  };
  walk(node, '');
  return paths;
}

function elementText(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('v:')) return `[=${rest}]`;
  const key: unknown = JSON.parse(rest);
  if (!isJsonObject(key)) return `[${rest}]`;
  const parts = Object.entries(key).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `[${parts.join(',')}]`;
}

/** Reads `fieldsV1`; what is not understood is left out. */
export function decodeFields(value: unknown): FieldNode {
  const node = emptyFields();
  if (!isJsonObject(value)) return node;
  const names = Object.keys(value);
  node.self = names.length === 0 || Object.hasOwn(value, '.');
  for (const name of names) {
    if (/^[fkvi]:/.test(name)) node.children.set(name, decodeFields(value[name]));
  }
  return node;
}

/** The root of `fieldsV1` is never a member itself. */
export function decodeFieldsRoot(value: unknown): FieldNode {
  const node = decodeFields(value);
  node.self = false;
  return node;
}

export function encodeFields(node: FieldNode): JsonObject {
  const result: JsonObject = {};
  if (node.self && node.children.size > 0) result['.'] = {};
  for (const element of [...node.children.keys()].sort()) {
    const child = node.children.get(element);
    if (child !== undefined) result[element] = encodeFields(child);
  }
  return result;
}
