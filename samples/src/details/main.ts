// Bookinfo's details: facts about a book.
import { portOr, sendJson, sendText, serve } from '../serve/serve.ts';

serve('details', portOr(9080), ({ response, url }) => {
  if (url.pathname === '/health') return sendJson(response, 200, { status: 'Details is healthy' });
  const [, id] = /^\/details\/(\d+)$/.exec(url.pathname) ?? [];
  if (id === undefined) {
    return url.pathname.startsWith('/details/')
      ? sendJson(response, 400, { error: 'please provide numeric product id' })
      : sendText(response, 404, 'not found\n');
  }
  return sendJson(response, 200, {
    id: Number(id),
    author: 'William Shakespeare',
    year: 1595,
    type: 'paperback',
    pages: 200,
    publisher: 'PublisherA',
    language: 'English',
    'ISBN-10': '1234567890',
    'ISBN-13': '123-1234567890',
  });
});
