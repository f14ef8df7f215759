import type { HeaderBlock } from './header-block.ts';
import { names } from './header-name.ts';

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Milliseconds of `grpc-timeout: 100m` (gRPC over HTTP/2), rounded up; undefined where it is none. */
export function parseGrpcTimeout(text: string | undefined): number | undefined {
  const found = text === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(text);
  if (found === null) return undefined;
  return Math.ceil(Number(found[1]) * (unitMs[found[2] as string] as number));
}

/** The value of the header for so many milliseconds. */
export function formatGrpcTimeout(ms: number): string {
  return ms < 100_000_000 ? `${ms}m` : `${Math.min(99_999_999, Math.ceil(ms / 1_000))}S`;
}

const grpcType = 'application/grpc';
const plus = 43;
const semicolon = 59;

/** True for the content type of gRPC: `application/grpc`, `application/grpc+proto`, `application/grpc;charset=utf-8`. */
export function isGrpc(headers: HeaderBlock): boolean {
  const line = headers.find(names.contentType);
  if (line < 0 || !headers.valueStartsWith(line, grpcType)) return false;
  const next = headers.valueStart(line) + grpcType.length;
  // Several lines are one value with commas.
  if (next === headers.valueEnd(line)) return headers.find(names.contentType, line + 1) < 0;
  return headers.bytes[next] === plus || headers.bytes[next] === semicolon;
}
