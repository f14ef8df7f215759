// Says hello with the version and the pod that says it.
import { hostname } from 'node:os';
import { portOr, sendText, serve } from '../serve/serve.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';

serve('helloworld', portOr(5000), ({ response, url }) => {
  if (url.pathname === '/hello')
    return sendText(response, 200, `Hello version: ${version}, instance: ${hostname()}\n`);
  if (url.pathname === '/health') return sendText(response, 200, `Helloworld is healthy\n`);
  return sendText(response, 404, 'not found\n');
});
