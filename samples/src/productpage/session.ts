import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const key = process.env['SESSION_KEY'] ?? randomBytes(32).toString('hex');
const cookieName = 'session';

function seal(user: string): string {
  return createHmac('sha256', key).update(user).digest('base64url');
}

/** The `set-cookie` value that logs a user in. */
export function loginCookie(user: string): string {
  return `${cookieName}=${Buffer.from(user).toString('base64url')}.${seal(user)}; Path=/; HttpOnly; SameSite=Lax`;
}

/** The `set-cookie` value that logs out. */
export const logoutCookie = `${cookieName}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`;

/** The user that a request's `cookie` header says, where its seal is this server's. */
export function sessionUser(cookies: string | undefined): string | undefined {
  for (const part of (cookies ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name !== cookieName || value === undefined) continue;
    const [encoded = '', mark = ''] = value.split('.', 2);
    const user = Buffer.from(encoded, 'base64url').toString('utf8');
    const given = Buffer.from(mark);
    const wanted = Buffer.from(seal(user));
    if (user !== '' && given.length === wanted.length && timingSafeEqual(given, wanted)) return user;
  }
  return undefined;
}
