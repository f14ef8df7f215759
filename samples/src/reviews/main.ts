// Bookinfo's reviews. Version v1 shows no stars, v2 black ones, v3 red ones, which it gets from ratings.
import { hostname } from 'node:os';
import { callService, serviceHost } from '../serve/call.ts';
import { propagatedHeaders } from '../serve/propagate.ts';
import { portOr, sendJson, sendText, serve } from '../serve/serve.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';
const withStars = (process.env['ENABLE_RATINGS'] ?? String(version !== 'v1')) === 'true';
const color = process.env['STAR_COLOR'] ?? (version === 'v3' ? 'red' : 'black');
const ratingsUrl = `http://${serviceHost('RATINGS', 'ratings')}:${process.env['RATINGS_SERVICE_PORT_HTTP'] ?? 9080}/ratings`;
// Black stars wait long and red ones do not: the difference is what a delay fault makes visible.
const timeoutMs = color === 'black' ? 10_000 : 2_500;

const texts = [
  [
    'Reviewer1',
    'A play that laughs at its own confusion, and takes the audience along. Every twin is worth the ticket.',
  ],
  [
    'Reviewer2',
    'Two pairs of twins, one city, no plan at all. I lost count in the second act and enjoyed every minute.',
  ],
] as const;

type Stars = Record<string, number>;

async function fetchStars(id: string, headers: Record<string, string>): Promise<Stars | undefined> {
  try {
    const answer = await callService(`${ratingsUrl}/${id}`, headers, timeoutMs);
    if (answer.status !== 200) return undefined;
    return (JSON.parse(answer.body) as { ratings?: Stars }).ratings;
  } catch (error) {
    process.stderr.write(`reviews: no ratings: ${String(error)}\n`);
    return undefined;
  }
}

function ratingOf(stars: Stars | undefined, reviewer: string): unknown {
  const count = stars?.[reviewer];
  return count === undefined
    ? { error: 'Ratings service is currently unavailable' }
    : { stars: count, color };
}

serve('reviews', portOr(9080), async ({ request, response, url }) => {
  if (url.pathname === '/health') return sendJson(response, 200, { status: 'Reviews is healthy' });
  const [, id] = /^\/reviews\/(\d+)$/.exec(url.pathname) ?? [];
  if (id === undefined) return sendText(response, 404, 'not found\n');
  const stars = withStars ? await fetchStars(id, propagatedHeaders(request.headers)) : undefined;
  return sendJson(response, 200, {
    id,
    podname: process.env['POD_NAME'] ?? hostname(),
    clustername: process.env['CLUSTER_NAME'] ?? 'Kubernetes',
    reviews: texts.map(([reviewer, text]) =>
      withStars ? { reviewer, text, rating: ratingOf(stars, reviewer) } : { reviewer, text },
    ),
  });
});
