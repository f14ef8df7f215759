/** Where environment variables come from: the process's own, or a test's. */
export type EnvSource = Readonly<Record<string, string | undefined>>;

/** The environment of this process; the only place of the package that reads it. */
export function processEnv(): EnvSource {
  return process.env;
}
