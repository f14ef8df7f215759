import { request as httpRequest, Agent as HttpAgent } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { toJson } from '@lateen/protocol';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import { DiscoveryRequest } from '@lateen/protocol/envoy/service/discovery/v3';
import { knownTypes } from '../decode/known-types.ts';
import type { ControlPlaneEndpoint } from './control-plane.ts';
import { readDiscoveryJson } from './discovery-json.ts';
import type { Feed } from './feed.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import { Subscription, type ResourceSink } from './subscription.ts';
import { namesIn } from './wrapped-resource.ts';

export interface RestSubscriptionOptions {
  readonly endpoint: ControlPlaneEndpoint;
  /** The cluster's name: sent as `host`, as Envoy does. */
  readonly cluster: string;
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
  /** Told how each request ended. */
  readonly onAttempt?: (ok: boolean) => void;
}

/** No answer is longer; as much as a gRPC message may have. */
const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Fetches resources over REST, again and again
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "REST-JSON polling subscriptions").
 *
 * An answer of 304, an error or a time-out changes nothing.
 */
export function pollRest(options: RestSubscriptionOptions): Feed {
  const { endpoint, type, clock, log, sink, random = Math.random } = options;
  const { wildcard, restPath, typeUrl } = resourceTypeFacts[type];
  const subscription = new Subscription(type, clock);
  for (const [name, version] of options.kept ?? []) subscription.versions.set(name, version);
  const secure = endpoint.tls !== undefined;
  const agent = secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  let timer: Timer | undefined;
  let abort: AbortController | undefined;
  let fetching = false;
  let changed = false;
  let closed = false;

  async function fetchOnce(): Promise<void> {
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
    if (closed || answer === undefined) return;
    const response = readDiscoveryJson(JSON.parse(answer), type);
    if (typeof response === 'string') throw new Error(response);
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
  }

  /** The body of a 200; undefined for 304. */
  function post(body: string): Promise<string | undefined> {
    const { target, tls } = endpoint;
    abort = new AbortController();
    const limit = clock.after(options.requestTimeoutMs, () => abort?.abort(new Error('timed out')));
    const place = 'path' in target ? { socketPath: target.path } : { host: target.host, port: target.port };
    const security = tls?.();
    const { signal } = abort;
    return new Promise<string | undefined>((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(
        {
          ...place,
          agent,
          signal,
          method: 'POST',
          path: restPath,
          headers: {
            host: options.cluster,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
          ...(security === undefined
            ? {}
            : {
                ...(security.ca === undefined ? {} : { ca: security.ca as Buffer }),
                ...(security.serverName === undefined ? {} : { servername: security.serverName }),
                ...(security.cert === undefined ? {} : { cert: security.cert }),
                ...(security.key === undefined ? {} : { key: security.key }),
              }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > maxAnswerBytes) request.destroy(new Error('the answer is too long'));
            else chunks.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 304) resolve(undefined);
            else if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
            else reject(new Error(`answered ${response.statusCode}`));
          });
        },
      );
      request.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
      request.end(body);
    }).finally(() => limit.cancel());
  }

  async function round(): Promise<void> {
    if (closed || (!wildcard && subscription.wanted.size === 0)) return;
    timer?.cancel();
    timer = undefined;
    fetching = true;
    changed = false;
    let ok = true;
    try {
      await fetchOnce();
    } catch (error) {
      ok = false;
      if (!closed) log.warn('resources cannot be fetched', { path: restPath, reason: messageOf(error) });
    }
    fetching = false;
    if (closed) return;
    options.onAttempt?.(ok);
    const delayMs = changed ? 0 : options.refreshDelayMs * (1 + random());
    timer = clock.after(delayMs, () => void round());
  }

  if (wildcard) void round();
  return {
    want(names) {
      subscription.want(names);
      if (fetching) changed = true;
      else void round();
    },
    close() {
      closed = true;
      timer?.cancel();
      abort?.abort(new Error('closed'));
      subscription.close();
      agent.destroy();
    },
  };
}
