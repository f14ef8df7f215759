import type { Clock } from '@lateen/core';
import type { KubeObject } from '@lateen/kube';
import { tableOf, type IncludeObject } from '../print/table.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { Selectors } from '../registry/resource-reader.ts';
import { apiVersionText } from '../registry/resource-type.ts';
import type { ServedType } from '../registry/type-registry.ts';
import { expired } from '../status.ts';
import type { ResponseSink } from './api-request.ts';
import type { ResponseForm } from './negotiation.ts';
import { objectText } from './object-encoding.ts';

export interface WatchRequest {
  readonly served: ServedType;
  readonly selectors: Selectors;
  /** Empty or `0`: what there is, then what changes. */
  readonly resourceVersion: string;
  readonly sendInitialEvents: boolean;
  readonly allowBookmarks: boolean;
  readonly timeoutMs: number;
  readonly form: ResponseForm;
  readonly includeObject: IncludeObject;
}

const bookmarkPeriodMs = 30_000;
/** A client that reads slower than this falls behind is cut off; it resumes or lists again. */
const maxBacklogBytes = 64 * 1024 * 1024;

/**
 * Prepares a watch: throws `Expired` and the like while an error can still be the answer. The function returned
 * writes one JSON line an event until the client goes, time is up, or the kind is no longer served.
 */
export async function openWatch(
  service: ResourceService,
  clock: Clock,
  request: WatchRequest,
): Promise<(sink: ResponseSink) => Promise<void>> {
  const { served, selectors, form, includeObject } = request;
  const fresh = request.resourceVersion === '' || request.resourceVersion === '0';
  const listFirst = fresh || request.sendInitialEvents;
  const initial = listFirst ? await service.list(served, selectors) : undefined;
  const from = initial?.resourceVersion ?? request.resourceVersion;
  if (initial === undefined && Number(from) > service.revision()) {
    throw expired(`Too large resource version: ${from}, current: ${service.revision()}`);
  }
  let columnsSent = false;
  const lineOf = (type: string, object: KubeObject): string => {
    if (type === 'BOOKMARK' || form.as === 'object')
      return `{"type":"${type}","object":${objectText(object)}}\n`;
    if (form.as === 'metadata') {
      const partial = {
        kind: 'PartialObjectMetadata',
        apiVersion: `meta.k8s.io/${form.version}`,
        metadata: object.metadata,
      };
      return `{"type":"${type}","object":${JSON.stringify(partial)}}\n`;
    }
    const table = tableOf(
      served.version.table,
      [object],
      { resourceVersion: object.metadata.resourceVersion },
      { form, includeObject, nowMs: clock.now(), withColumns: !columnsSent },
    );
    columnsSent = true;
    return `{"type":"${type}","object":${table}}\n`;
  };
  const bookmark = (revision: string, initialEventsEnd: boolean): KubeObject => ({
    kind: served.type.kind,
    apiVersion: apiVersionText(served.version),
    metadata: {
      resourceVersion: revision,
      creationTimestamp: null,
      ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    } as unknown as KubeObject['metadata'],
  });

  // The watch is open before the answer begins: a revision that is not kept is an answer, not a broken stream.
  const early: string[] = [];
  let push = (line: string): void => void early.push(line);
  let end = (): void => {};
  let ended = false;
  const stopWatch = service.watch(
    served,
    selectors,
    from,
    (events) => {
      try {
        for (const event of events) push(lineOf(event.type, event.object));
      } catch {
        // An object that cannot be shown ends this watch, and nobody else's.
        ended = true;
        end();
      }
    },
    () => {
      ended = true;
      end();
    },
  );

  return (sink) =>
    new Promise((resolve) => {
      let backlogBytes = 0;
      const waiting: string[] = [];
      let flowing = true;
      const write = (line: string): void => {
        if (!flowing) {
          waiting.push(line);
          backlogBytes += line.length;
          if (backlogBytes > maxBacklogBytes) end();
          return;
        }
        if (sink.write(line)) return;
        flowing = false;
        void sink.drained().then(resume);
      };
      const resume = (): void => {
        flowing = true;
        const lines = waiting.splice(0);
        backlogBytes = 0;
        for (const line of lines) write(line);
      };
      for (const item of initial?.items ?? []) write(lineOf('ADDED', item));
      if (request.sendInitialEvents && request.allowBookmarks)
        write(lineOf('BOOKMARK', bookmark(from, true)));
      for (const line of early) write(line);
      push = write;
      const bookmarks = clock.every(bookmarkPeriodMs, () => {
        if (request.allowBookmarks) write(lineOf('BOOKMARK', bookmark(String(service.revision()), false)));
      });
      const timeUp = clock.after(request.timeoutMs, () => end());
      let over = false;
      end = () => {
        if (over) return;
        over = true;
        stopWatch();
        bookmarks.cancel();
        timeUp.cancel();
        sink.signal.removeEventListener('abort', end);
        sink.end();
        resolve();
      };
      sink.signal.addEventListener('abort', end);
      if (ended || sink.signal.aborted) end();
    });
}
