/** `Status` of the API, the body of every answer that is an error. */
export interface KubeStatus {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  /** `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Expired`, `Forbidden`, … */
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
    readonly retryAfterSeconds?: number;
  };
  readonly code?: number;
}

/** An answer of the API server that is a failure. */
export class KubeStatusError extends Error {
  readonly status: KubeStatus;

  constructor(status: KubeStatus) {
    super(status.message ?? status.reason ?? `status ${status.code}`);
    this.name = 'KubeStatusError';
    this.status = status;
  }

  get reason(): string {
    return this.status.reason ?? 'Unknown';
  }

  get httpCode(): number {
    return this.status.code ?? 500;
  }
}

/** True where the error is the API server's and has this reason. */
export function isStatus(error: unknown, reason: string): error is KubeStatusError {
  return error instanceof KubeStatusError && error.reason === reason;
}
