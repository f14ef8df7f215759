import type { IncomingHttpHeaders } from 'node:http';
import type { UserInfo } from '../registry/request-context.ts';

/** A call of the API, wherever it came from. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly user: UserInfo;
  /** Reads the whole body; rejects where it is too large. */
  body(): Promise<Buffer>;
}

/** Where the parts of a streamed answer go. */
export interface ResponseSink {
  /** False where the client is slow and `drained` should be awaited. */
  write(chunk: string | Buffer): boolean;
  drained(): Promise<void>;
  end(): void;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

export type ApiResponse =
  | {
      readonly kind: 'whole';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string | Buffer;
      readonly warnings?: readonly string[];
    }
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[]>>;
      readonly run: (sink: ResponseSink) => Promise<void>;
      readonly warnings?: readonly string[];
    };

/** An answer in JSON. */
export function jsonResponse(status: number, value: unknown, warnings: readonly string[] = []): ApiResponse {
  return {
    kind: 'whole',
    status,
    headers: { 'content-type': 'application/json' },
    body: typeof value === 'string' ? value : JSON.stringify(value),
    warnings,
  };
}

/** An answer in plain text. */
export function textResponse(status: number, text: string): ApiResponse {
  return { kind: 'whole', status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text };
}
