import { isRoutingClaim, routingClaim } from '../claim-name.ts';
import { joinPath, type Report } from '../schema/check-shape.ts';
import { parseDuration } from '../schema/duration.ts';
import type { Destination, HeaderChanges } from '../kinds/destination.ts';
import type { CorsPolicy, HttpFault, HttpMatchRequest, HttpRoute } from '../kinds/http-route.ts';
import type { StringMatch } from '../kinds/string-match.ts';
import { didYouMean } from '../schema/did-you-mean.ts';
import { checkDuration } from './durations.ts';
import { checkHost, checkLabels, isHeaderName, isLabel } from './names.ts';
import { checkRegex } from './regex.ts';

/** Reports what is wrong with an HTTP rule. `isDelegate`: the VirtualService has no hosts and is used by another. */
export function checkHttpRoute(route: HttpRoute, path: string, isDelegate: boolean, report: Report): void {
  checkActions(route, path, isDelegate, report);
  for (const [index, match] of (route.match ?? []).entries()) {
    checkMatch(match, `${path}.match[${index}]`, report);
  }
  checkDestinations(route, path, report);
  checkDuration(route.timeout, `${path}.timeout`, report);
  checkRetries(route.retries, `${path}.retries`, report);
  if (route.fault !== undefined) checkFault(route.fault, `${path}.fault`, report);
  if (route.corsPolicy !== undefined) checkCors(route.corsPolicy, `${path}.corsPolicy`, report);
  checkRewrite(route.rewrite, `${path}.rewrite`, report);
  checkRedirect(route.redirect, `${path}.redirect`, report);
  checkHeaderChanges(route.headers, `${path}.headers`, report);
  if (route.mirror !== undefined) checkDestination(route.mirror, `${path}.mirror`, report);
  if (route.mirror !== undefined && (route.mirrors ?? []).length > 0) {
    report(path, 'only one of mirror and mirrors may be set');
  }
  for (const [index, mirror] of (route.mirrors ?? []).entries()) {
    checkDestination(mirror.destination, `${path}.mirrors[${index}].destination`, report);
  }
}

const actions = ['route', 'redirect', 'directResponse', 'delegate'] as const;

function checkActions(route: HttpRoute, path: string, isDelegate: boolean, report: Report): void {
  const set = actions.filter((name) =>
    name === 'route' ? (route.route ?? []).length > 0 : route[name] !== undefined,
  );
  if (set.length > 1) report(path, `only one of ${set.join(', ')} may be set`);
  if (set.length === 0) report(path, `must have one of ${actions.join(', ')}`);
  if (isDelegate && route.delegate !== undefined) {
    report(`${path}.delegate`, 'a VirtualService that others delegate to cannot delegate itself');
  }
  for (const action of ['redirect', 'directResponse'] as const) {
    if (route[action] === undefined) continue;
    for (const other of ['rewrite', 'mirror', 'mirrors'] as const) {
      if (route[other] !== undefined) report(`${path}.${other}`, `has no effect beside ${action}`);
    }
  }
  if (route.redirect !== undefined && route.fault !== undefined) {
    report(`${path}.fault`, 'cannot stand beside redirect');
  }
}

/** What else requests may be matched by under `headers` (RFC 9113, section 8.3; Istio takes `:status` too). */
const pseudoHeaders: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path', ':status']);

const stringMatchFields = ['uri', 'scheme', 'method', 'authority'] as const;

function checkMatch(match: HttpMatchRequest, path: string, report: Report): void {
  for (const field of stringMatchFields) {
    const value = match[field];
    if (value !== undefined) checkStringMatch(value, `${path}.${field}`, true, report);
  }
  for (const field of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [name, value] of Object.entries(match[field] ?? {})) {
      const at = joinPath(`${path}.${field}`, name);
      if (field !== 'queryParams' && isRoutingClaim(name)) {
        if (routingClaim(name) === undefined) {
          report(
            at,
            `"${name}" must be @request.auth.claims.NAME or @request.auth.claims[NAME], nested names likewise`,
          );
        }
      } else if (field !== 'queryParams' && !isHeaderName(name) && !pseudoHeaders.has(name)) {
        report(at, `"${name}" is not the name of a header`);
      }
      checkStringMatch(value, at, false, report);
    }
  }
  if (match.ignoreUriCase === true && match.uri?.regex !== undefined) {
    report(`${path}.ignoreUriCase`, 'has no effect on a regex: begin the expression with (?i)');
  }
  checkLabels(match.sourceLabels, `${path}.sourceLabels`, report);
  for (const [index, gateway] of (match.gateways ?? []).entries()) {
    checkGatewayName(gateway, `${path}.gateways[${index}]`, report);
  }
}

/** Reports a match that can never hold or that RE2 does not accept. */
export function checkStringMatch(match: StringMatch, path: string, required: boolean, report: Report): void {
  if (match.regex !== undefined) checkRegex(match.regex, `${path}.regex`, report);
  if (match.prefix === '') report(`${path}.prefix`, 'must not be empty');
  if (required && Object.keys(match).length === 0) report(path, 'must have one of exact, prefix, regex');
}

/** Reports a name of a gateway that cannot be: `mesh`, `name` or `namespace/name`. */
export function checkGatewayName(gateway: string, path: string, report: Report): void {
  const parts = gateway.split('/');
  const valid =
    parts.length <= 2 &&
    parts.every((part, index) => (index === 0 && part === '.') || part.split('.').every(isLabel));
  if (!valid) report(path, `must be mesh, NAME or NAMESPACE/NAME, not "${gateway}"`);
}

function checkDestinations(route: HttpRoute, path: string, report: Report): void {
  const destinations = route.route ?? [];
  for (const [index, { destination, headers }] of destinations.entries()) {
    checkDestination(destination, `${path}.route[${index}].destination`, report);
    checkHeaderChanges(headers, `${path}.route[${index}].headers`, report);
  }
  checkWeights(destinations, `${path}.route`, report);
}

/** Reports shares of which nobody gets anything. */
export function checkWeights(
  destinations: readonly { readonly weight?: number }[],
  path: string,
  report: Report,
): void {
  if (destinations.length < 2) return;
  const total = destinations.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total === 0) report(path, 'the weights of several destinations must not all be 0: give each its share');
  if (total > 4_294_967_295) report(path, `the weights must add up to at most 4294967295, not ${total}`);
}

/** Reports a destination that cannot be. */
export function checkDestination(destination: Destination, path: string, report: Report): void {
  if (destination.host.includes('*')) {
    report(`${path}.host`, `must name one service, without a wildcard, not "${destination.host}"`);
  } else {
    checkHost(destination.host, `${path}.host`, report);
  }
  if (destination.subset !== undefined && destination.subset !== '' && !isLabel(destination.subset)) {
    report(`${path}.subset`, `must be the name of a subset, not "${destination.subset}"`);
  }
  if (destination.port !== undefined && destination.port.number === undefined) {
    report(`${path}.port.number`, 'is required');
  }
}

/** Conditions of `retryOn` besides status codes (Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on). */
const retryConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

function checkRetries(retries: HttpRoute['retries'], path: string, report: Report): void {
  if (retries === undefined) return;
  checkDuration(retries.perTryTimeout, `${path}.perTryTimeout`, report);
  checkDuration(retries.backoff, `${path}.backoff`, report);
  if (retries.attempts === 0 && (retries.perTryTimeout !== undefined || retries.retryOn !== undefined)) {
    report(path, 'perTryTimeout and retryOn have no effect where attempts is 0');
  }
  for (const condition of (retries.retryOn ?? '').split(',').map((text) => text.trim())) {
    if (condition === '' || retryConditions.includes(condition) || /^[1-5]\d\d$/.test(condition)) continue;
    const meant = didYouMean(condition, retryConditions);
    report(
      `${path}.retryOn`,
      `"${condition}" is none of ${retryConditions.join(', ')} nor a status code${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
    );
  }
}

/** gRPC's names of statuses. */
const grpcStatuses = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

function checkFault(fault: HttpFault, path: string, report: Report): void {
  const { delay, abort } = fault;
  if (delay === undefined && abort === undefined) report(path, 'must have delay, abort or both');
  if (delay !== undefined) {
    if (delay.exponentialDelay !== undefined) {
      report(`${path}.delay.exponentialDelay`, 'is not supported: use fixedDelay');
    } else if (delay.fixedDelay === undefined) {
      report(`${path}.delay.fixedDelay`, 'is required');
    }
    checkDuration(delay.fixedDelay, `${path}.delay.fixedDelay`, report);
  }
  if (abort === undefined) return;
  if (abort.http2Error !== undefined) report(`${path}.abort.http2Error`, 'is not supported: use httpStatus');
  else if (abort.httpStatus === undefined && abort.grpcStatus === undefined) {
    report(`${path}.abort`, 'must have httpStatus or grpcStatus');
  }
  if (abort.grpcStatus !== undefined && !grpcStatuses.includes(abort.grpcStatus)) {
    report(
      `${path}.abort.grpcStatus`,
      `must be one of ${grpcStatuses.join(', ')}, not "${abort.grpcStatus}"`,
    );
  }
}

function checkCors(cors: CorsPolicy, path: string, report: Report): void {
  for (const [index, origin] of (cors.allowOrigins ?? []).entries()) {
    checkStringMatch(origin, `${path}.allowOrigins[${index}]`, true, report);
  }
  for (const [index, method] of (cors.allowMethods ?? []).entries()) {
    if (!/^([A-Z]+|\*)$/.test(method)) {
      report(`${path}.allowMethods[${index}]`, `must be a method in capitals, as in GET, not "${method}"`);
    }
  }
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [index, name] of (cors[field] ?? []).entries()) {
      if (!isHeaderName(name)) report(`${path}.${field}[${index}]`, `"${name}" is not the name of a header`);
    }
  }
  if (cors.maxAge !== undefined) {
    const ms = parseDuration(cors.maxAge) ?? 0;
    if (ms < 0 || ms % 1000 !== 0) report(`${path}.maxAge`, `must be whole seconds, not ${cors.maxAge}`);
  }
}

function checkRewrite(rewrite: HttpRoute['rewrite'], path: string, report: Report): void {
  if (rewrite === undefined) return;
  const { uri, authority, uriRegexRewrite } = rewrite;
  if (uri === undefined && authority === undefined && uriRegexRewrite === undefined) {
    report(path, 'must have uri, uriRegexRewrite or authority');
  }
  if (uri !== undefined && uriRegexRewrite !== undefined)
    report(path, 'only one of uri, uriRegexRewrite may be set');
  if (uriRegexRewrite === undefined) return;
  checkRegex(uriRegexRewrite.match ?? '', `${path}.uriRegexRewrite.match`, report);
  if (uriRegexRewrite.rewrite === undefined) report(`${path}.uriRegexRewrite.rewrite`, 'is required');
}

function checkRedirect(redirect: HttpRoute['redirect'], path: string, report: Report): void {
  if (redirect === undefined) return;
  const { uri, authority, port, derivePort, scheme, redirectCode } = redirect;
  if ([uri, authority, port, derivePort, scheme].every((part) => part === undefined)) {
    report(path, 'must have uri, authority, scheme, port or derivePort');
  }
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    report(`${path}.scheme`, `must be http or https, not "${scheme}"`);
  }
  if (redirectCode !== undefined && ![0, 301, 302, 303, 307, 308].includes(redirectCode)) {
    report(`${path}.redirectCode`, `must be one of 301, 302, 303, 307, 308, not ${redirectCode}`);
  }
}

function checkHeaderChanges(headers: HeaderChanges | undefined, path: string, report: Report): void {
  for (const direction of ['request', 'response'] as const) {
    const changes = headers?.[direction];
    const at = `${path}.${direction}`;
    for (const operation of ['set', 'add'] as const) {
      for (const [name, value] of Object.entries(changes?.[operation] ?? {})) {
        // Only the host can be changed of the pseudo headers, and only by set.
        const pseudo = name === ':authority' && operation === 'set' && direction === 'request';
        if (!pseudo && !isHeaderName(name)) {
          report(
            joinPath(`${at}.${operation}`, name),
            `"${name}" is not the name of a header that can be changed`,
          );
        }
        if (/[\r\n\0]/.test(value)) report(joinPath(`${at}.${operation}`, name), 'must be one line');
      }
    }
    for (const [index, name] of (changes?.remove ?? []).entries()) {
      if (!isHeaderName(name)) report(`${at}.remove[${index}]`, `"${name}" is not the name of a header`);
    }
  }
}
