import type { Call } from '../../call/index.ts';
import { isGrpc } from '../../codec/grpc-timeout.ts';
import { headerName } from '../../codec/header-name.ts';
import { compileMetadataMatch } from '../../decide/metadata-match.ts';
import type { AuthorizedBody, ExtAuthz, ExtAuthzRoute } from '../../model/ext-authz.ts';
import { CounterGroup } from '../../telemetry/counter-group.ts';
import { flag } from '../../telemetry/response-flags.ts';
import type { FilterServices } from '../filter-services.ts';
import { addMetadata } from '../dynamic-metadata.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { grpcTarget } from '../../call/grpc-target.ts';
import { applyHeaders, applyToRequest } from './apply-headers.ts';
import { CheckRequestMaker, type ShownBody } from './check-request.ts';
import { checkByGrpc } from './grpc-check.ts';
import { HttpCheck } from './http-check.ts';
import type { Verdict, VerdictHeader } from './verdict.ts';

const namespace = 'envoy.filters.http.ext_authz';
const failureModeAllowed = headerName('x-envoy-auth-failure-mode-allowed');
/** Envoy's default for a gRPC service. */
const defaultTimeoutMs = 200;
const unavailable = 503;

/** `timeout` stays 0, as in Envoy, for which a service that is late is one that fails. */
const counters = ['ok', 'denied', 'error', 'timeout', 'disabled', 'failure_mode_allowed'] as const;
type Counters = CounterGroup<(typeof counters)[number]>;

/** What is to be asked of a request. */
interface Question {
  readonly body: ShownBody | undefined;
  readonly withBody: AuthorizedBody | undefined;
  readonly contextExtensions: Readonly<Record<string, string>>;
}

type Ask = (exchange: FilterExchange, question: Question, done: (verdict: Verdict) => void) => Call;

function compileAsk(config: ExtAuthz, services: FilterServices): Ask {
  const { authorizer } = config;
  if (authorizer.kind === 'http') {
    const check = new HttpCheck(services.clusterRef(authorizer.cluster), authorizer, config);
    return ({ head }, { body }, done) => check.start(services.calls, head, body, done);
  }
  const target = grpcTarget(authorizer.service, services, defaultTimeoutMs);
  const maker = new CheckRequestMaker(config, services.nodeMetadata);
  return (exchange, { body, withBody, contextExtensions }, done) =>
    checkByGrpc(services.calls, target, maker.make(exchange, body, contextExtensions, withBody), done);
}

function clusterOf({ route, head, draw }: FilterExchange) {
  return route?.action.kind === 'forward' ? route.action.choose(head, draw)?.ref : undefined;
}

/** Settings of the table, the virtual host and the route, the most specific on top. */
function settingsOf(exchange: FilterExchange, name: string): ExtAuthzRoute | undefined {
  const { route } = exchange;
  if (route === undefined || exchange.routeConfig(name)?.kind !== 'ext_authz_route') return undefined;
  let merged: ExtAuthzRoute | undefined;
  for (const { filterConfig } of [route.table, route.virtualHost, route.route]) {
    const config = filterConfig[name];
    if (config?.kind !== 'ext_authz_route') continue;
    const contextExtensions = { ...merged?.contextExtensions, ...config.settings.contextExtensions };
    merged = { ...config.settings, contextExtensions };
  }
  return merged;
}

const noExtensions: Readonly<Record<string, string>> = {};

/** Asks a service whether requests may pass (Envoy, external authorization filter). Throws where a regular expression is none. */
export function extAuthzFilter(
  name: string,
  config: ExtAuthz,
  httpStatPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const ask = compileAsk(config, services);
  const wanted =
    config.enabledMetadata === undefined ? undefined : compileMetadataMatch(config.enabledMetadata);
  const responseHeaders = new WeakMap<FilterExchange, readonly VerdictHeader[]>();
  const middle = config.statPrefix === '' ? '' : `${config.statPrefix}.`;
  const group = (prefix: string, prometheus: string, labels: Readonly<Record<string, string>>): Counters =>
    services.statGroup(prefix, () => new CounterGroup(prefix, prometheus, labels, counters));
  const own = group(`http.${httpStatPrefix}.ext_authz.${middle}`, 'envoy_http_ext_authz_', {
    http_conn_manager_prefix: httpStatPrefix,
    ...(config.statPrefix === '' ? {} : { ext_authz_prefix: config.statPrefix }),
  });

  /** Counts for the filter and for the cluster that the request goes to. */
  function count(exchange: FilterExchange, what: (typeof counters)[number]): void {
    own.n[what]++;
    // Of a cluster that is not there nothing is kept: its name may come from the request.
    const cluster = clusterOf(exchange)?.cluster?.name;
    if (cluster === undefined) return;
    const prefix = `cluster.${cluster.replaceAll(':', '_')}.ext_authz.${middle}`;
    group(prefix, 'envoy_cluster_ext_authz_', { cluster_name: cluster }).n[what]++;
  }

  function isEnabled({ random, dynamicMetadata }: FilterExchange): boolean {
    const { enabled } = config;
    if (enabled !== undefined && random() * enabled.denominator >= enabled.numerator) return false;
    return wanted === undefined || wanted(dynamicMetadata);
  }

  function refuse(exchange: FilterExchange, status: number, details: string, body?: Buffer): void {
    exchange.addFlag(flag.unauthorizedExternalService);
    const hasBody = body !== undefined && body.length > 0;
    exchange.reply(status, hasBody ? body.toString('utf8') : '', details, hasBody ? { rawBody: body } : {});
  }

  function onVerdict(exchange: FilterExchange, verdict: Verdict): void {
    if (verdict.kind === 'error') {
      count(exchange, 'error');
      if (!config.failureModeAllow) return refuse(exchange, config.statusOnError, 'ext_authz_error');
      count(exchange, 'failure_mode_allowed');
      if (config.failureModeAllowHeader) exchange.head.headers.set(failureModeAllowed, 'true');
      return exchange.continueRequest();
    }
    if (verdict.metadata !== undefined && config.takesMetadata)
      addMetadata(exchange, namespace, verdict.metadata);
    if (verdict.kind === 'denied') {
      count(exchange, 'denied');
      if (config.chargeCluster) clusterOf(exchange)?.cluster?.stats.countStatus(verdict.status);
      // No body has no type, and that of gRPC says how the rest is read.
      const isTyped = verdict.body.length === 0 || isGrpc(exchange.head.headers);
      responseHeaders.set(
        exchange,
        isTyped ? verdict.headers.filter((header) => header.name !== 'content-type') : verdict.headers,
      );
      return refuse(exchange, verdict.status, 'ext_authz_denied', verdict.body);
    }
    count(exchange, 'ok');
    const { fault } = verdict;
    if (fault !== undefined) {
      exchange.addFlag(flag.downstreamProtocolError);
      const details = `filter_removed_required_request_headers{${fault.replaceAll(' ', '_')}}`;
      return exchange.reply(unavailable, fault, details);
    }
    if (verdict.responseHeaders.length > 0) responseHeaders.set(exchange, verdict.responseHeaders);
    if (applyToRequest(exchange.head, verdict) && config.clearRouteCache) exchange.reroute();
    exchange.continueRequest();
  }

  function start(exchange: FilterExchange, question: Question): void {
    const call = ask(exchange, question, (verdict) => onVerdict(exchange, verdict));
    exchange.atEnd(() => call.cancel());
  }

  function startWithBody(
    exchange: FilterExchange,
    body: AuthorizedBody,
    contextExtensions: Question['contextExtensions'],
  ): void {
    exchange.awaitBody(body.maxBytes, (state) => {
      const partial = state === 'too_large';
      if (partial && !body.allowPartial) {
        exchange.refuseBody();
        return;
      }
      const all = Buffer.concat(exchange.earlyBody?.chunks ?? []);
      const shown = { bytes: partial ? all.subarray(0, body.maxBytes) : all, partial };
      start(exchange, { body: shown, withBody: body, contextExtensions });
    });
  }

  return {
    name,
    onRequest(exchange) {
      if (!isEnabled(exchange)) {
        own.n.disabled++;
        if (config.deniesDisabled?.() !== true) return 'continue';
        refuse(exchange, config.statusOnError, 'ext_authz_error');
        return 'stop';
      }
      const settings = settingsOf(exchange, name);
      const contextExtensions = settings?.contextExtensions ?? noExtensions;
      const body = settings?.disableBody === true ? undefined : (settings?.body ?? config.body);
      if (body === undefined || exchange.requestComplete || exchange.head.upgrade !== undefined) {
        start(exchange, { body: undefined, withBody: body, contextExtensions });
      } else {
        startWithBody(exchange, body, contextExtensions);
      }
      return 'stop';
    },
    onResponse(exchange, response) {
      const headers = responseHeaders.get(exchange);
      if (headers !== undefined) applyHeaders(response.headers, headers);
    },
  };
}
