import { asDocument, BsonError, fieldOf, type BsonDocument, type BsonValue } from './bson.ts';

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
  const inner = asDocument(fieldOf(query, '$query'));
  if (collection.includes('$cmd')) return operationOfCommand(inner ?? query);
  const dot = collection.indexOf('.');
  if (dot < 0) throw new BsonError('a collection has no database');
  const outer = reachOf(query);
  return {
    kind: 'query',
    collection: collection.slice(dot + 1),
    callsite: callsiteOf(fieldOf(query, '$comment')),
    reach: outer === 'scatter_get' && inner !== undefined ? reachOf(inner) : outer,
    maxTime: isTime(fieldOf(query, '$maxTimeMS') ?? fieldOf(query, 'maxTimeMS')),
  };
}

/** What a command's document asks for; its first field is the command. */
export function operationOfCommand(body: BsonDocument): Operation {
  if (body[0] === undefined) throw new BsonError('a command has no name');
  const [name, value] = body[0];
  if (name !== 'find') return { kind: 'command', name: newNames[name] ?? name };
  if (typeof value !== 'string') throw new BsonError('a collection has no name');
  return {
    kind: 'query',
    collection: value,
    callsite: callsiteOf(fieldOf(body, 'comment')),
    reach: reachOf(asDocument(fieldOf(body, 'filter')) ?? []),
    maxTime: isTime(fieldOf(body, 'maxTimeMS')),
  };
}

/** Old spellings of commands are counted with the new ones, as Envoy does. */
const newNames: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  collstats: 'collStats',
  dbstats: 'dbStats',
  findandmodify: 'findAndModify',
  getlasterror: 'getLastError',
  ismaster: 'isMaster',
});

const isTime = (value: BsonValue | undefined): boolean =>
  (typeof value === 'number' || typeof value === 'bigint') && value >= 1;

/** What commands do with the collection that they name, as Envoy tells it of older messages. */
const told: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  find: 'query',
  aggregate: 'query',
  count: 'query',
  distinct: 'query',
  insert: 'insert',
  update: 'update',
  delete: 'delete',
});

/** The collection that OP_MSG is about, with its database, and what is done with it; undefined where it names none. */
export function touchedBy(
  body: BsonDocument,
): { readonly collection: string; readonly operation: string } | undefined {
  const [name = '', value] = body[0] ?? [];
  const operation = told[name];
  const database = fieldOf(body, '$db');
  if (operation === undefined || typeof value !== 'string' || typeof database !== 'string') return undefined;
  return { collection: `${database}.${value}`, operation };
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
  const isScalar = typeof id !== 'object' || id === null || 'kind' in id;
  return isScalar ? 'primary_key' : 'multi_get';
}

function callsiteOf(comment: BsonValue | undefined): string {
  if (typeof comment !== 'string' || !comment.trimStart().startsWith('{')) return '';
  try {
    const { callingFunction } = JSON.parse(comment) as { readonly callingFunction?: unknown };
    return typeof callingFunction === 'string' ? callingFunction : '';
  } catch {
    return '';
  }
}
