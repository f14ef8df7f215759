import type { Span } from './span.ts';

/** Who sends spans, as Zipkin names it. */
export interface ZipkinEndpoint {
  readonly serviceName: string;
  readonly ipv4: string;
}

/** The body of `POST /api/v2/spans` (https://zipkin.io/zipkin-api/#/default/post_spans). */
export function zipkinJson(spans: readonly Span[], endpoint: ZipkinEndpoint): string {
  return JSON.stringify(
    spans.map((span) => ({
      traceId: span.traceId,
      id: span.id,
      ...(span.parentId === undefined ? {} : { parentId: span.parentId }),
      name: span.name,
      kind: span.kind === 'client' ? 'CLIENT' : 'SERVER',
      timestamp: span.startUs,
      duration: span.durationUs,
      ...(span.shared ? { shared: true } : {}),
      localEndpoint: { ...endpoint, port: 0 },
      // As Envoy: the end is told by an event besides.
      annotations: [
        { timestamp: span.startUs + span.durationUs, value: span.kind === 'client' ? 'cr' : 'ss' },
      ],
      tags: Object.fromEntries(span.tags),
    })),
  );
}
