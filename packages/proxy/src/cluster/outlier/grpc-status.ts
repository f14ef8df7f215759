/** HTTP statuses by gRPC status, from 0 (OK) to 16 (UNAUTHENTICATED), as Envoy maps them. */
const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** The HTTP status that a gRPC status counts as. */
export function httpStatusOfGrpc(grpcStatus: string): number {
  return httpStatuses[Number(grpcStatus)] ?? 500;
}
