import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { toJson } from '@lateen/protocol';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import { DiscoveryRequest } from '@lateen/protocol/envoy/service/discovery/v3';
import { callHttp, type Call, type CallContext } from '../call/index.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { knownTypes } from '../decode/known-types.ts';
import { readDiscoveryJson, type JsonResponse } from './discovery-json.ts';
import type { Feed } from './feed.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import { Subscription, type ResourceSink } from './subscription.ts';
import { namesIn } from './wrapped-resource.ts';

export interface RestSubscriptionOptions {
  readonly calls: CallContext;
  /** What is asked; its name is sent as `host`, as Envoy does. */
  readonly cluster: ClusterRef;
  readonly type: ResourceType;
  readonly node: Node;
  /** The time from one answer to the next request; up to as much again is added at random. */
  readonly refreshDelayMs: number;
  readonly requestTimeoutMs: number;
  readonly sink: ResourceSink;
  /** Versions of resources that are in force from the last run. */
  readonly kept?: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random?: () => number;
  /** Told how each request ended: with an answer, without one, or with one that is of no use to these names. */
  readonly onAttempt?: (ended: 'answered' | 'failed' | 'refused', names: ReadonlySet<string>) => void;
}

/** A feed that asks for nothing before it is started. */
export interface RestFeed extends Feed {
  start(): void;
}

/** No answer is longer; as much as a gRPC message may have. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Fetches resources over REST, again and again, through a cluster
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "REST-JSON polling subscriptions").
 *
 * An answer of 304, an error or a time-out changes nothing.
 */
export function pollRest(options: RestSubscriptionOptions): RestFeed {
  const { type, clock, log, sink, random = Math.random } = options;
  const { wildcard, restPath, typeUrl } = resourceTypeFacts[type];
  const subscription = new Subscription(type, clock);
  for (const [name, version] of options.kept ?? []) subscription.versions.set(name, version);
  let timer: Timer | undefined;
  let call: Call | undefined;
  let started = false;
  let fetching = false;
  let changed = false;
  let closed = false;

  async function fetchOnce(): Promise<'answered' | 'refused'> {
    const wanted = subscription.wanted;
    const body = toJson(
      DiscoveryRequest,
      {
        node: options.node,
        typeUrl,
        versionInfo: subscription.acceptedVersion,
        ...(wildcard ? {} : { resourceNames: [...wanted] }),
      },
      { registry: knownTypes, protoNames: true },
    );
    const answer = await post(JSON.stringify(body));
    if (closed || answer === undefined) return 'answered';
    const response = readAnswer(answer);
    if (typeof response === 'string') {
      log.warn('what was fetched over REST is refused', { path: restPath, reason: response });
      return 'refused';
    }
    const present = namesIn(response);
    subscription.prolong(response.heartbeats, sink);
    const refusal = await subscription.take(
      {
        type,
        version: response.version,
        changed: response.changed.filter(({ name }) => wildcard || wanted.has(name)),
        removed: wildcard ? [...subscription.versions.keys()].filter((name) => !present.has(name)) : [],
      },
      sink,
    );
    if (refusal !== undefined) log.warn('resources fetched over REST refused', { type, reason: refusal });
    return 'answered';
  }

  function readAnswer(text: string): JsonResponse | string {
    try {
      return readDiscoveryJson(JSON.parse(text), type);
    } catch (error) {
      return messageOf(error);
    }
  }

  /** The body of a 200; undefined for 304. */
  function post(text: string): Promise<string | undefined> {
    const { calls, cluster } = options;
    const body = Buffer.from(text);
    const request = {
      method: 'POST',
      path: restPath,
      authority: cluster.name,
      headers: [
        ['content-type', 'application/json'],
        ['content-length', String(body.length)],
      ] as const,
      body,
      timeoutMs: options.requestTimeoutMs,
      maxBodyBytes: maxAnswerBytes,
    };
    return new Promise((resolve, reject) => {
      call = callHttp(calls, cluster, request, (result) => {
        if (result.kind === 'failure') reject(new Error(result.detail));
        else if (result.status === 304) resolve(undefined);
        else if (result.status === 200) resolve(result.body.toString('utf8'));
        else reject(new Error(`answered ${result.status}`));
      });
    });
  }

  async function round(): Promise<void> {
    if (closed || (!wildcard && subscription.wanted.size === 0)) return;
    timer?.cancel();
    timer = undefined;
    fetching = true;
    changed = false;
    let ended: 'answered' | 'failed' | 'refused' = 'failed';
    try {
      ended = await fetchOnce();
    } catch (error) {
      if (!closed) log.warn('resources cannot be fetched', { path: restPath, reason: messageOf(error) });
    }
    fetching = false;
    if (closed) return;
    options.onAttempt?.(ended, subscription.wanted);
    const delayMs = changed ? 0 : options.refreshDelayMs * (1 + random());
    timer = clock.after(delayMs, () => void round());
  }

  return {
    start() {
      started = true;
      void round();
    },
    want(names) {
      subscription.want(names);
      if (fetching) changed = true;
      else if (started) void round();
    },
    close() {
      closed = true;
      timer?.cancel();
      call?.cancel();
      subscription.close();
    },
  };
}
