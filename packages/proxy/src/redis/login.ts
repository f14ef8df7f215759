import { timingSafeEqual } from 'node:crypto';
import { encodeError, encodeStatus } from './resp-writer.ts';

/** What clients have to show; no passwords: nothing. */
export interface Credentials {
  readonly passwords: readonly Buffer[];
  readonly username: Buffer | undefined;
}

const defaultUser = Buffer.from('default');
export const notLoggedIn = encodeError('NOAUTH Authentication required.');

/** What `AUTH` with these arguments is answered, and whether the client may go on. */
export function logIn(
  args: readonly Buffer[],
  { passwords, username }: Credentials,
): { readonly granted: boolean | undefined; readonly reply: Buffer } {
  const refused = (text: string, granted?: false) => ({ granted, reply: encodeError(text) });
  if (args.length === 0 || args.length > 2)
    return refused("ERR wrong number of arguments for 'auth' command");
  if (passwords.length === 0) {
    const what = args.length === 1 ? 'password' : 'username-password pair';
    return refused(`ERR Client sent AUTH, but no ${what} is set`);
  }
  const [name, password] = args.length === 1 ? [defaultUser, args[0]] : args;
  // As Redis: a password alone is that of the user `default`.
  const named = same(name ?? defaultUser, username ?? defaultUser);
  const known = passwords.map((one) => same(password as Buffer, one)).includes(true);
  if (named && known) return { granted: true, reply: encodeStatus('OK') };
  return refused(
    args.length === 1 ? 'ERR invalid password' : 'WRONGPASS invalid username-password pair',
    false,
  );
}

/** Compares in a time that does not tell where two values differ. */
function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
