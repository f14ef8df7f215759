import { readMessages } from './http1-text.ts';
import type { Normalise, Observation } from './observe.ts';

/** Ids of spans and traces by numbers in the order in which they are seen; those that were `given` stay as they are. */
export function spanIdNormaliser(normalise: Normalise, given: string): Normalise {
  const numbers = new Map<string, number>();
  const shown = (id: string): string => {
    if (given.includes(id)) return id;
    const number = numbers.get(id) ?? numbers.size + 1;
    numbers.set(id, number);
    return `<id ${number}>`;
  };
  return (text) =>
    normalise(
      text
        .replace(
          /\b[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
          (id, reason: string) => (given.includes(id) ? `<given, ${reason}>` : `<request id, ${reason}>`),
        )
        .replace(/\b(?:[0-9a-f]{16}){1,2}\b/g, (id) =>
          given.includes(id) ? id : id.replace(/.{16}/g, shown),
        ),
    );
}

interface Span {
  readonly kind?: string;
  readonly timestamp?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly annotations?: readonly { readonly value: string; readonly timestamp: number }[];
  readonly [field: string]: unknown;
}

/** Spans that a collector of Zipkin was sent, in the order of their beginnings, each field a value of its own. */
export function observeSpans(into: Observation, connections: readonly string[], normalise: Normalise): void {
  const reports = connections.flatMap((text) => readMessages(text));
  const [report] = reports;
  if (report !== undefined) {
    into.set('collector.line', report.startLine);
    for (const header of report.headers) {
      const [name = '', value = ''] = header.toLowerCase().split(': ', 2);
      const isOwn = name === 'content-length' || value.length === 32 || name === 'traceparent';
      into.set(`collector.header.${name}`, isOwn ? '<own>' : normalise(value));
    }
  }
  const spans = reports.flatMap(({ body }) => JSON.parse(body) as Span[]);
  // Those that begin within one tick: a server's before its tries.
  const isTry = ({ kind }: Span): number => (kind === 'CLIENT' ? 1 : 0);
  spans.sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0) || isTry(a) - isTry(b));
  spans.forEach((span, i) => {
    const { timestamp, duration, tags = {}, annotations = [], ...rest } = span;
    const name = `span${i + 1}`;
    into.set(`${name}.timestamp`, isNow(timestamp) ? '<now>' : String(timestamp));
    into.set(`${name}.duration`, Number.isInteger(duration) ? '<us>' : String(duration));
    for (const [field, value] of Object.entries(rest)) into.set(`${name}.${field}`, normalise(sorted(value)));
    for (const [tag, value] of Object.entries(tags)) into.set(`${name}.tag.${tag}`, normalise(value));
    if (annotations.length > 0) {
      into.set(
        `${name}.annotations`,
        annotations
          .map(
            ({ value, timestamp, ...more }) =>
              `${value} ${isNow(timestamp) ? '<now>' : String(timestamp)} ${sorted(more)}`,
          )
          .join(', '),
      );
    }
  });
}

const isNow = (timestampUs: number | undefined): boolean =>
  Number.isInteger(timestampUs) && Math.abs(Date.now() - Number(timestampUs) / 1_000) < 60_000;

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return JSON.stringify(Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
