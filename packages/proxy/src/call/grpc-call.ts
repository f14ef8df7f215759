import { decode, encode, type MessageType } from '@lateen/protocol';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { names } from '../codec/header-name.ts';
import { headerValueOf } from '../codec/header-value.ts';
import type { CompiledRetryPolicy } from '../route/retry-policy.ts';
import { callHttp, type Call, type CallContext, type CallResult } from './http-call.ts';

/** Where gRPC calls of the proxy go (`envoy.config.core.v3.GrpcService` with `envoy_grpc`). */
export interface GrpcTarget {
  readonly cluster: ClusterRef;
  /** `:authority`; default the name of the cluster. */
  readonly authority?: string;
  /** Whole call; 0: none. */
  readonly timeoutMs: number;
  /** Sent with every call; names in lower case. */
  readonly metadata: readonly (readonly [string, string])[];
  /** An answer that is larger is a failure; default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** When a call is made again; undefined: never. */
  readonly retry?: CompiledRetryPolicy;
}

/** A unary method; generated services have them. */
export interface UnaryMethod<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: MessageType<Request>;
  readonly response: MessageType<Response>;
}

export type GrpcResult<Response> = { readonly kind: 'answer'; readonly message: Response } | GrpcFailure;

export interface GrpcFailure {
  readonly kind: 'failure';
  readonly timedOut: boolean;
  readonly status: number;
  readonly detail: string;
}

const prefixBytes = 5;
const unavailable = 14;
const deadlineExceeded = 4;
const internal = 13;

/** Calls a unary method of gRPC. `done` is called once, possibly before this returns. */
export function callGrpc<Request, Response>(
  context: CallContext,
  target: GrpcTarget,
  method: UnaryMethod<Request, Response>,
  message: Request,
  done: (result: GrpcResult<Response>) => void,
): Call {
  return sendGrpc(context, target, method.path, encode(method.request, message), (result) =>
    done(readAnswer(method, result)),
  );
}

/**
 * Sends one message to a method of which the answer does not matter, such as one that takes a stream of them. `done` is
 * told what went wrong; undefined where the service has answered that all is well.
 */
export function tellGrpc(
  context: CallContext,
  target: GrpcTarget,
  path: string,
  message: Uint8Array,
  done: (failure: GrpcFailure | undefined) => void,
): Call {
  return sendGrpc(context, target, path, message, (result) => done(failureOf(result)));
}

function sendGrpc(
  context: CallContext,
  target: GrpcTarget,
  path: string,
  message: Uint8Array,
  done: (result: CallResult) => void,
): Call {
  const { timeoutMs } = target;
  const headers: (readonly [string, string])[] = [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  if (timeoutMs > 0) headers.push(['grpc-timeout', `${Math.ceil(timeoutMs)}m`]);
  for (const [name, value] of target.metadata) headers.push([name, headerValueOf(value)]);
  return callHttp(
    context,
    target.cluster,
    {
      method: 'POST',
      path,
      authority: target.authority ?? target.cluster.name,
      headers,
      body: frame(message),
      version: 'HTTP/2',
      timeoutMs,
      ...(target.retry === undefined ? {} : { retry: target.retry }),
      ...(target.maxMessageBytes === undefined ? {} : { maxBodyBytes: target.maxMessageBytes + prefixBytes }),
    },
    done,
  );
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

function failed(status: number, detail: string): GrpcFailure {
  return { kind: 'failure', timedOut: status === deadlineExceeded, status, detail };
}

function failureOf(result: CallResult): GrpcFailure | undefined {
  if (result.kind === 'failure') {
    return failed(result.reason === 'timeout' ? deadlineExceeded : unavailable, result.detail);
  }
  if (result.status !== 200) return failed(unavailable, `HTTP status ${result.status}`);
  // An answer without a message has its status in the head.
  const carrier = result.trailers?.has(names.grpcStatus) === true ? result.trailers : result.headers;
  const status = Number(carrier.get(names.grpcStatus) ?? Number.NaN);
  if (!Number.isInteger(status)) return failed(internal, 'the answer has no grpc-status');
  return status === 0 ? undefined : failed(status, carrier.get(names.grpcMessage) ?? '');
}

function readAnswer<Response>(
  method: UnaryMethod<never, Response> | UnaryMethod<unknown, Response>,
  result: CallResult,
): GrpcResult<Response> {
  const failure = failureOf(result);
  if (failure !== undefined) return failure;
  if (result.kind === 'failure') throw new Error('a failure is none');
  const { body } = result;
  if (body.length < prefixBytes || body.readUInt32BE(1) !== body.length - prefixBytes) {
    return failed(internal, 'the answer does not hold one message');
  }
  if (body[0] !== 0) return failed(internal, 'the answer is compressed');
  const decoded = decode(method.response, body.subarray(prefixBytes));
  if (decoded.ok) return { kind: 'answer', message: decoded.value };
  return failed(internal, decoded.problems[0]?.message ?? 'the message cannot be read');
}
