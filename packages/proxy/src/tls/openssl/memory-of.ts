import type { OpensslFunctions, Pointer } from './functions.ts';

/** BIO_CTRL_PENDING. */
const ctrlPending = 10;

/** What `write` puts into a BIO. */
export function memoryOf(
  c: Pick<OpensslFunctions, 'BIO_new' | 'BIO_s_mem' | 'BIO_ctrl' | 'BIO_read' | 'BIO_free'>,
  write: (bio: Pointer) => unknown,
): Buffer {
  const bio = c.BIO_new(c.BIO_s_mem());
  write(bio);
  const bytes = Buffer.alloc(c.BIO_ctrl(bio, ctrlPending, 0, null));
  c.BIO_read(bio, bytes, bytes.length);
  c.BIO_free(bio);
  return bytes;
}

/** The first error since the last call, as OpenSSL words it; empty for none. */
export function takeError(
  c: Pick<OpensslFunctions, 'ERR_get_error' | 'ERR_error_string_n' | 'ERR_clear_error'>,
): string {
  const code = c.ERR_get_error();
  if (code === 0) return '';
  const text = Buffer.alloc(256);
  c.ERR_error_string_n(code, text, text.length);
  c.ERR_clear_error();
  return text.toString('latin1', 0, text.indexOf(0));
}
