import type { HeaderBlock } from '../../codec/header-block.ts';
import { headerName } from '../../codec/header-name.ts';
import type { HeaderOperations } from '../../model/route.ts';

/** Header operations of a health check; there is no request whose values could be put in. */
export function applyProbeHeaders(headers: HeaderBlock, operations: HeaderOperations | undefined): void {
  if (operations === undefined) return;
  for (const { name, value, action } of operations.add) {
    const known = headerName(name);
    const present = headers.has(known);
    if ((action === 'add_if_absent' && present) || (action === 'overwrite_if_exists' && !present)) continue;
    if (action !== 'append' && action !== 'add_if_absent') headers.remove(known);
    headers.add(known, value);
  }
  for (const name of operations.remove) headers.remove(headerName(name.toLowerCase()));
}
