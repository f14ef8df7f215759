// Bookinfo's ratings: how many stars each reviewer gave.
import { portOr, sendJson, sendText, serve } from '../serve/serve.ts';

const stars = new Map<number, Record<string, number>>();

function ratingsOf(id: number): Record<string, number> {
  return stars.get(id) ?? { Reviewer1: 5, Reviewer2: 4 };
}

/** The ratings in a request's body; undefined where it is no object of numbers from 1 to 5. */
function parseRatings(body: Buffer): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const good = Object.values(value).every((n) => Number.isInteger(n) && n >= 1 && n <= 5);
    return good ? (value as Record<string, number>) : undefined;
  } catch {
    return undefined;
  }
}

serve('ratings', portOr(9080), async ({ method, response, url, body }) => {
  if (url.pathname === '/health') return sendJson(response, 200, { status: 'Ratings is healthy' });
  const [, text] = /^\/ratings\/([^/]+)$/.exec(url.pathname) ?? [];
  if (text === undefined) return sendText(response, 404, 'not found\n');
  const id = Number(text);
  if (!Number.isInteger(id)) return sendJson(response, 400, { error: 'please provide numeric product ID' });
  if (method === 'POST') {
    const ratings = parseRatings(await body());
    if (ratings === undefined) {
      return sendJson(response, 400, { error: 'please provide valid ratings JSON: {"name": 1 to 5}' });
    }
    stars.set(id, { ...ratingsOf(id), ...ratings });
  } else if (method !== 'GET' && method !== 'HEAD') return sendText(response, 405, 'method not allowed\n');
  return sendJson(response, 200, { id, ratings: ratingsOf(id) });
});
