import { Authorization, type CheckRequest, type CheckResponse } from '@lateen/protocol/envoy/service/auth/v3';
import type { HeaderValueOption } from '@lateen/protocol/envoy/config/core/v3';
import { StatusCode } from '@lateen/protocol/envoy/type/v3';
import { isHeaderName } from '../../codec/header-name.ts';
import { callGrpc, type Call, type CallContext, type GrpcTarget } from '../../call/index.ts';
import type { JsonValue } from '../../model/metadata.ts';
import { valueOf } from './apply-headers.ts';
import type { Verdict, VerdictHeader } from './verdict.ts';

const forbidden = 403;

type ActionOf = (option: HeaderValueOption) => VerdictHeader['action'];

/** `append_action` is not for these: a header without `append` replaces (envoy.service.auth.v3.OkHttpResponse). */
const requestAction: ActionOf = ({ append }) => (append === true ? 'append' : 'set');
const refusalAction: ActionOf = ({ append }) => (append === true ? 'append' : 'set_lines');

function responseAction({ append, appendAction }: HeaderValueOption): VerdictHeader['action'] {
  if (append !== undefined) return append ? 'add' : 'set';
  switch (appendAction) {
    case 'ADD_IF_ABSENT':
      return 'add_if_absent';
    case 'OVERWRITE_IF_EXISTS':
      return 'set_if_exists';
    case 'OVERWRITE_IF_EXISTS_OR_ADD':
      return 'set';
    default:
      return 'add';
  }
}

function headersOf(list: readonly HeaderValueOption[] | undefined, actionOf: ActionOf): VerdictHeader[] {
  return (list ?? []).map((option) => ({
    name: (option.header?.key ?? '').toLowerCase(),
    value: valueOf(option.header?.value, option.header?.rawValue),
    action: actionOf(option),
  }));
}

/** What is wrong with the first header that no request can have; Envoy's words. */
function faultOf(list: readonly HeaderValueOption[] | undefined): string | undefined {
  for (const { header: { key = '', value = '', rawValue } = {} } of list ?? []) {
    const name = key.toLowerCase();
    if (!name.startsWith(':') && !isHeaderName(name)) return `invalid header name: ${name}`;
    const raw = value === '' && rawValue !== undefined ? Buffer.from(rawValue).toString('latin1') : value;
    if (/[\r\n\0]/.test(raw)) return `invalid header value for: ${name}`;
  }
  return undefined;
}

/** What a response of the service means. */
export function verdictOf(response: CheckResponse): Verdict {
  const { okResponse: ok, deniedResponse: denied } = response;
  const metadata = (response.dynamicMetadata ?? ok?.dynamicMetadata) as
    | { readonly [key: string]: JsonValue }
    | undefined;
  if ((response.status?.code ?? 0) !== 0) {
    const code = denied?.status?.code;
    const status = typeof code === 'string' ? StatusCode.byName.get(code) : code;
    return {
      kind: 'denied',
      status: status === undefined || status < 200 || status > 599 ? forbidden : status,
      headers: headersOf(denied?.headers, refusalAction),
      body: Buffer.from(denied?.body ?? '', 'utf8'),
      metadata,
    };
  }
  const set = (ok?.queryParametersToSet ?? []).map(({ key = '', value = '' }) => [key, value] as const);
  const remove = ok?.queryParametersToRemove ?? [];
  return {
    kind: 'ok',
    requestHeaders: headersOf(ok?.headers, requestAction),
    fault: faultOf(ok?.headers),
    remove: ok?.headersToRemove ?? [],
    responseHeaders: headersOf(ok?.responseHeadersToAdd, responseAction),
    ...(set.length === 0 && remove.length === 0 ? {} : { query: { set, remove } }),
    metadata,
  };
}

/** Asks a service of `envoy.service.auth.v3.Authorization`. */
export function checkByGrpc(
  context: CallContext,
  target: GrpcTarget,
  request: CheckRequest,
  done: (verdict: Verdict) => void,
): Call {
  return callGrpc(context, target, Authorization.check, request, (result) =>
    done(result.kind === 'answer' ? verdictOf(result.message) : { kind: 'error' }),
  );
}
