import { isJsonObject, type JsonObject } from '@lateen/kube';
import type { ApiRequest } from '../http/api-request.ts';
import { badRequest } from '../status.ts';

/** The body of a request that must be an object in JSON. */
export async function readJsonObject(request: ApiRequest): Promise<JsonObject> {
  let body: unknown;
  try {
    body = JSON.parse((await request.body()).toString());
  } catch {
    throw badRequest('the body of the request is not JSON');
  }
  if (!isJsonObject(body)) throw badRequest('the body of the request must be an object');
  return body;
}
