const html = 'text/html; charset=utf-8';

const form = `<!doctype html>
<html lang="en"><title>Order</title>
<form method="post" action="/post">
<p><label>Name <input name="custname"></label></p>
<p><label>Comments <textarea name="comments"></textarea></label></p>
<p><button>Submit order</button></p>
</form></html>
`;

/** The fixed answers. */
export const documents = {
  index: {
    type: html,
    text: `<!doctype html>
<html lang="en"><title>httpbin</title>
<h1>httpbin</h1>
<p>Answers with what a client sent, and on demand with statuses, delays, redirects, cookies, streams and compressed bodies:
<a href="/get">/get</a>, <a href="/headers">/headers</a>, <a href="/status/418">/status/418</a>, <a href="/delay/1">/delay/1</a>.</p>
</html>
`,
  },
  html: {
    type: html,
    text: '<!doctype html>\n<html lang="en"><title>A page</title>\n<h1>A page</h1>\n<p>There is little on it, on purpose.</p>\n</html>\n',
  },
  json: {
    type: 'application/json',
    text: '{\n  "slideshow": {\n    "title": "A slide show",\n    "slides": [{ "title": "One", "type": "all" }, { "title": "Two", "type": "all", "items": ["a", "b"] }]\n  }\n}\n',
  },
  xml: {
    type: 'application/xml',
    text: '<?xml version="1.0" encoding="utf-8"?>\n<slideshow title="A slide show">\n  <slide type="all"><title>One</title></slide>\n</slideshow>\n',
  },
  robots: { type: 'text/plain', text: 'User-agent: *\nDisallow: /deny\n' },
  deny: { type: 'text/plain', text: 'You should not be here.\n' },
  utf8: {
    type: html,
    text: '<!doctype html>\n<meta charset="utf-8">\n<p>Ελληνικά, русский, 中文, العربية, ∮ E·da = Q</p>\n',
  },
  svg: {
    type: 'image/svg+xml',
    text: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><path d="M2 9V1l6 6H2z" fill="#33518b"/></svg>\n',
  },
  form: { type: html, text: form },
} as const;
