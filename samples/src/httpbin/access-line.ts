import type { Call } from '../serve/serve.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The line of gunicorn's access log for an answered call, with the time of its end in UTC. */
export function accessLine({ request, response, method }: Call, at: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${two(at.getUTCDate())}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}`;
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const peer = (request.socket.remoteAddress ?? '-').replace(/^::ffff:/, '');
  const { referer = '-', 'user-agent': agent = '-' } = request.headers;
  const bytes = response.getHeader('content-length') ?? '-';
  return `${peer} - - [${day}:${time} +0000] "${method} ${request.url} HTTP/${request.httpVersion}" ${response.statusCode} ${String(bytes)} "${referer}" "${agent}"`;
}
