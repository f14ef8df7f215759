import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { TestClock } from '@lateen/core';
import type { DataPlane } from '../../data-plane.ts';
import type { HttpConnectionManager, Route, TraceProvider, Tracing } from '../../model/index.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import {
  cluster,
  httpListener,
  portOf,
  routeTable,
  routeTo,
  startDataPlane,
  statOf,
  until,
  upstream,
} from '../../testing/harness.ts';

export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind: string;
  readonly shared?: boolean;
  readonly timestamp: number;
  readonly duration: number;
  readonly annotations: readonly { readonly timestamp: number; readonly value: string }[];
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

export const whole = { numerator: 100, denominator: 100 } as const;
export const nothing = { numerator: 0, denominator: 10_000 } as const;
export const everything = { client: whole, random: whole, overall: whole };

export function zipkin(more: Partial<Extract<TraceProvider, { kind: 'zipkin' }>> = {}): TraceProvider {
  return {
    kind: 'zipkin',
    cluster: 'zipkin',
    path: '/api/v2/spans',
    hostname: 'zipkin.istio-system',
    traceId128bit: true,
    sharedSpanContext: false,
    ...more,
  };
}

export function traced(provider: TraceProvider, more: Partial<Tracing> = {}): Tracing {
  return {
    sampling: everything,
    customTags: [],
    maxPathTagLength: 256,
    spawnUpstreamSpan: false,
    provider,
    ...more,
  };
}

/** A collector that keeps what it is sent. */
export async function zipkinCollector(
  t: TestContext,
  status = 202,
): Promise<{ port: number; spans: ZipkinSpan[]; hosts: string[] }> {
  const spans: ZipkinSpan[] = [];
  const hosts: string[] = [];
  const { port } = await upstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      assert.equal(`${request.method} ${request.url}`, 'POST /api/v2/spans');
      assert.equal(request.headers['content-type'], 'application/json');
      hosts.push(request.headers.host ?? '');
      spans.push(...(JSON.parse(body) as ZipkinSpan[]));
      response.writeHead(status).end();
    });
  });
  return { port, spans, hosts };
}

export async function proxy(
  t: TestContext,
  direction: 'inbound' | 'outbound',
  options: {
    readonly backend: number;
    readonly collector: number;
    readonly tracing: Tracing;
    readonly route?: Partial<Route>;
    readonly manager?: Partial<HttpConnectionManager>;
    readonly clock?: TestClock;
    readonly runtime?: Runtime;
    readonly collectorIsHttp2?: boolean;
  },
): Promise<{ dataPlane: DataPlane; port: number }> {
  const dataPlane = startDataPlane(t, {
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
    node: {
      id: `sidecar~${direction}`,
      cluster: `reviews.${direction}`,
      locality: { region: 'r', zone: 'zone-a', subZone: '' },
      metadata: {},
    },
  });
  const collector = cluster('zipkin', [options.collector]);
  const { refused } = await dataPlane.update({
    clusters: {
      set: [
        cluster('backend', [options.backend]),
        options.collectorIsHttp2 === true
          ? { ...collector, http: { ...collector.http, protocol: 'http2' } }
          : collector,
      ],
    },
    listeners: {
      set: [
        {
          ...httpListener(routeTable([{ ...routeTo('backend'), ...options.route }]), {
            tracing: options.tracing,
            ...options.manager,
          }),
          trafficDirection: direction,
        },
      ],
    },
  });
  assert.deepEqual(refused, []);
  return { dataPlane, port: portOf(dataPlane) };
}

/** Something of the proxy's must be under way that leads there. */
export const untilStat = (dataPlane: DataPlane, name: string, value: number): Promise<void> =>
  until(() => statOf(dataPlane, name) >= value);
