import { randomBytes } from 'node:crypto';
import { sendText, type Call } from '../serve/serve.ts';
import { describeGet } from './inspect.ts';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Random bytes with their length. */
export function bytes(call: Call, count: number): void {
  call.response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': count });
  call.response.end(randomBytes(count));
}

/** JSON lines. */
export function stream(call: Call, count: number): void {
  call.response.writeHead(200, { 'content-type': 'application/json' });
  for (let id = 0; id < count; id++) call.response.write(`${JSON.stringify({ ...describeGet(call), id })}\n`);
  call.response.end();
}

/** The alphabet over and over, or the part of it that `Range` asks for (RFC 9110, section 14). */
export function range(call: Call, count: number): void {
  const whole = Buffer.alloc(count, 'abcdefghijklmnopqrstuvwxyz');
  const header = call.request.headers.range;
  call.response.setHeader('etag', `"range${count}"`);
  call.response.setHeader('accept-ranges', 'bytes');
  if (header === undefined) {
    call.response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': count });
    call.response.end(whole);
    return;
  }
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  const first = from === '' ? count - Number(to) : Number(from);
  const last = from === '' || to === '' ? count - 1 : Math.min(Number(to), count - 1);
  if ((from === '' && to === '') || first < 0 || first > last) {
    call.response.setHeader('content-range', `bytes */${count}`);
    return sendText(call.response, 416, '');
  }
  const part = whole.subarray(first, last + 1);
  call.response.writeHead(206, {
    'content-type': 'application/octet-stream',
    'content-range': `bytes ${first}-${last}/${count}`,
    'content-length': part.length,
  });
  call.response.end(part);
}

/** `numbytes` stars over `duration` seconds after `delay` seconds. */
export async function drip(call: Call): Promise<void> {
  const option = (name: string, standard: number, most: number): number => {
    const value = Number(call.url.searchParams.get(name) ?? standard);
    return Number.isFinite(value) ? Math.max(0, Math.min(most, value)) : standard;
  };
  const count = Math.trunc(option('numbytes', 10, 1024 * 1024));
  const durationMs = option('duration', 2, 60) * 1000;
  await wait(option('delay', 0, 60) * 1000);
  call.response.writeHead(option('code', 200, 599), {
    'content-type': 'application/octet-stream',
    'content-length': count,
  });
  for (let sent = 0; sent < count && !call.response.destroyed; sent++) {
    call.response.write('*');
    await wait(durationMs / count);
  }
  call.response.end();
}
