// Bookinfo's front: a page made of what details and reviews answer.
import type { IncomingHttpHeaders } from 'node:http';
import { callService, serviceHost } from '../serve/call.ts';
import { propagatedHeaders } from '../serve/propagate.ts';
import { portOr, sendJson, sendText, serve, type Call } from '../serve/serve.ts';
import { indexPage, productPage, type Details, type Part, type Product, type Reviews } from './page.ts';
import { loginCookie, logoutCookie, sessionUser } from './session.ts';

const base = (name: string, service: string): string =>
  `http://${serviceHost(name, service)}:${process.env[`${name}_SERVICE_PORT_HTTP`] ?? 9080}/${service}`;
const detailsUrl = base('DETAILS', 'details');
const reviewsUrl = base('REVIEWS', 'reviews');
const ratingsUrl = base('RATINGS', 'ratings');
const html = 'text/html; charset=utf-8';

const product: Product = {
  id: 0,
  title: 'The Comedy of Errors',
  summary:
    'Two pairs of identical twins, parted by a shipwreck, spend one day in the same city and are taken for each other by everybody, their own families included. Shakespeare\u2019s shortest play.',
};

/** Headers for the calls behind the page: the trace, and the user that is logged in. */
function outgoingHeaders(incoming: IncomingHttpHeaders): Record<string, string> {
  const headers = propagatedHeaders(incoming);
  const user = sessionUser(incoming.cookie);
  if (user !== undefined) headers['end-user'] = user;
  return headers;
}

async function fetchPart<T>(url: string, headers: Record<string, string>, tries = 1): Promise<Part<T>> {
  let status = 500;
  for (let attempt = 0; attempt < tries; attempt++) {
    try {
      const answer = await callService(url, headers, 3_000);
      if (answer.status === 200) return { ok: true, value: JSON.parse(answer.body) as T };
      status = answer.status;
    } catch (error) {
      process.stderr.write(`productpage: ${url}: ${String(error)}\n`);
    }
  }
  return { ok: false, status };
}

const fetchDetails = (headers: Record<string, string>): Promise<Part<Details>> =>
  fetchPart(`${detailsUrl}/${product.id}`, headers);
// Two tries of three seconds each: with a slow ratings service this is what shows that the layers' time-outs do not fit.
const fetchReviews = (headers: Record<string, string>): Promise<Part<Reviews>> =>
  fetchPart(`${reviewsUrl}/${product.id}`, headers, 2);

function sendPart(call: Call, part: Part<unknown>, what: string): void {
  if (part.ok) sendJson(call.response, 200, part.value);
  else
    sendJson(call.response, part.status, {
      error: `Sorry, product ${what} are currently unavailable for this book.`,
    });
}

async function showPage({ request, response }: Call): Promise<void> {
  const headers = outgoingHeaders(request.headers);
  const [details, reviews] = await Promise.all([fetchDetails(headers), fetchReviews(headers)]);
  sendText(response, 200, productPage(product, sessionUser(request.headers.cookie), details, reviews), html);
}

function redirect({ response, request }: Call, cookie: string): void {
  response.writeHead(302, { location: request.headers.referer ?? '/productpage', 'set-cookie': cookie });
  response.end();
}

async function api(call: Call): Promise<void> {
  const [, id, part] =
    /^\/api\/v1\/products(?:\/(\d+)(?:\/(reviews|ratings))?)?$/.exec(call.url.pathname) ?? [];
  const headers = outgoingHeaders(call.request.headers);
  if (id === undefined) {
    return call.url.pathname === '/api/v1/products'
      ? sendJson(call.response, 200, [
          { id: product.id, title: product.title, descriptionHtml: product.summary },
        ])
      : sendText(call.response, 404, 'not found\n');
  }
  if (Number(id) !== product.id) return sendJson(call.response, 404, { error: `there is no product ${id}` });
  if (part === 'reviews') return sendPart(call, await fetchReviews(headers), 'reviews');
  if (part === 'ratings') return sendPart(call, await fetchPart(`${ratingsUrl}/${id}`, headers), 'ratings');
  return sendPart(call, await fetchDetails(headers), 'details');
}

serve('productpage', portOr(9080), async (call) => {
  const { method, request, response, url } = call;
  switch (url.pathname) {
    case '/':
    case '/index.html':
      return sendText(response, 200, indexPage(sessionUser(request.headers.cookie)), html);
    case '/health':
      return sendText(response, 200, 'Product page is healthy\n');
    case '/productpage':
      return showPage(call);
    case '/login': {
      const form = new URLSearchParams((await call.body()).toString('utf8'));
      const user = form.get('username') ?? '';
      if (method !== 'POST' || user === '')
        return sendText(response, 400, 'post a form with the field username\n');
      return redirect(call, loginCookie(user));
    }
    case '/logout':
      return redirect(call, logoutCookie);
    default:
      return url.pathname.startsWith('/api/') ? api(call) : sendText(response, 404, 'not found\n');
  }
});
