// The tutorial's application: shows its environment, and fetches pages for whoever asks.
import { callService } from '../serve/call.ts';
import { propagatedHeaders } from '../serve/propagate.ts';
import { portOr, sendJson, sendText, serve } from '../serve/serve.ts';

serve('flaskapp', portOr(80), async ({ request, response, url }) => {
  if (url.pathname === '/')
    return sendText(response, 200, 'flaskapp: /env, /env/NAME, /fetch?url=URL, /headers\n');
  if (url.pathname === '/env') return sendJson(response, 200, process.env);
  if (url.pathname === '/headers') return sendJson(response, 200, request.headers);
  if (url.pathname === '/healthz') return sendText(response, 200, 'ok\n');
  const [, name] = /^\/env\/([^/]+)$/.exec(url.pathname) ?? [];
  if (name !== undefined) {
    const value = process.env[decodeURIComponent(name)];
    return value === undefined ? sendText(response, 404, 'not set') : sendText(response, 200, value);
  }
  if (url.pathname === '/fetch') {
    const target = url.searchParams.get('url');
    if (target === null || !target.startsWith('http://')) {
      return sendText(response, 400, 'give a page to fetch as ?url=http://…\n');
    }
    try {
      const answer = await callService(target, propagatedHeaders(request.headers), 30_000);
      return sendText(response, answer.status, answer.body);
    } catch (error) {
      return sendText(response, 502, `${target}: ${String(error)}\n`);
    }
  }
  return sendText(response, 404, 'not found\n');
});
