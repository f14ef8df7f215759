import type { RequestHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { headerName, isHeaderName } from '../../codec/header-name.ts';
import { headerValueOf } from '../../codec/header-value.ts';
import type { Verdict, VerdictHeader } from './verdict.ts';

/** What would change how a message is framed, or to whom it belongs to be told. */
const untouchable: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Changes headers as a service wants; framing stays as it is. */
export function applyHeaders(headers: HeaderBlock, changes: readonly VerdictHeader[]): void {
  for (const { name, action } of changes) {
    if (action === 'set_lines' && isHeaderName(name) && !untouchable.has(name)) {
      headers.remove(headerName(name));
    }
  }
  for (const { name, value, action } of changes) {
    if (!isHeaderName(name) || untouchable.has(name)) continue;
    const prepared = headerName(name);
    const isThere = headers.has(prepared);
    if (action === 'set' || (action === 'set_if_exists' && isThere)) headers.set(prepared, value);
    else if (action === 'set_lines' || action === 'add') headers.add(prepared, value);
    else if (isThere ? action === 'append' : action === 'add_if_absent') headers.add(prepared, value);
  }
}

/** Changes a request that may pass; true where something may have changed by which routes are chosen. */
export function applyToRequest(head: RequestHead, verdict: Extract<Verdict, { kind: 'ok' }>): boolean {
  const { requestHeaders, remove, query } = verdict;
  for (const { name, value, action } of requestHeaders) {
    if (action !== 'set') continue;
    if (name === ':path' && /^\/[\x21-\x7e]*$/.test(value)) head.path = value;
    if ((name === ':authority' || name === 'host') && /^[\x21-\x7e]+$/.test(value)) head.authority = value;
  }
  applyHeaders(
    head.headers,
    requestHeaders.filter(({ name }) => name !== 'host'),
  );
  for (const name of remove) {
    const lower = name.toLowerCase();
    if (isHeaderName(lower) && !untouchable.has(lower)) head.headers.remove(headerName(lower));
  }
  if (query !== undefined) head.path = changeQuery(head.path, query.set, query.remove);
  return requestHeaders.length > 0 || remove.length > 0 || query !== undefined;
}

/** Sets and removes parameters of a query; the others stay as they stand. */
export function changeQuery(
  path: string,
  set: readonly (readonly [string, string])[],
  remove: readonly string[],
): string {
  const at = path.indexOf('?');
  const pathOnly = at < 0 ? path : path.slice(0, at);
  const changed = new Set([...remove, ...set.map(([name]) => name)]);
  const kept = (at < 0 ? '' : path.slice(at + 1)).split('&').filter((part) => {
    const equals = part.indexOf('=');
    return part !== '' && !changed.has(equals < 0 ? part : part.slice(0, equals));
  });
  const added = set.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  const all = [...kept, ...added];
  return all.length === 0 ? pathOnly : `${pathOnly}?${all.join('&')}`;
}

/** A header of a protobuf message as headers of heads are. */
export function valueOf(value: string | undefined, raw: Uint8Array | undefined): string {
  if (value !== undefined && value !== '') return headerValueOf(value);
  return raw === undefined
    ? ''
    : Buffer.from(raw)
        .toString('latin1')
        .replace(/[\r\n\0]/g, '');
}
