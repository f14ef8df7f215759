import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { formatProblem, messageOf, type Clock, type Logger } from '@lateen/core';
import { parseJsonObject } from '../config-text/json-text.ts';
import { parseText } from '../config-text/located-text.ts';
import { readDiscoveryJson, type JsonResponse } from './discovery-json.ts';
import type { Feed } from './feed.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import { Subscription, type ResourceSink } from './subscription.ts';
import { namesIn } from './wrapped-resource.ts';

export interface FileSubscriptionOptions {
  /** Holds a DiscoveryResponse in JSON or YAML. */
  readonly path: string;
  /** Folder in which any change means that the file is to be read again; default: the file's, for its own changes. */
  readonly watchedDirectory?: string;
  readonly type: ResourceType;
  readonly sink: ResourceSink;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FileSubscription extends Feed {
  /** Resolves when everything read so far is in force or refused. */
  settled(): Promise<void>;
}

/**
 * Takes resources from a file, now and whenever it changes or is replaced.
 *
 * A file that cannot be read or parsed changes nothing: what was last good stays. Of kinds that are asked for
 * by name the file may hold others too; they are passed over.
 */
export function watchFile(options: FileSubscriptionOptions): FileSubscription {
  const { path, type, sink, clock, log } = options;
  const { wildcard } = resourceTypeFacts[type];
  const subscription = new Subscription(type, clock);
  let lastText: string | undefined;
  let good: JsonResponse | undefined;
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
    const response = parseResources(text, path, type);
    if (typeof response === 'string') {
      log.warn('file of resources refused', { path, reason: response });
      return;
    }
    good = response;
    const present = namesIn(response);
    await take(
      response,
      () => true,
      [...subscription.versions.keys()].filter((name) => !present.has(name)),
    );
  }

  async function take(
    response: JsonResponse,
    isNews: (name: string) => boolean,
    removed: readonly string[],
  ): Promise<void> {
    const changed = response.changed.filter(
      ({ name }) => (wildcard || subscription.wanted.has(name)) && isNews(name),
    );
    const { version, heartbeats } = response;
    subscription.prolong(heartbeats, sink);
    if (!wildcard && changed.length === 0 && removed.length === 0) return;
    const refusal = await subscription.take({ type, version, changed, removed, origin: 'file' }, sink);
    if (refusal !== undefined) log.warn('resources of a file refused', { path, reason: refusal });
  }

  const next = (run: () => Promise<void>): void => {
    // A fault ends one reading, and none of those after it.
    last = last.then(run).catch((error: unknown) => {
      log.error('file of resources could not be taken', { path, error: messageOf(error) });
    });
  };
  next(read);
  // The folder is watched, since a file that is replaced by a rename is another file.
  const { watchedDirectory } = options;
  const name = basename(path);
  const watcher = watch(watchedDirectory ?? dirname(path), { persistent: false }, (_, changed) => {
    if (watchedDirectory !== undefined || changed === null || changed === name) next(read);
  });
  watcher.on('error', (error) =>
    log.warn('file of resources is not watched', { path, reason: messageOf(error) }),
  );

  return {
    want(names) {
      const before = subscription.wanted;
      subscription.want(names);
      next(async () => {
        if (good !== undefined) await take(good, (one) => !before.has(one), []);
      });
    },
    settled: () => last,
    close() {
      watcher.close();
      subscription.close();
    },
  };
}

function parseResources(content: string, path: string, type: ResourceType): JsonResponse | string {
  // Plain JSON without problems is read a hundred times quicker than YAML, of which it is a part.
  const json = parseJsonObject(content);
  if (json !== undefined) {
    const response = readDiscoveryJson(json, type);
    if (typeof response !== 'string') return response;
  }
  const parsed = parseText(content, path);
  if (!parsed.ok) return parsed.problems.map(formatProblem).join('; ');
  const text = parsed.value;
  return readDiscoveryJson(text.value ?? {}, type, (problems) => text.locate(problems));
}
