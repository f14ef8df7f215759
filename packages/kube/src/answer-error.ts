import { KubeStatusError, type KubeStatus } from './status-error.ts';

/** The error that an answer with a failing status code stands for; made up where the body is no `Status`. `what` was asked. */
export function statusError(code: number, text: string, what: string): KubeStatusError {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status') {
      return new KubeStatusError({ code, ...(body as KubeStatus) });
    }
  } catch {
    // Not JSON: a proxy or a load balancer answered.
  }
  const words = text.trim().slice(0, 200);
  return new KubeStatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason: reasonOf(code),
    message: `${what}: ${code}${words === '' ? '' : ` ${words}`}`,
    code,
  });
}

function reasonOf(code: number): string {
  switch (code) {
    case 400:
      return 'BadRequest';
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 405:
      return 'MethodNotAllowed';
    case 409:
      return 'Conflict';
    case 410:
      return 'Expired';
    case 413:
      return 'RequestEntityTooLarge';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    case 503:
      return 'ServiceUnavailable';
    case 504:
      return 'Timeout';
    default:
      return code >= 500 ? 'InternalError' : 'Unknown';
  }
}
