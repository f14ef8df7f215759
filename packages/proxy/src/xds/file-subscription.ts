import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { formatProblem, messageOf, type Logger } from '@lateen/core';
import { fromJson } from '@lateen/protocol';
import { DiscoveryResponse } from '@lateen/protocol/envoy/service/discovery/v3';
import { parseText } from '../bootstrap/text.ts';
import { knownTypes } from '../decode/known-types.ts';
import { resourceNameIn } from './resource-name.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import { Subscription, type RawResource, type ResourceSink } from './subscription.ts';

export interface FileSubscriptionOptions {
  /** Holds a DiscoveryResponse in JSON or YAML. */
  readonly path: string;
  readonly type: ResourceType;
  readonly sink: ResourceSink;
  readonly log: Logger;
}

export interface FileSubscription {
  /** Resolves when everything read so far is in force or refused. */
  settled(): Promise<void>;
  close(): void;
}

/**
 * Takes resources from a file, now and whenever it changes or is replaced.
 *
 * A file that cannot be read or parsed changes nothing: what was last good stays.
 */
export function watchFile(options: FileSubscriptionOptions): FileSubscription {
  const { path, type, sink, log } = options;
  const subscription = new Subscription(type);
  let lastText: string | undefined;
  let last: Promise<void> = Promise.resolve();

  async function read(): Promise<void> {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      log.warn('file of resources cannot be read', { path, reason: messageOf(error) });
      return;
    }
    if (text === lastText) return;
    lastText = text;
    const resources = parseResources(text, path, type);
    if (typeof resources === 'string') {
      log.warn('file of resources refused', { path, reason: resources });
      return;
    }
    const present = new Set(resources.map((resource) => resource.name));
    const removed = [...subscription.versions.keys()].filter((name) => !present.has(name));
    const version = resources[0]?.version ?? '';
    const refusal = await subscription.take({ type, version, changed: resources, removed }, sink);
    if (refusal !== undefined) log.warn('resources of a file refused', { path, reason: refusal });
  }

  const next = (): void => {
    last = last.then(read);
  };
  next();
  // The folder is watched, since a file that is replaced by a rename is another file.
  const name = basename(path);
  const watcher = watch(dirname(path), { persistent: false }, (_, changed) => {
    if (changed === null || changed === name) next();
  });
  watcher.on('error', (error) =>
    log.warn('file of resources is not watched', { path, reason: messageOf(error) }),
  );
  return {
    settled: () => last,
    close: () => watcher.close(),
  };
}

function parseResources(text: string, path: string, type: ResourceType): readonly RawResource[] | string {
  const parsed = parseText(text, path);
  if (!parsed.ok) return parsed.problems.map(formatProblem).join('; ');
  const response = fromJson(DiscoveryResponse, parsed.value.value ?? {}, { registry: knownTypes });
  if (!response.ok) return parsed.value.locate(response.problems).map(formatProblem).join('; ');
  const { typeUrl } = resourceTypeFacts[type];
  const resources: RawResource[] = [];
  for (const [i, any] of (response.value.resources ?? []).entries()) {
    if (any.typeUrl !== typeUrl) return `resources[${i}]: is a ${any.typeUrl}, not a ${typeUrl}`;
    const name = resourceNameIn(type, any.value);
    if (name === undefined) return `resources[${i}]: cannot be read`;
    resources.push({ name, version: response.value.versionInfo ?? '', typeUrl, bytes: any.value });
  }
  return resources;
}
