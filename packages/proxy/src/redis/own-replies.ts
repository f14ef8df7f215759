import { logIn, notLoggedIn, type Credentials } from './login.ts';
import {
  encodeArray,
  encodeError,
  encodeInteger,
  encodeRequest,
  encodeStatus,
  encodeString,
} from './resp-writer.ts';

const ok = encodeStatus('OK');

/** The commands of {@link ownReply}. */
export const ownNames: ReadonlySet<string> = new Set(['ping', 'echo', 'time', 'client']);

/** What the proxy answers by itself to a client that is logged in; undefined: the request is not valid. */
export function ownReply(name: string, request: readonly Buffer[], nowMs: () => number): Buffer | undefined {
  switch (name) {
    case 'ping':
      return encodeStatus('PONG');
    case 'echo':
      return request.length === 2 ? encodeString(request[1] as Buffer) : undefined;
    case 'time': {
      const micros = Math.floor((performance.timeOrigin + nowMs()) * 1_000);
      return encodeRequest([String(Math.floor(micros / 1e6)), String(micros % 1e6)]);
    }
    case 'client':
      return clientReply(request);
    default:
      return undefined;
  }
}

/** Clients say what they are; connections are shared, so that nobody else can be told. */
function clientReply([, subcommand, ...args]: readonly Buffer[]): Buffer {
  const name = String(subcommand);
  const wanted = { setinfo: 2, setname: 1 }[name.toLowerCase()];
  if (wanted === undefined)
    return encodeError(`ERR CLIENT subcommand '${name.toUpperCase()}' is not supported by the proxy`);
  if (args.length === wanted) return ok;
  return encodeError(`ERR wrong number of arguments for 'client|${name.toLowerCase()}' command`);
}

const greeting = encodeArray(
  Object.entries({
    server: 'envoy-redis-proxy',
    version: '6.0.0',
    proto: 2,
    id: 0,
    mode: 'standalone',
    role: 'master',
    modules: [],
  }).flatMap(([name, value]) => [
    encodeString(name),
    typeof value === 'string'
      ? encodeString(value)
      : typeof value === 'number'
        ? encodeInteger(value)
        : encodeArray(value),
  ]),
);

/** `HELLO [2 [AUTH user password] [SETNAME name]]`; only the second version of the protocol is spoken. */
export function hello(
  args: readonly Buffer[],
  credentials: Credentials,
  loggedIn: boolean,
): { readonly granted: boolean | undefined; readonly reply: Buffer } {
  const [version, ...options] = args;
  const refused = (reply: Buffer) => ({ granted: undefined, reply });
  if (version !== undefined && String(version) !== '2')
    return refused(encodeError('NOPROTO unsupported protocol version'));
  let granted: boolean | undefined;
  for (let i = 0; i < options.length; ) {
    const option = String(options[i]);
    const isAuth = option.toLowerCase() === 'auth' && i + 2 < options.length;
    const isName = option.toLowerCase() === 'setname' && i + 1 < options.length;
    if (!isAuth && !isName) return refused(encodeError(`ERR Syntax error: unknown HELLO option '${option}'`));
    if (isAuth) {
      const answer = logIn(options.slice(i + 1, i + 3), credentials);
      if (answer.granted !== true) return answer;
      granted = true;
    }
    i += isAuth ? 3 : 2;
  }
  if (!loggedIn && granted !== true) return refused(notLoggedIn);
  return { granted, reply: greeting };
}
