import { names } from '../codec/header-name.ts';
import type { StreamInfo } from './stream-info.ts';

/** gRPC status of an HTTP status (Envoy, `Grpc::Utility::httpToGrpcStatus`). */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** The gRPC status of a response: its own, else for a gRPC request that of its HTTP status; undefined where it has none. */
export function grpcStatusOf(info: StreamInfo): number | undefined {
  const text = info.responseTrailers?.get(names.grpcStatus) ?? info.response?.headers.get(names.grpcStatus);
  if (text !== undefined) return text === '' ? undefined : Number(text);
  if (info.status === 0 || info.status === 200) return undefined;
  const type = info.request?.headers.get(names.contentType);
  return type?.startsWith('application/grpc') === true ? grpcStatusOfHttp(info.status) : undefined;
}
