import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpGetAction } from '@lateen/kube';
import type { ProbeOutcome, ProbeTarget } from './probe-target.ts';

/** Asks a container over HTTP; any answer from 200 to 399 is good. */
export function probeHttp(
  action: HttpGetAction,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const port = target.portNumber(action.port);
  if (port === undefined) {
    return Promise.resolve({ ok: false, message: `the container has no port named "${action.port}"` });
  }
  const host = action.host ?? target.podIP;
  const path = action.path ?? '/';
  const secure = action.scheme === 'HTTPS';
  const headers: Record<string, string> = {
    'user-agent': 'kube-probe/1.32',
    accept: '*/*',
    connection: 'close',
  };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path.startsWith('/') ? '' : '/'}${path}`;
  return new Promise((resolve) => {
    const answered = (response: IncomingMessage): void => {
      const status = response.statusCode ?? 0;
      response.destroy();
      if (status >= 200 && status < 400) resolve({ ok: true });
      else resolve({ ok: false, message: `HTTP probe failed with statuscode: ${status}` });
    };
    const common = { host, port, path, headers, agent: false } as const;
    // A probe asks whether the program answers, not who it is.
    const request = secure
      ? httpsRequest({ ...common, rejectUnauthorized: false }, answered)
      : httpRequest(common, answered);
    const deadline = target.clock.after(timeoutMs, () => {
      const why = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
      request.destroy(new Error(why));
    });
    request.on('error', (error) => resolve({ ok: false, message: `Get "${url}": ${error.message}` }));
    request.on('close', () => deadline.cancel());
    request.end();
  });
}
