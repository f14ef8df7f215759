/** A request, byte for byte, and what is to become of it. */
export interface RequestCase {
  readonly what: string;
  /** One character a byte. Another request follows on the same connection. */
  readonly bytes: string;
  /**
   * The status with which it is refused, after which the connection ends; or what the endpoint gets, as
   * `METHOD target host "body"` with ` name=value` for each `x-` header and ` +name=value` for each trailer.
   */
  readonly verdict: number | string;
  /** In a connection manager that is less strict. */
  readonly lenient?: boolean;
}

const get = (target: string, ...lines: readonly string[]): string =>
  `GET ${target} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const post = (body: string, ...lines: readonly string[]): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
const chunked = (body: string, ...lines: readonly string[]): string =>
  post(body, 'Transfer-Encoding: chunked', ...lines);
const plainGet = 'GET / a ""';

function cases(
  group: string,
  list: readonly (readonly [what: string, bytes: string, verdict: number | string])[],
  lenient = false,
): RequestCase[] {
  return list.map(([what, bytes, verdict]) => ({
    what: `${group}: ${what}`,
    bytes,
    verdict,
    ...(lenient ? { lenient } : {}),
  }));
}

const lengths = cases('content-length', [
  ['one', post('abc', 'Content-Length: 3'), 'POST / a "abc"'],
  ['none', post(''), 'POST / a ""'],
  ['zero', post('', 'Content-Length: 0'), 'POST / a ""'],
  ['leading zeros', post('abc', 'Content-Length: 003'), 'POST / a "abc"'],
  ['white space around', post('abc', 'Content-Length: \t 3 \t'), 'POST / a "abc"'],
  ['in another case', post('abc', 'CONTENT-LENGTH: 3'), 'POST / a "abc"'],
  ['with GET', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', 'GET / a "abc"'],
  ['twice the same', post('abc', 'Content-Length: 3', 'Content-Length: 3'), 400],
  ['twice different', post('abc', 'Content-Length: 3', 'Content-Length: 0'), 400],
  ['twice in other cases', post('abc', 'Content-Length: 3', 'content-LENGTH: 3'), 400],
  ['a list of the same', post('abc', 'Content-Length: 3, 3'), 400],
  ['a list of different ones', post('abc', 'Content-Length: 3, 4'), 400],
  ['a trailing comma', post('abc', 'Content-Length: 3,'), 400],
  ['a plus', post('abc', 'Content-Length: +3'), 400],
  ['a minus', post('abc', 'Content-Length: -3'), 400],
  ['minus zero', post('', 'Content-Length: -0'), 400],
  ['hexadecimal', post('abc', 'Content-Length: 0x3'), 400],
  ['octal', post('abc', 'Content-Length: 0o3'), 400],
  ['a fraction', post('abc', 'Content-Length: 3.0'), 400],
  ['an exponent', post('abc', 'Content-Length: 3e0'), 400],
  ['in quotes', post('abc', 'Content-Length: "3"'), 400],
  ['empty', post('abc', 'Content-Length:'), 400],
  ['only white space', post('abc', 'Content-Length:   '), 400],
  ['white space within', post('abc', 'Content-Length: 3 3'), 400],
  ['a letter after it', post('abc', 'Content-Length: 3a'), 400],
  ['a form feed after it', post('abc', 'Content-Length: 3\f'), 400],
  ['2^63', post('', 'Content-Length: 9223372036854775808'), 400],
  ['2^64', post('', 'Content-Length: 18446744073709551616'), 400],
  ['2^64 and three', post('abc', 'Content-Length: 18446744073709551619'), 400],
  ['a thousand digits', post('', `Content-Length: ${'9'.repeat(1_000)}`), 400],
  ['Arabic digits', post('', 'Content-Length: \xd9\xa3'), 400],
  ['two framings', post('0\r\n\r\n', 'Content-Length: 5', 'Transfer-Encoding: chunked'), 400],
  [
    'two framings, the other way round',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked', 'Content-Length: 5'),
    400,
  ],
  [
    'two framings with a length of zero',
    post('0\r\n\r\n', 'Content-Length: 0', 'Transfer-Encoding: chunked'),
    400,
  ],
  [
    'two framings where the coding is not known',
    post('', 'Content-Length: 0', 'Transfer-Encoding: xchunked'),
    400,
  ],
]);

const codings = cases('transfer-encoding', [
  ['chunked', chunked('3\r\nabc\r\n0\r\n\r\n'), 'POST / a "abc"'],
  ['in another case', post('3\r\nabc\r\n0\r\n\r\n', 'transfer-encoding: CHUNKED'), 'POST / a "abc"'],
  ['white space around', post('0\r\n\r\n', 'Transfer-Encoding:\tchunked \t'), 'POST / a ""'],
  ['another coding', post('', 'Transfer-Encoding: gzip'), 501],
  ['nearly chunked', post('', 'Transfer-Encoding: xchunked'), 501],
  ['identity', post('', 'Transfer-Encoding: identity'), 501],
  ['a coding before chunked', post('0\r\n\r\n', 'Transfer-Encoding: gzip, chunked'), 501],
  ['a coding after chunked', post('0\r\n\r\n', 'Transfer-Encoding: chunked, gzip'), 501],
  ['chunked twice in a list', post('0\r\n\r\n', 'Transfer-Encoding: chunked, chunked'), 501],
  ['chunked twice', post('0\r\n\r\n', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 501],
  [
    'chunked, and another',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
    501,
  ],
  ['an empty item', post('0\r\n\r\n', 'Transfer-Encoding: ,chunked'), 501],
  ['a parameter', post('0\r\n\r\n', 'Transfer-Encoding: chunked;q=1'), 501],
  ['in quotes', post('0\r\n\r\n', 'Transfer-Encoding: "chunked"'), 501],
  ['empty', post('', 'Transfer-Encoding:'), 501],
  ['a vertical tab before', post('', 'Transfer-Encoding: \vchunked'), 400],
  ['a NUL after', post('', 'Transfer-Encoding: chunked\0'), 400],
  ['a space in the name', post('0\r\n\r\n', 'Transfer-Encoding : chunked'), 400],
  ['a tab before the colon', post('0\r\n\r\n', 'Transfer-Encoding\t: chunked'), 400],
  ['a folded value', post('0\r\n\r\n', 'Transfer-Encoding:\r\n chunked'), 400],
  ['behind a bare line feed', post('0\r\n\r\n', 'X: y\nTransfer-Encoding: chunked'), 400],
  ['behind a bare carriage return', post('0\r\n\r\n', 'X: y\rTransfer-Encoding: chunked'), 400],
  ['an underscore in the name', post('', 'Transfer_Encoding: chunked'), 'POST / a ""'],
  ['in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 426],
]);

const chunks = cases('chunks', [
  ['an extension', chunked('3;a=b\r\nabc\r\n0\r\n\r\n'), 'POST / a "abc"'],
  ['a quoted extension', chunked('3;a="b;c"\r\nabc\r\n0\r\n\r\n'), 'POST / a "abc"'],
  ['leading zeros', chunked('0003\r\nabc\r\n000\r\n\r\n'), 'POST / a "abc"'],
  ['upper-case digits', chunked('A\r\n0123456789\r\n0\r\n\r\n'), 'POST / a "0123456789"'],
  ['a request in a chunk', chunked('1d\r\nGET /inner HTTP/1.1\r\nHost: i\r\n0\r\n\r\n'), 400],
  ['0x', chunked('0x3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a plus', chunked('+3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a minus', chunked('-3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a space before', chunked(' 3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a space after', chunked('3 \r\nabc\r\n0\r\n\r\n'), 400],
  ['a tab after', chunked('3\t\r\nabc\r\n0\r\n\r\n'), 400],
  ['an underscore', chunked('1_0\r\nabc\r\n0\r\n\r\n'), 400],
  ['a letter that is no digit', chunked('g\r\nabc\r\n0\r\n\r\n'), 400],
  ['no digit', chunked('\r\nabc\r\n0\r\n\r\n'), 400],
  ['no digit before an extension', chunked(';a\r\nabc\r\n0\r\n\r\n'), 400],
  ['2^32 and three', chunked('100000003\r\nabc\r\n0\r\n\r\n'.replace('100000003', '1000000000003')), 400],
  ['2^64 and three', chunked('10000000000000003\r\nabc\r\n0\r\n\r\n'), 400],
  ['a hundred zeros', chunked(`${'0'.repeat(100)}3\r\nabc\r\n0\r\n\r\n`), 400],
  ['a bare line feed after the size', chunked('3\nabc\r\n0\r\n\r\n'), 400],
  ['a bare carriage return after the size', chunked('3\rabc\r\n0\r\n\r\n'), 400],
  ['a bare line feed in an extension', chunked('3;a\nabc\r\n0\r\n\r\n'), 400],
  ['a bare carriage return in an extension', chunked('3;a\rb\r\nabc\r\n0\r\n\r\n'), 400],
  ['a control character in an extension', chunked('3;\x01\r\nabc\r\n0\r\n\r\n'), 400],
  ['an extension without end', chunked(`3;${'a'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`), 400],
  ['no line break after the data', chunked('3\r\nabc0\r\n\r\n'), 400],
  ['a bare line feed after the data', chunked('3\r\nabc\n0\r\n\r\n'), 400],
  ['data longer than its size', chunked('3\r\nabcd\r\n0\r\n\r\n'), 400],
  ['a bare line feed at the end', chunked('0\r\n\n'), 400],
  ['a trailer', chunked('0\r\nX-Sum: 1\r\n\r\n'), 'POST / a "" +x-sum=1'],
  ['a folded trailer', chunked('0\r\nX-Sum: 1\r\n 2\r\n\r\n'), 400],
  ['a trailer without colon', chunked('0\r\nnothing\r\n\r\n'), 400],
  ['a space before the colon of a trailer', chunked('0\r\nX-Sum : 1\r\n\r\n'), 400],
  ['a length in the trailers', chunked('0\r\nContent-Length: 5\r\nX-Sum: 1\r\n\r\n'), 'POST / a "" +x-sum=1'],
  [
    'a coding in the trailers',
    chunked('0\r\nTransfer-Encoding: chunked\r\nX-Sum: 1\r\n\r\n'),
    'POST / a "" +x-sum=1',
  ],
  ['a host in the trailers', chunked('0\r\nHost: b\r\nX-Sum: 1\r\n\r\n'), 'POST / a "" +x-sum=1'],
  ['trailers without end', chunked(`0\r\n${`X-Sum: ${'1'.repeat(500)}\r\n`.repeat(50)}\r\n`), 400],
]);

const lines = cases('lines', [
  ['a folded header', get('/', 'Host: a', 'X-A: b', ' c'), 400],
  ['a first header that is folded', get('/', ' Host: a'), 400],
  ['a header that begins with a tab', get('/', 'Host: a', '\tX-A: b'), 400],
  ['a bare line feed after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['a bare line feed after a header', 'GET / HTTP/1.1\r\nHost: a\n\r\n', 400],
  ['a bare line feed at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['only bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['a bare carriage return at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\rX', 400],
  ['a bare carriage return in a value', get('/', 'Host: a', 'X-A: b\rc'), 400],
  ['two carriage returns', 'GET / HTTP/1.1\r\r\nHost: a\r\n\r\n', 400],
  ['a NUL in a value', get('/', 'Host: a', 'X-A: b\0c'), 400],
  ['a NUL in a name', get('/', 'Host: a', 'X\0A: b'), 400],
  ['a DEL in a value', get('/', 'Host: a', 'X-A: b\x7f'), 400],
  ['an escape in a value', get('/', 'Host: a', 'X-A: \x1b[2J'), 400],
  ['a tab in a value', get('/', 'Host: a', 'X-A: b\tc'), `${plainGet} x-a=b\tc`],
  ['bytes above 127 in a value', get('/', 'Host: a', 'X-A: \xe4\xff'), `${plainGet} x-a=\xe4\xff`],
  ['bytes above 127 in a name', get('/', 'Host: a', 'X-\xe4: b'), 400],
  ['an empty value', get('/', 'Host: a', 'X-A:'), `${plainGet} x-a=`],
  ['an empty name', get('/', 'Host: a', ': b'), 400],
  ['no colon', get('/', 'Host: a', 'X-A'), 400],
  ['a space in a name', get('/', 'Host: a', 'X A: b'), 400],
  ['a space before the colon', get('/', 'Host: a', 'X-A : b'), 400],
  ['brackets in a name', get('/', 'Host: a', 'X(A): b'), 400],
  [
    'all characters of a token',
    get('/', 'Host: a', "X-!#$%&'*+.^_`|~9: b"),
    `${plainGet} x-!#$%&'*+.^_\`|~9=b`,
  ],
  ['a colon in a value', get('/', 'Host: a', 'X-A: b: c'), `${plainGet} x-a=b: c`],
  ['an empty line before', `\r\n${get('/', 'Host: a')}`, plainGet],
  ['two empty lines before', `\r\n\r\n${get('/', 'Host: a')}`, 400],
  ['a bare line feed before', `\n${get('/', 'Host: a')}`, 400],
  ['a space before', ` ${get('/', 'Host: a')}`, 400],
  [
    'a hundred headers and one',
    get('/', 'Host: a', ...Array.from({ length: 100 }, (_, i) => `X-${i}: b`)),
    431,
  ],
  ['a value beyond the limit', get('/', 'Host: a', `X-A: ${'b'.repeat(70_000)}`), 431],
  ['a name beyond the limit', get('/', 'Host: a', `${'X'.repeat(70_000)}: b`), 431],
]);

const requestLines = cases('request line', [
  ['a target beyond the limit', get(`/${'a'.repeat(70_000)}`, 'Host: a'), 431],
  ['two spaces after the method', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['two spaces after the target', 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a space at the end', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
  ['a tab', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a form feed', 'GET\f/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['no target', 'GET HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /\r\n', 400],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.10', 'GET / HTTP/1.10\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.01', 'GET / HTTP/1.01\r\nHost: a\r\n\r\n', 400],
  ['HTTP/01.1', 'GET / HTTP/01.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1', 'GET / HTTP/1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1,1', 'GET / HTTP/1,1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', 426],
  ['small letters', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
  ['another protocol', 'GET / ICE/1.1\r\nHost: a\r\n\r\n', 400],
  ['a preface of HTTP/2 that is cut short', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 400],
  ['a method in small letters', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a method that is no token', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a method with a colon', 'GET: / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a method with a byte above 127', 'G\xcbT / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a space in the target', get('/a b', 'Host: a'), 400],
  ['a version in the target', get('/ HTTP/1.1', 'Host: a'), 400],
  ['a tab in the target', get('/a\tb', 'Host: a'), 400],
  ['a NUL in the target', get('/a\0b', 'Host: a'), 400],
  ['a carriage return in the target', get('/a\rb', 'Host: a'), 400],
  ['a fragment', get('/a#b', 'Host: a'), 400],
  ['a relative target', get('a', 'Host: a'), 400],
  ['an asterisk for GET', get('*', 'Host: a'), 400],
  ['only a query', get('?a=b', 'Host: a'), 400],
  ['an asterisk for OPTIONS', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 404],
  ['a method that is registered', 'PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n', 'PROPFIND / a ""'],
]);

const hosts = cases('host', [
  ['none', get('/'), 400],
  ['empty', get('/', 'Host:'), 'GET /  ""'],
  ['twice', get('/', 'Host: a', 'Host: b'), 400],
  ['twice the same', get('/', 'Host: a', 'Host: a'), 400],
  ['a list', get('/', 'Host: a, b'), 400],
  ['with a path', get('/', 'Host: a/b'), 400],
  ['with a query', get('/', 'Host: a?b'), 400],
  ['with a user', get('/', 'Host: user@a'), 400],
  ['with a space', get('/', 'Host: a b'), 400],
  ['with a backslash', get('/', 'Host: a\\b'), 400],
  ['with a byte above 127', get('/', 'Host: \xe4'), 400],
  ['with a port', get('/', 'Host: a:80'), 'GET / a:80 ""'],
  ['an address of version 6', get('/', 'Host: [::1]:80'), 'GET / [::1]:80 ""'],
  ['in the target', get('http://b/x', 'Host: b'), 'GET /x b ""'],
  ['another one in the target', get('http://b/x', 'Host: a'), 'GET /x b ""'],
  ['only in the target', get('http://b/x'), 'GET /x b ""'],
  ['in the target without a path', get('http://b', 'Host: a'), 'GET / b ""'],
  ['in the target with a query', get('http://b?c=d', 'Host: a'), 'GET /?c=d b ""'],
  ['in the target with a user', get('http://user@b/', 'Host: a'), 400],
  ['empty in the target', get('http:///x', 'Host: a'), 400],
  ['of another scheme', get('ftp://b/x', 'Host: a'), 400],
  ['behind a space', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
]);

const hopByHop = cases('connection', [
  ['names a header', get('/', 'Host: a', 'Connection: x-a', 'X-A: b', 'X-C: d'), `${plainGet} x-c=d`],
  ['names a header in another case', get('/', 'Host: a', 'Connection: X-a', 'x-A: b'), plainGet],
  ['names host', get('/', 'Host: a', 'Connection: host'), 400],
  ['names content-length', post('abc', 'Content-Length: 3', 'Connection: content-length'), 'POST / a "abc"'],
  [
    'names transfer-encoding',
    chunked('3\r\nabc\r\n0\r\n\r\n', 'Connection: transfer-encoding'),
    'POST / a "abc"',
  ],
  ['names x-forwarded-proto', get('/', 'Host: a', 'Connection: x-forwarded-proto', 'X-A: b'), 400],
  [
    'is taken off',
    get('/', 'Host: a', 'Connection: keep-alive', 'Keep-Alive: 5', 'Proxy-Connection: x', 'X-A: b'),
    `${plainGet} x-a=b`,
  ],
  ['names nothing', get('/', 'Host: a', 'Connection: ,,', 'X-A: b'), `${plainGet} x-a=b`],
  [
    'asks for HTTP/2',
    get('/', 'Host: a', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
    plainGet,
  ],
  [
    'asks for an upgrade that is not allowed',
    get('/', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'),
    403,
  ],
  [
    'asks for an upgrade, and has a body',
    post('0\r\n\r\n', 'Connection: Upgrade', 'Upgrade: websocket', 'Transfer-Encoding: chunked'),
    400,
  ],
  ['a tunnel', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', 404],
  ['a tunnel to no port', 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a tunnel to a path', 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
]);

const lenient = cases(
  'where it is allowed',
  [
    ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n', plainGet],
    ['HTTP/1.0 without host', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'GET / fallback ""'],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    [
      'both framings',
      post('3\r\nabc\r\n0\r\n\r\n', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      'POST / a "abc"',
    ],
    [
      'both framings and a list',
      post('0\r\n\r\n', 'Content-Length: 5', 'Transfer-Encoding: gzip, chunked'),
      400,
    ],
    [
      'both framings and two lengths',
      post('0\r\n\r\n', 'Content-Length: 5', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      400,
    ],
  ],
  true,
);

/** Requests by which proxies and endpoints have been led to disagree, and their well-behaved neighbours. */
export const requestCorpus: readonly RequestCase[] = [
  ...lengths,
  ...codings,
  ...chunks,
  ...lines,
  ...requestLines,
  ...hosts,
  ...hopByHop,
  ...lenient,
];
