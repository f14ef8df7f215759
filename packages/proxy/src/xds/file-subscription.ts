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
  /** Is told which names, of kinds that are asked for by name, have nothing from a reading that failed or was refused. */
  readonly onUnused: (why: 'failed' | 'refused', names: ReadonlySet<string>) => void;
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
 * by name the file may hold others too; they are passed over. One that it does not hold any more stays as it was, as with
 * a control plane that sends the state of the world.
 */
export function watchFile(options: FileSubscriptionOptions): FileSubscription {
  const { path, type, sink, clock, log, onUnused } = options;
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
      onUnused('failed', subscription.wanted);
      return;
    }
    if (text === lastText) return;
    lastText = text;
    const response = parseResources(text, path, type);
    if ('why' in response) {
      log.warn('file of resources refused', { path, reason: response.reason });
      onUnused(response.why, subscription.wanted);
      return;
    }
    good = response;
    const present = namesIn(response);
    if (wildcard) {
      const gone = [...subscription.versions.keys()].filter((name) => !present.has(name));
      return take(response, () => true, gone);
    }
    const missing = new Set([...subscription.wanted].filter((name) => !present.has(name)));
    if (missing.size > 0) {
      log.warn('file of resources does not hold all that is asked for', {
        path,
        missing: [...missing].join(', '),
      });
      onUnused('refused', missing);
    }
    await take(response, () => true, []);
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
        // The first reading may have come after this and have brought them.
        const isNews = (one: string): boolean => !before.has(one) && !subscription.versions.has(one);
        if (good !== undefined) await take(good, isNews, []);
      });
    },
    settled: () => last,
    close() {
      watcher.close();
      subscription.close();
    },
  };
}

/** Why a text is of no use: it is no document, or none of resources of the kind. */
interface Unusable {
  readonly why: 'failed' | 'refused';
  readonly reason: string;
}

function parseResources(content: string, path: string, type: ResourceType): JsonResponse | Unusable {
  // Plain JSON without problems is read a hundred times quicker than YAML, of which it is a part.
  const json = parseJsonObject(content);
  if (json !== undefined) {
    const response = readDiscoveryJson(json, type);
    if (typeof response !== 'string') return response;
  }
  const parsed = parseText(content, path);
  if (!parsed.ok) return { why: 'failed', reason: parsed.problems.map(formatProblem).join('; ') };
  const text = parsed.value;
  const response = readDiscoveryJson(text.value ?? {}, type, (problems) => text.locate(problems));
  return typeof response === 'string' ? { why: 'refused', reason: response } : response;
}
