import type { IncomingMessage } from 'node:http';

/** The JSON of a request's body, undefined for what is no JSON; undefined as a whole where it is too large. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ readonly json: unknown } | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return { json: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { json: undefined };
  }
}
