import { http2Codes } from './http2-codes.ts';

/** gRPC's status codes in the order of their numbers. */
export const grpcCodes = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type GrpcCode = (typeof grpcCodes)[number];

/** Number of a code, as `grpc-status` carries it. */
export function grpcCodeNumber(code: GrpcCode): number {
  return grpcCodes.indexOf(code);
}

/** Code of a `grpc-status` header; UNKNOWN for what is not a known number. */
export function grpcCodeOf(status: string | number): GrpcCode {
  return grpcCodes[Number(status)] ?? 'UNKNOWN';
}

/** How a call ended other than with OK; the only error that this transport gives to its users. */
export class GrpcError extends Error {
  readonly code: Exclude<GrpcCode, 'OK'>;

  constructor(code: Exclude<GrpcCode, 'OK'>, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GrpcError';
    this.code = code;
  }
}

/** The error for a status; undefined for OK. */
export function errorOfStatus(code: GrpcCode, message: string): GrpcError | undefined {
  return code === 'OK' ? undefined : new GrpcError(code, message);
}

/** What a thrown value says to the peer; anything but a {@link GrpcError} is a bug and shows no details. */
export function grpcErrorOf(thrown: unknown): GrpcError {
  return thrown instanceof GrpcError
    ? thrown
    : new GrpcError('INTERNAL', 'internal error', { cause: thrown });
}

/** Status of a response that is no gRPC response, from its HTTP status (gRPC's http-grpc-status-mapping). */
export function grpcCodeOfHttp(status: number): Exclude<GrpcCode, 'OK'> {
  switch (status) {
    case 400:
      return 'INTERNAL';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'UNIMPLEMENTED';
    case 429:
    case 502:
    case 503:
    case 504:
      return 'UNAVAILABLE';
    default:
      return 'UNKNOWN';
  }
}

/** Status of a stream that was reset, from HTTP/2's error code (gRPC over HTTP2, section Errors). */
export function grpcCodeOfReset(rstCode: number): Exclude<GrpcCode, 'OK'> {
  switch (rstCode) {
    case http2Codes.cancel:
      return 'CANCELLED';
    case http2Codes.refusedStream:
      return 'UNAVAILABLE';
    case http2Codes.enhanceYourCalm:
      return 'RESOURCE_EXHAUSTED';
    case http2Codes.inadequateSecurity:
      return 'PERMISSION_DENIED';
    default:
      return 'INTERNAL';
  }
}

/** `grpc-message`: printable ASCII as it is, all else (and `%`) percent-encoded. */
export function encodeGrpcMessage(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message)) {
    text +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** The text of a `grpc-message`; what is not well encoded is kept as it came. */
export function decodeGrpcMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
