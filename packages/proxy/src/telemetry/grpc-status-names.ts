/** The statuses of gRPC in the order of their numbers (https://grpc.io/docs/guides/status-codes/). */
const statuses = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

/** `Unavailable`, as Envoy writes it; undefined for a number that is no status. */
export function grpcStatusName(status: number): string | undefined {
  return statuses[status];
}

/** `UNAVAILABLE`. */
export function grpcStatusSnake(status: number): string | undefined {
  return statuses[status]?.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}
