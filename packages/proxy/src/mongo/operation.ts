import { asDocument, fieldOf, type BsonDocument, type BsonValue } from './bson.ts';

/** What a message asks for. */
export type Operation =
  | { readonly kind: 'command'; readonly name: string }
  | {
      readonly kind: 'query';
      /** Without its database. */
      readonly collection: string;
      /** `callingFunction` of a comment in JSON, by which callers may tell who they are; empty: none. */
      readonly callsite: string;
      /** By what documents are looked for: their ids, several ids, or something else. */
      readonly reach: 'primary_key' | 'multi_get' | 'scatter_get';
      readonly maxTime: boolean;
    };

/** What OP_QUERY asks for: `$cmd` is where commands go, among which `find` is a query. */
export function operationOfQuery(collection: string, query: BsonDocument): Operation {
  const dot = collection.indexOf('.');
  const name = collection.slice(dot + 1);
  if (name === '$cmd') return operationOfCommand(asDocument(fieldOf(query, '$query')) ?? query);
  const filter = asDocument(fieldOf(query, '$query')) ?? query;
  return {
    kind: 'query',
    collection: name,
    callsite: callsiteOf(fieldOf(query, '$comment')),
    reach: reachOf(filter),
    maxTime: fieldOf(query, '$maxTimeMS') !== undefined,
  };
}

/** What a command's document asks for; its first field is the command. */
export function operationOfCommand(body: BsonDocument): Operation {
  const [name = '', value] = body[0] ?? [];
  if (name !== 'find' || typeof value !== 'string') return { kind: 'command', name };
  return {
    kind: 'query',
    collection: value,
    callsite: callsiteOf(fieldOf(body, 'comment')),
    reach: reachOf(asDocument(fieldOf(body, 'filter')) ?? []),
    maxTime: fieldOf(body, 'maxTimeMS') !== undefined,
  };
}

/** How many documents an answer to a command holds. */
export function documentsIn(body: BsonDocument): number {
  const cursor = asDocument(fieldOf(body, 'cursor'));
  if (cursor === undefined) return 1;
  const batch = fieldOf(cursor, 'firstBatch') ?? fieldOf(cursor, 'nextBatch');
  return typeof batch === 'object' && batch !== null && 'array' in batch ? batch.array.length : 1;
}

function reachOf(filter: BsonDocument): 'primary_key' | 'multi_get' | 'scatter_get' {
  const id = fieldOf(filter, '_id');
  if (id === undefined) return 'scatter_get';
  const ids = asDocument(id);
  return ids !== undefined && fieldOf(ids, '$in') !== undefined ? 'multi_get' : 'primary_key';
}

function callsiteOf(comment: BsonValue | undefined): string {
  if (typeof comment !== 'string' || !comment.startsWith('{')) return '';
  try {
    const { callingFunction } = JSON.parse(comment) as { readonly callingFunction?: unknown };
    return typeof callingFunction === 'string' ? callingFunction : '';
  } catch {
    return '';
  }
}
