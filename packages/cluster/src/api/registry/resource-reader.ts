import {
  labelMatcher,
  matchesFields,
  parseFieldSelector,
  parseLabelSelector,
  type KubeObject,
} from '@lateen/kube';
import { badRequest, expired, notFound } from '../status.ts';
import type { ObjectEvent, ObjectStore } from './object-store.ts';
import type { ResourceType } from './resource-type.ts';

/** What a list or a watch is about; `namespace` is empty for all. */
export interface Selectors {
  readonly namespace: string;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListPage {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
  /** Given to the next call to continue; undefined at the end. */
  readonly continueToken?: string;
  readonly remainingItemCount?: number;
}

export interface PageRequest {
  readonly limit?: number | undefined;
  readonly continueToken?: string | undefined;
  /** With `Exact` the list shows this revision; else it only must not be older. */
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: string | undefined;
}

type Matches = (object: KubeObject) => boolean;

/** Reads objects of any type; what it returns is shared and must not be changed. */
export class ResourceReader {
  readonly #objects: ObjectStore;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async get(type: ResourceType, namespace: string, name: string): Promise<KubeObject> {
    const found = await this.#objects.get(type, namespace, name);
    if (found === undefined) throw notFound(type, name);
    return found.object;
  }

  async list(type: ResourceType, selectors: Selectors, page: PageRequest = {}): Promise<ListPage> {
    const matches = compileSelectors(type, selectors);
    const token = page.continueToken === undefined ? undefined : decodeToken(page.continueToken);
    const revision = token?.revision ?? exactRevision(page, this.#objects.revision());
    const limit = page.limit !== undefined && page.limit > 0 ? page.limit : undefined;
    const items: KubeObject[] = [];
    let after = token?.after;
    let shown = revision;
    // Selectors may leave less than a page of what was read: read on until it is full.
    for (;;) {
      const wanted = limit === undefined ? undefined : limit - items.length;
      const list = await this.#objects.list(type, selectors.namespace, {
        ...(after === undefined ? {} : { after }),
        ...(wanted === undefined ? {} : { limit: wanted }),
        ...(shown === undefined ? {} : { revision: shown }),
      });
      shown = list.revision;
      for (const { object } of list.items) if (matches(object)) items.push(object);
      after = list.lastKey;
      const resourceVersion = String(list.revision);
      if (list.remaining === 0 || after === undefined) return { items, resourceVersion };
      if (limit !== undefined && items.length >= limit) {
        const continueToken = encodeToken({ revision: list.revision, after });
        const selective = selectors.labelSelector !== undefined || selectors.fieldSelector !== undefined;
        return {
          items,
          resourceVersion,
          continueToken,
          ...(selective ? {} : { remainingItemCount: list.remaining }),
        };
      }
    }
  }

  /**
   * Calls `onEvents` with what happens to the selected objects after `resourceVersion`; an object that
   * comes into or goes out of the selection is ADDED or DELETED. Returns the function that ends the watch.
   */
  watch(
    type: ResourceType,
    selectors: Selectors,
    resourceVersion: number,
    onEvents: (events: readonly ObjectEvent[]) => void,
  ): () => void {
    const matches = compileSelectors(type, selectors);
    return this.#objects.watch(type, selectors.namespace, resourceVersion, (events) => {
      const selected: ObjectEvent[] = [];
      for (const event of events) {
        const seen = selectEvent(event, matches);
        if (seen !== undefined) selected.push(seen);
      }
      if (selected.length > 0) onEvents(selected);
    });
  }

  revision(): number {
    return this.#objects.revision();
  }
}

function selectEvent(event: ObjectEvent, matches: Matches): ObjectEvent | undefined {
  const was = event.previous !== undefined && matches(event.previous);
  const is = event.type !== 'DELETED' && matches(event.object);
  if (is) return was === (event.type === 'MODIFIED') ? event : { ...event, type: was ? 'MODIFIED' : 'ADDED' };
  if (!was) return undefined;
  if (event.type === 'DELETED') return event;
  // It left the selection: show its last selected state at the revision of the change.
  const metadata = { ...event.previous.metadata, resourceVersion: String(event.revision) };
  return { ...event, type: 'DELETED', object: { ...event.previous, metadata } };
}

function compileSelectors(type: ResourceType, selectors: Selectors): Matches {
  const tests: Matches[] = [];
  if (selectors.labelSelector !== undefined && selectors.labelSelector !== '') {
    const selector = parseLabelSelector(selectors.labelSelector);
    if (!selector.ok) throw badRequest(selector.problems[0]?.message ?? 'invalid label selector');
    const matches = labelMatcher(selector.value);
    tests.push((object) => matches(object.metadata.labels));
  }
  if (selectors.fieldSelector !== undefined && selectors.fieldSelector !== '') {
    const selector = parseFieldSelector(selectors.fieldSelector);
    if (!selector.ok) throw badRequest(selector.problems[0]?.message ?? 'invalid field selector');
    for (const { path } of selector.value) {
      if (path === 'metadata.name' || (path === 'metadata.namespace' && type.namespaced)) continue;
      if (type.strategy.selectableFields?.includes(path) !== true) {
        throw badRequest(`field label not supported: ${path}`);
      }
    }
    tests.push((object) => matchesFields(object, selector.value));
  }
  const [first, second] = tests;
  if (first === undefined) return () => true;
  return second === undefined ? first : (object) => first(object) && second(object);
}

function exactRevision(page: PageRequest, newest: number): number | undefined {
  const text = page.resourceVersion;
  if (text === undefined || text === '' || text === '0') return undefined;
  const revision = parseRevision(text);
  if (page.resourceVersionMatch === 'Exact') return revision;
  if (revision > newest) throw expired(`Too large resource version: ${revision}, current: ${newest}`);
  return undefined;
}

/** The number in a `resourceVersion`. */
export function parseRevision(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw badRequest(`invalid resource version ${JSON.stringify(text)}: must be a number`);
  }
  return Number(text);
}

interface Token {
  readonly revision: number;
  readonly after: string;
}

function encodeToken(token: Token): string {
  return Buffer.from(JSON.stringify([token.revision, token.after])).toString('base64url');
}

function decodeToken(text: string): Token {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (Array.isArray(parts) && typeof parts[0] === 'number' && typeof parts[1] === 'string') {
      return { revision: parts[0], after: parts[1] };
    }
  } catch {
    // Answered below like any other token that is not ours.
  }
  throw badRequest('continue key is not valid');
}
