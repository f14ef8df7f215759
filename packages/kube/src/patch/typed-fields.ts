import { childOf, emptyFields, type FieldNode } from './field-set.ts';
import { isJsonObject, sameJson, type JsonObject } from './json-value.ts';
import { fieldTypeIn, type FieldType } from './object-schema.ts';

/** How a value is owned: as one, field by field, or item by item. */
export function granularity(value: unknown, type: FieldType): 'whole' | 'fields' | 'items' {
  if (isJsonObject(value)) {
    const atomic = (type.kind === 'map' || type.kind === 'object') && type.atomic === true;
    return atomic ? 'whole' : 'fields';
  }
  if (Array.isArray(value)) {
    return type.kind === 'list' && type.merge.kind !== 'atomic' ? 'items' : 'whole';
  }
  return 'whole';
}

/** The path element of an item of a list that is merged item by item. */
export function itemElement(item: unknown, type: FieldType): string {
  if (type.kind !== 'list' || type.merge.kind !== 'by-key' || !isJsonObject(item)) {
    return `v:${JSON.stringify(item)}`;
  }
  const key: JsonObject = {};
  for (const name of [...type.merge.keys].sort()) {
    const value = item[name] ?? type.merge.keyDefaults?.[name];
    if (value !== undefined) key[name] = value;
  }
  return `k:${JSON.stringify(key)}`;
}

export function itemType(type: FieldType): FieldType {
  return type.kind === 'list' ? type.items : type;
}

/** True where the schema names the field; otherwise it is a key of a map and exists by itself. */
function isDeclared(type: FieldType, name: string): boolean {
  return type.kind === 'object' && type.schema.field(name) !== undefined;
}

/** All fields that a value sets. */
export function fieldsOf(value: unknown, type: FieldType): FieldNode {
  const root = emptyFields();
  collect(value, type, root);
  root.self = false;
  return root;
}

function collect(value: unknown, type: FieldType, node: FieldNode): void {
  switch (granularity(value, type)) {
    case 'whole':
      node.self = true;
      return;
    case 'fields': {
      const fields = Object.entries(value as JsonObject);
      if (fields.length === 0) node.self = true;
      for (const [name, inner] of fields) {
        if (inner === undefined) continue;
        const child = childOf(node, `f:${name}`);
        const innerType = fieldTypeIn(type, name);
        collect(inner, innerType, child);
        if (!isDeclared(type, name) && granularity(inner, innerType) === 'whole') child.self = true;
      }
      return;
    }
    case 'items':
      for (const item of value as unknown[]) {
        const child = childOf(node, itemElement(item, type));
        child.self = true;
        if (isJsonObject(item)) collect(item, itemType(type), child);
      }
  }
}

/** The difference between two states of an object. */
export interface FieldChanges {
  /** Set in the new state and other, or not at all, in the old. */
  readonly changed: FieldNode;
  /** Set in the old state only. */
  readonly removed: FieldNode;
}

export function compareFields(before: unknown, after: unknown, type: FieldType): FieldChanges {
  const changes = { changed: emptyFields(), removed: emptyFields() };
  compare(before, after, type, changes.changed, changes.removed);
  return changes;
}

/** Nodes are made only on the way to a difference; those that stay empty are taken off again. */
function compare(
  before: unknown,
  after: unknown,
  type: FieldType,
  changed: FieldNode,
  removed: FieldNode,
): void {
  if (before === after) return;
  if (after === undefined) {
    collectAll(before, type, removed);
    return;
  }
  if (before === undefined) {
    collectAll(after, type, changed);
    return;
  }
  const how = granularity(after, type);
  if (how === 'whole' || how !== granularity(before, type)) {
    if (!sameJson(before, after)) changed.self = true;
    return;
  }
  if (how === 'fields') {
    const left = before as JsonObject;
    const right = after as JsonObject;
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    for (const name of names) {
      const innerType = fieldTypeIn(type, name);
      compareChild(left[name], right[name], innerType, `f:${name}`, changed, removed);
    }
    return;
  }
  const left = new Map((before as unknown[]).map((item) => [itemElement(item, type), item]));
  const right = new Map((after as unknown[]).map((item) => [itemElement(item, type), item]));
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    compareChild(left.get(element), right.get(element), itemType(type), element, changed, removed);
  }
}

function compareChild(
  before: unknown,
  after: unknown,
  type: FieldType,
  element: string,
  changed: FieldNode,
  removed: FieldNode,
): void {
  if (before === after) return;
  const changedChild = emptyFields();
  const removedChild = emptyFields();
  compare(before, after, type, changedChild, removedChild);
  if (before === undefined && !element.startsWith('f:')) changedChild.self = true;
  if (after === undefined && !element.startsWith('f:')) removedChild.self = true;
  if (changedChild.self || changedChild.children.size > 0) changed.children.set(element, changedChild);
  if (removedChild.self || removedChild.children.size > 0) removed.children.set(element, removedChild);
}

/** All fields of a value that came or went as a whole; maps and objects with content are members too. */
function collectAll(value: unknown, type: FieldType, node: FieldNode): void {
  collect(value, type, node);
  if (type.kind === 'map' && isJsonObject(value)) node.self = true;
}
