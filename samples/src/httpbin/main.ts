// httpbin's paths: a service that answers with whatever a test of a client or a proxy wants to see.
import { portOr, sendText, serve } from '../serve/serve.ts';
import { routes } from './routes.ts';

serve('httpbin', portOr(80), async (call) => {
  for (const { pattern, methods, handle } of routes) {
    const match = pattern.exec(call.url.pathname);
    if (match === null) continue;
    if (methods !== 'any' && !methods.includes(call.method)) {
      call.response.setHeader('allow', methods.join(', '));
      return sendText(call.response, 405, 'method not allowed\n');
    }
    return handle(call, match.slice(1).map(decodeURIComponent));
  }
  return sendText(call.response, 404, 'not found\n');
});
