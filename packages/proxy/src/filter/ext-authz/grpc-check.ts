import { Authorization, type CheckRequest, type CheckResponse } from '@lateen/protocol/envoy/service/auth/v3';
import type { HeaderValueOption } from '@lateen/protocol/envoy/config/core/v3';
import { StatusCode } from '@lateen/protocol/envoy/type/v3';
import { callGrpc, type Call, type CallContext, type GrpcTarget } from '../../call/index.ts';
import type { JsonValue } from '../../model/metadata.ts';
import { valueOf } from './apply-headers.ts';
import type { Verdict, VerdictHeader } from './verdict.ts';

const forbidden = 403;

/** Unlike elsewhere, a header without `append` replaces (envoy.service.auth.v3.OkHttpResponse). */
function actionOf({ append, appendAction }: HeaderValueOption): VerdictHeader['action'] {
  if (append === true) return 'append';
  switch (appendAction) {
    case 'ADD_IF_ABSENT':
      return 'add_if_absent';
    case 'OVERWRITE_IF_EXISTS':
      return 'set_if_exists';
    default:
      return 'set';
  }
}

function headersOf(list: readonly HeaderValueOption[] | undefined): VerdictHeader[] {
  return (list ?? []).map((option) => ({
    name: (option.header?.key ?? '').toLowerCase(),
    value: valueOf(option.header?.value, option.header?.rawValue),
    action: actionOf(option),
  }));
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
      headers: headersOf(denied?.headers).map((header) =>
        header.action === 'set' ? { ...header, action: 'set_lines' } : header,
      ),
      body: Buffer.from(denied?.body ?? '', 'utf8'),
      metadata,
    };
  }
  const set = (ok?.queryParametersToSet ?? []).map(({ key = '', value = '' }) => [key, value] as const);
  const remove = ok?.queryParametersToRemove ?? [];
  return {
    kind: 'ok',
    requestHeaders: headersOf(ok?.headers),
    remove: ok?.headersToRemove ?? [],
    responseHeaders: headersOf(ok?.responseHeadersToAdd).map((header) =>
      header.action === 'set' ? { ...header, action: 'add' } : header,
    ),
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
    done(result.kind === 'answer' ? verdictOf(result.message) : { kind: 'error', timedOut: result.timedOut }),
  );
}
