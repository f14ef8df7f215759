import { userInfo } from 'node:os';
import process from 'node:process';

/** Who runs this process. */
export interface PresentUser {
  /** The number as text where the machine knows no name for it. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user of this process; one that is in no list of users is a user, too. */
export function presentUser(): PresentUser {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  try {
    return { name: userInfo().username, uid, gid };
  } catch {
    return { name: String(uid), uid, gid };
  }
}
