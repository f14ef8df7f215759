import { LateenError, messageOf } from '@lateen/core';
import type { KubeClient, ListResult, PatchType, Selection, WatchEvent, WriteOptions } from './client.ts';
import { HttpTransport, type HttpCall, type HttpTransportOptions } from './http-transport.ts';
import { apiVersionOf, type KubeObject, type Resource } from './object.ts';
import {
  collectionPath,
  objectPath,
  patchContentTypes,
  selectionQuery,
  withQuery,
  writeQuery,
} from './resource-path.ts';
import { KubeStatusError, isStatus, type KubeStatus } from './status-error.ts';

export interface HttpClientOptions extends HttpTransportOptions {
  /** Who writes, for `metadata.managedFields`; default the user agent. */
  readonly fieldManager?: string;
  /** How many objects a page of a list holds; default 500. */
  readonly pageSize?: number;
}

/** A client with connections of its own. */
export interface HttpKubeClient extends KubeClient {
  readonly server: string;
  /** Any call, with what `raw` cannot say. */
  call(call: HttpCall): Promise<unknown>;
  /** Any GET whose answer comes line by line, such as a log that is followed. */
  lines(path: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** Where and how to open a WebSocket, such as for `exec`. */
  webSocket: HttpTransport['webSocket'];
  /** Closes all connections. */
  close(): void;
}

interface ListAnswer {
  readonly items?: KubeObject[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** A client of any Kubernetes API server, over HTTPS with kept connections. */
export function httpClient(options: HttpClientOptions): HttpKubeClient {
  const transport = new HttpTransport(options);
  const pageSize = String(options.pageSize ?? 500);

  const queryOf = (write: WriteOptions | undefined): Record<string, string | undefined> => {
    const query = writeQuery(write);
    return { ...query, fieldManager: query['fieldManager'] ?? options.fieldManager };
  };

  const put = async <T extends KubeObject>(
    resource: Resource,
    object: T,
    subresource: string | undefined,
    write: WriteOptions | undefined,
  ): Promise<T> => {
    const path = objectPath(resource, object.metadata.namespace, object.metadata.name, subresource);
    return (await transport.json({
      method: 'PUT',
      path: withQuery(path, queryOf(write)),
      body: object,
    })) as T;
  };

  const listPages = async <T extends KubeObject>(
    resource: Resource,
    selection: Selection,
    limit: string | undefined,
  ): Promise<ListResult<T>> => {
    const path = collectionPath(resource, selection.namespace);
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const query = { ...selectionQuery(selection), limit, continue: next };
      const answer = (await transport.json({ method: 'GET', path: withQuery(path, query) })) as ListAnswer;
      for (const item of answer.items ?? []) {
        // Items of a list carry neither of the two; whoever reads them should not have to know.
        item.apiVersion ??= apiVersionOf(resource);
        item.kind ??= resource.kind;
        items.push(item as T);
      }
      next = answer.metadata?.continue;
      if (next === undefined || next === '') {
        return { items, resourceVersion: answer.metadata?.resourceVersion ?? '' };
      }
    }
  };

  return {
    server: options.server,
    close: () => transport.close(),

    async get<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string) {
      return (await transport.json({ method: 'GET', path: objectPath(resource, namespace, name) })) as T;
    },

    async list<T extends KubeObject>(resource: Resource, selection: Selection = {}) {
      try {
        return await listPages<T>(resource, selection, pageSize);
      } catch (error) {
        // The pages' revision went away between two of them: take all in one piece.
        if (!isStatus(error, 'Expired')) throw error;
        return listPages<T>(resource, selection, undefined);
      }
    },

    async create<T extends KubeObject>(resource: Resource, object: T, write?: WriteOptions) {
      if (resource.namespaced && object.metadata.namespace === undefined) {
        throw new LateenError('kube.noNamespace', `a ${resource.kind} cannot be created without a namespace`);
      }
      const path = collectionPath(resource, object.metadata.namespace);
      return (await transport.json({
        method: 'POST',
        path: withQuery(path, queryOf(write)),
        body: object,
      })) as T;
    },

    update: (resource, object, write) => put(resource, object, undefined, write),
    updateStatus: (resource, object, write) => put(resource, object, 'status', write),

    async patch<T extends KubeObject>(
      resource: Resource,
      namespace: string | undefined,
      name: string,
      type: PatchType,
      patch: unknown,
      write?: WriteOptions & { readonly subresource?: string },
    ) {
      const query = queryOf(write);
      if (type === 'apply') query['fieldManager'] ??= options.userAgent ?? 'lateen';
      return (await transport.json({
        method: 'PATCH',
        path: withQuery(objectPath(resource, namespace, name, write?.subresource), query),
        body: patch,
        contentType: patchContentTypes[type],
      })) as T;
    },

    async delete(resource, namespace, name, how = {}) {
      const body = {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        ...(how.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: how.gracePeriodSeconds }),
        ...(how.propagationPolicy === undefined ? {} : { propagationPolicy: how.propagationPolicy }),
        ...(how.uid === undefined ? {} : { preconditions: { uid: how.uid } }),
      };
      await transport.json({ method: 'DELETE', path: objectPath(resource, namespace, name), body });
    },

    async watch<T extends KubeObject>(
      resource: Resource,
      selection: Selection & { readonly resourceVersion: string },
      onEvent: (event: WatchEvent<T>) => void,
      signal: AbortSignal,
    ) {
      // Each watch ends by itself after five to ten minutes, so that they spread over an API server's replicas.
      const seconds = 300 + Math.floor(Math.random() * 300);
      const path = withQuery(collectionPath(resource, selection.namespace), {
        ...selectionQuery(selection),
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: selection.resourceVersion,
        timeoutSeconds: String(seconds),
      });
      await transport.lines(path, (seconds + 30) * 1000, (line) => onEvent(decodeEvent<T>(line)), signal);
    },

    call: (call) => transport.json(call),
    lines: (path, onLine, signal) => transport.lines(path, 24 * 3_600_000, onLine, signal),
    webSocket: (path) => transport.webSocket(path),
    raw: (method, path, body) => transport.json({ method, path, ...(body === undefined ? {} : { body }) }),
  };
}

function decodeEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  let event: { readonly type?: unknown; readonly object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (error) {
    throw new LateenError('kube.badAnswer', `a watch's line is not JSON: ${messageOf(error)}`);
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: event.object as T };
    case 'BOOKMARK':
      return { type: event.type, object: event.object as KubeObject };
    case 'ERROR':
      throw new KubeStatusError(event.object as KubeStatus);
    default:
      throw new LateenError('kube.badAnswer', `a watch's event is of unknown type ${String(event.type)}`);
  }
}
