import { frameFlag, frameType, SeenFrames, type SeenFrame } from '@lateen/proxy/raw-http2';
import type { MessageType } from '@lateen/protocol';
import { observeMessage } from './grpc.ts';
import { readMessages } from './http1-text.ts';

/** What was seen of one case with one proxy: values by names such as `client.1.status`. */
export type Observation = Map<string, string>;

/** Replaces what differs from one run to the next. */
export type Normalise = (text: string) => string;

/** Ports, dates, ids and times by what they are. */
export function normaliser(ports: Readonly<Record<string, number>>): Normalise {
  const named = Object.entries(ports).map(
    ([name, port]) => [new RegExp(`(?<=127\\.0\\.0\\.1[:_]|^|\\[)${port}\\b`, 'g'), `<${name}>`] as const,
  );
  return (text) => {
    let result = text;
    for (const [pattern, name] of named) result = result.replace(pattern, name);
    return result
      .replace(/(?<=127\.0\.0\.1:)\d{4,5}\b/g, '<port>')
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uuid>')
      .replace(/\/[\w./-]*lateen-compare-\w+/g, '<folder>');
  };
}

const oneLine = (text: string): string =>
  JSON.stringify(text.length > 600 ? `${text.slice(0, 500)}… ${text.length} characters` : text).slice(1, -1);

/** Each field of a message as a value of its own; those of one name keep their order. */
function observeFields(
  into: Observation,
  prefix: string,
  fields: readonly (readonly [string, string])[],
  normalise: Normalise,
): void {
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    const key = `${prefix}.${oneLine(lower)}`;
    const before = into.get(key);
    const spelling = name === lower ? '' : `${oneLine(name)}: `;
    const shown = spelling + normaliseField(lower, oneLine(normalise(value)));
    into.set(key, before === undefined ? shown : `${before} | ${shown}`);
  }
}

function normaliseField(name: string, value: string): string {
  if (name === 'date') return '<date>';
  // Made of the client's port.
  if (name === 'set-cookie') return value.replace(/(?<==\\")[0-9a-f]{16}(?=\\")/, '<hash>');
  if (name === 'x-envoy-upstream-service-time' && /^\d+$/.test(value)) return '<ms>';
  // What is left of a time limit, at a moment that no two runs have in common.
  if (name === 'x-envoy-expected-rq-timeout-ms') return String(Math.ceil(Number(value) / 100) * 100);
  return value;
}

function splitLine(line: string): [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ | $/g, '')];
}

/** Messages of HTTP/1.1 that one side sent, under `prefix.N`. */
export function observeHttp1(
  into: Observation,
  prefix: string,
  bytes: Buffer,
  normalise: Normalise,
  bodiless: (index: number) => boolean = () => false,
): void {
  readMessages(bytes.toString('latin1'), bodiless).forEach((message, index) => {
    const name = `${prefix}.${index + 1}`;
    into.set(`${name}.line`, oneLine(normalise(message.startLine)));
    observeFields(into, `${name}.header`, message.headers.map(splitLine), normalise);
    into.set(`${name}.body`, `${message.framing} ${oneLine(normalise(message.body))}`);
    observeFields(into, `${name}.trailer`, message.trailers.map(splitLine), normalise);
    if (!message.whole) into.set(`${name}.whole`, 'no');
  });
}

/**
 * Frames of HTTP/2 that one side sent, by streams: what a user sees, not how it is cut. Data that is a message of gRPC is
 * told by its fields.
 */
export function observeHttp2(
  into: Observation,
  prefix: string,
  bytes: Buffer,
  normalise: Normalise,
  message?: MessageType<unknown>,
): void {
  const seen = new SeenFrames();
  seen.read(bytes);
  const streams = new Map<number, string[]>();
  const messages = new Map<number, Buffer>();
  for (const frame of seen.frames) {
    if (message !== undefined && frame.type === frameType.data) {
      messages.set(
        frame.streamId,
        Buffer.concat([messages.get(frame.streamId) ?? Buffer.alloc(0), frame.payload]),
      );
      continue;
    }
    const text = describe(frame, normalise);
    if (text === undefined) continue;
    const lines = streams.get(frame.streamId) ?? [];
    if (frame.type === frameType.headers) {
      const block = lines.filter((line) => line.startsWith('HEADERS')).length;
      const kind = block === 0 ? 'header' : `header${block + 1}`;
      const fields = Object.entries(seen.fields(frame)).map(([name, value]) => [name, value] as const);
      observeFields(into, `${prefix}.stream.${frame.streamId}.${kind}`, fields, normalise);
    }
    streams.set(frame.streamId, lines);
    const last = lines.at(-1);
    if (frame.type === frameType.data && last?.startsWith('DATA ') === true)
      lines[lines.length - 1] = last + text.slice(5);
    else lines.push(text);
  }
  for (const [stream, lines] of streams) into.set(`${prefix}.stream.${stream}`, lines.join(' / '));
  if (message === undefined) return;
  for (const [stream, data] of messages) {
    observeMessage(into, `${prefix}.stream.${stream}.message`, message, data, normalise);
  }
}

function describe(frame: SeenFrame, normalise: Normalise): string | undefined {
  const { type, flags, payload } = frame;
  const end = (flags & frameFlag.endStream) === 0 ? '' : ' END';
  switch (type) {
    case frameType.headers:
      return `HEADERS${end}`;
    case frameType.data:
      return `DATA ${oneLine(normalise(payload.toString('latin1')))}${end}`;
    case frameType.rstStream:
      return `RST_STREAM ${payload.readUInt32BE(0)}`;
    case frameType.goaway:
      return `GOAWAY last=${payload.readUInt32BE(0)} code=${payload.readUInt32BE(4)}`;
    case frameType.settings:
    case frameType.windowUpdate:
    case frameType.ping:
      return undefined;
    default:
      return `frame of type ${type}`;
  }
}

function readLine(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { line };
  }
}

/** Lines of the access log, one value for each operator; one that is no JSON is a value. */
export function observeLog(into: Observation, text: string, normalise: Normalise): void {
  const lines = text.split('\n').filter((line) => line !== '');
  lines.forEach((line, index) => {
    const values = readLine(line);
    for (const [name, value] of Object.entries(values)) {
      const shown = typeof value === 'string' ? value : value === null ? '-' : JSON.stringify(value);
      const isTime = name.endsWith('_duration') && /^\d+$/.test(shown);
      const isMoment = name === 'time' && /^\d{4}-\d\d-\d\dT/.test(shown);
      const isRandom = name.endsWith('session_id') && /^[0-9a-f]{64}$/.test(shown);
      into.set(
        `log.${index + 1}.${name}`,
        isTime ? '<ms>' : isMoment ? '<time>' : isRandom ? '<64 digits>' : normalise(shown),
      );
    }
  });
}

/** What a proxy counts of itself, or of its reading of this. */
const ownStats =
  /^(?:server|runtime|filesystem|access_log_file|access_logs|main_thread|workers|http\.admin|listener\.admin|cluster_manager|listener_manager|dns|thread|overload|http1?\.metadata)\b|\.worker_\d+\.|_bytes_(?:total|buffered|sent|received)\b|_length_ms$/;

/** The counters and gauges of `/stats`, but for {@link ownStats}; histograms are left out. */
export function readStats(text: string): Map<string, number> {
  const stats = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(.*): (\d+)$/.exec(line) ?? [];
    if (name !== undefined && !ownStats.test(name)) stats.set(name, Number(value));
  }
  return stats;
}

/** How statistics changed, by their names. */
export function observeStats(
  into: Observation,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  normalise: Normalise,
): void {
  for (const [name, value] of after) {
    const change = value - (before.get(name) ?? 0);
    if (change === 0) continue;
    into.set(`stat.${normalise(name)}`, change > 0 ? `+${change}` : String(change));
  }
}
