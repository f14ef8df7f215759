// httpbin's paths: a service that answers with whatever a test of a client or a proxy wants to see.
// ACCESS_LOG=1 prints a line for each answer.
import { portOr, sendText, serve } from '../serve/serve.ts';
import { accessLine } from './access-line.ts';
import { routes } from './routes.ts';

const logs = process.env['ACCESS_LOG'] === '1';

serve('httpbin', portOr(80), async (call) => {
  if (logs) {
    call.response.on('finish', () => process.stdout.write(`${accessLine(call, new Date())}\n`));
  }
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
