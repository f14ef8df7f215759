import type { IncomingHttpHeaders } from 'node:http2';

/** Headers or trailers of a call: lower-case names; names that end in `-bin` hold base64. */
export type Metadata = Readonly<Record<string, string>>;

const own =
  /^(:|grpc-(status|message|timeout|encoding|accept-encoding)$|te$|content-type$|user-agent$|connection$)/;

/** The metadata among HTTP headers: without those that belong to gRPC or HTTP themselves. */
export function metadataOf(headers: IncomingHttpHeaders): Metadata {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || own.test(name)) continue;
    metadata[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return metadata;
}

/** `grpc-timeout` of a deadline that is so far away. */
export function formatTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  // At most eight digits.
  if (whole < 1e8) return `${whole}m`;
  return `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout`; undefined where it is malformed. */
export function parseTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
}
