import {
  choice,
  decimal,
  described,
  duration,
  flag,
  list,
  map,
  message,
  portNumber,
  replaced,
  text,
  whole,
  type ShapeOf,
} from '../schema/shape.ts';
import { destination, headerChanges } from './destination.ts';
import { stringMatch } from './string-match.ts';

export const percent = message('A share in percent.', {
  value: decimal('From 0 to 100, with a fraction.', 0, 100),
});

export const httpMatchRequest = message('Conditions of a request; all of them must hold.', {
  name: text('Name of the match, for logs.'),
  uri: described(stringMatch, 'Path of the request, with its query for a regex.'),
  ignoreUriCase: flag('Compare the URI without regard to case; only for exact and prefix.'),
  scheme: described(stringMatch, 'Scheme of the request.'),
  method: described(stringMatch, 'Method of the request.'),
  authority: described(stringMatch, 'Host of the request.'),
  headers: map('Headers by lower-case name; an empty match asks that the header is there.', stringMatch),
  withoutHeaders: map('Headers that must not match.', stringMatch),
  queryParams: map('Query parameters by name.', stringMatch),
  port: portNumber('Port that the request was sent to.'),
  sourceLabels: map('Labels of the workload that sends the request.', text('Value.')),
  sourceNamespace: text('Namespace of the workload that sends the request.'),
  gateways: list('Gateways that the condition holds for; the route’s own where left out.', text('Gateway.')),
  statPrefix: text('Prefix of the statistics of requests that match.'),
});
export type HttpMatchRequest = ShapeOf<typeof httpMatchRequest>;

export const httpRouteDestination = message(
  'A destination and its share of the requests.',
  {
    destination,
    weight: whole('Share of the requests, in proportion to the sum of weights.', 0, 2_147_483_647),
    headers: headerChanges,
    appendRequestHeaders: replaced(map('Headers to add.', text('Value.')), 'headers.request.add'),
    removeRequestHeaders: replaced(list('Headers to remove.', text('Name.')), 'headers.request.remove'),
    appendResponseHeaders: replaced(map('Headers to add.', text('Value.')), 'headers.response.add'),
    removeResponseHeaders: replaced(list('Headers to remove.', text('Name.')), 'headers.response.remove'),
  },
  { required: ['destination'] },
);
export type HttpRouteDestination = ShapeOf<typeof httpRouteDestination>;

export const httpRedirect = message(
  'Answers with a redirect.',
  {
    uri: text('Path and query of the new location.'),
    authority: text('Host of the new location.'),
    port: portNumber('Port of the new location.'),
    derivePort: choice('Where the port of the new location comes from.', [
      'FROM_PROTOCOL_DEFAULT',
      'FROM_REQUEST_PORT',
    ]),
    scheme: text('Scheme of the new location: http or https.'),
    redirectCode: whole('Status of the answer: 301 (the default), 302, 303, 307 or 308.', 0, 599),
  },
  { oneOf: [['port', 'derivePort']] },
);
export type HttpRedirect = ShapeOf<typeof httpRedirect>;

export const httpDirectResponse = message(
  'Answers at once.',
  {
    status: whole('Status of the answer.', 100, 599),
    body: message(
      'Body of the answer.',
      { string: text('As text.'), bytes: text('As base64.') },
      { oneOf: [['string', 'bytes']] },
    ),
  },
  { required: ['status'] },
);

export const httpRewrite = message('Changes the request before it is forwarded.', {
  uri: text('Replaces the path, or the part of it that a prefix matched.'),
  authority: text('Replaces the host.'),
  uriRegexRewrite: message('Rewrites the path by a regular expression.', {
    match: text('RE2 expression.'),
    rewrite: text('Replacement, with \\1 for groups.'),
  }),
});
export type HttpRewrite = ShapeOf<typeof httpRewrite>;

export const httpRetry = message('When and how a request is sent again.', {
  attempts: whole('How often, at most; 0 switches retries off.', 0, 1000),
  perTryTimeout: duration('Time limit of each try.'),
  retryOn: text('Conditions, separated by commas, such as 5xx,reset,connect-failure.'),
  retryRemoteLocalities: flag('Whether retries may go to other localities.'),
  retryIgnorePreviousHosts: flag('Whether retries avoid hosts that were tried; true where left out.'),
  backoff: duration('Base interval between tries; 25ms where left out.'),
});
export type HttpRetry = ShapeOf<typeof httpRetry>;

export const httpFault = message('Faults that are injected on purpose.', {
  delay: message(
    'Delays a share of the requests.',
    {
      fixedDelay: duration('How long.'),
      exponentialDelay: duration('Not supported.'),
      percentage: described(percent, 'Share of the requests.'),
      percent: replaced(whole('Share of the requests in percent.', 0, 100), 'percentage.value'),
    },
    { oneOf: [['fixedDelay', 'exponentialDelay']] },
  ),
  abort: message(
    'Answers a share of the requests with an error.',
    {
      httpStatus: whole('HTTP status of the answer.', 200, 599),
      grpcStatus: text('gRPC status of the answer, by name.'),
      http2Error: text('Not supported.'),
      percentage: described(percent, 'Share of the requests.'),
      percent: replaced(whole('Share of the requests in percent.', 0, 100), 'percentage.value'),
    },
    { oneOf: [['httpStatus', 'grpcStatus', 'http2Error']] },
  ),
});
export type HttpFault = ShapeOf<typeof httpFault>;

export const corsPolicy = message('Cross-origin rules.', {
  allowOrigins: list('Origins that are allowed.', stringMatch),
  allowOrigin: replaced(list('Origins that are allowed.', text('Origin.')), 'allowOrigins'),
  allowMethods: list('Methods that are allowed.', text('Method.')),
  allowHeaders: list('Request headers that are allowed.', text('Header.')),
  exposeHeaders: list('Response headers that the page may read.', text('Header.')),
  maxAge: duration('How long the answer to a preflight request may be kept.'),
  allowCredentials: flag('Whether the request may carry credentials.'),
  unmatchedPreflights: choice('What happens to preflight requests of other origins.', [
    'UNSPECIFIED',
    'FORWARD',
    'IGNORE',
  ]),
});
export type CorsPolicy = ShapeOf<typeof corsPolicy>;

export const httpMirror = message(
  'Sends a copy of the requests elsewhere; its answer is dropped.',
  { destination, percentage: described(percent, 'Share of the requests; all where left out.') },
  { required: ['destination'] },
);

const percentNumber = whole('Share of the requests to mirror, in percent.', 0, 100);

export const httpRoute = message('A rule for HTTP requests; the first that matches is taken.', {
  name: text('Name of the route, for logs.'),
  match: list('Conditions, of which one must hold; none matches all requests.', httpMatchRequest),
  route: list('Destinations and their shares.', httpRouteDestination),
  redirect: httpRedirect,
  directResponse: httpDirectResponse,
  delegate: message('Another VirtualService that holds the routes.', {
    name: text('Name of the VirtualService.'),
    namespace: text('Its namespace; that of this object where left out.'),
  }),
  rewrite: httpRewrite,
  timeout: duration('Time limit of the request; none where left out.'),
  retries: httpRetry,
  fault: httpFault,
  mirror: described(destination, 'Where copies of the requests are sent.'),
  mirrors: list('Where copies of the requests are sent, with shares.', httpMirror),
  mirrorPercentage: described(percent, 'Share of the requests to mirror; all where left out.'),
  mirrorPercent: replaced(percentNumber, 'mirrorPercentage.value'),
  mirror_percent: replaced(percentNumber, 'mirrorPercentage.value'),
  corsPolicy,
  headers: headerChanges,
  appendHeaders: replaced(map('Request headers to add.', text('Value.')), 'headers.request.add'),
  appendRequestHeaders: replaced(map('Headers to add.', text('Value.')), 'headers.request.add'),
  removeRequestHeaders: replaced(list('Headers to remove.', text('Name.')), 'headers.request.remove'),
  appendResponseHeaders: replaced(map('Headers to add.', text('Value.')), 'headers.response.add'),
  removeResponseHeaders: replaced(list('Headers to remove.', text('Name.')), 'headers.response.remove'),
  websocketUpgrade: replaced(flag('Has no effect: WebSocket upgrades are always let through.'), 'nothing'),
});
export type HttpRoute = ShapeOf<typeof httpRoute>;
