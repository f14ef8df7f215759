import type { RequestHead } from '../codec/head.ts';
import { headerLine, type HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { httpDate } from './http-date.ts';

/**
 * Adds to an answer what the connection manager says in its own name: `server`, `date`, and where it is to, `via` and
 * the request's id, also where a trace of it is forced (Envoy's server_header_transformation, via,
 * always_set_request_id_in_response).
 */
export function addOwnHeaders(headers: HeaderBlock, request: RequestHead, manager: ConnectionManager): void {
  const { model } = manager;
  switch (model.serverHeader) {
    case 'overwrite':
      headers.remove(names.server);
      headers.addLine(manager.serverLine);
      break;
    case 'append_if_absent':
      if (!headers.has(names.server)) headers.addLine(manager.serverLine);
      break;
    default:
  }
  if (!headers.has(names.date)) headers.addLine(httpDate(manager.turn));
  const tellsId =
    model.alwaysSetRequestIdInResponse ||
    (manager.tracer !== undefined && request.headers.has(names.forceTrace));
  if (tellsId && !headers.has(names.requestId)) {
    const id = request.headers.get(names.requestId);
    if (id !== undefined) headers.add(names.requestId, id);
  }
  if (model.via !== '') headers.addLine(headerLine(names.via, model.via));
}
