/** What is run for an image. */
export interface Image {
  /** A stable text that says what stands behind the name; the `imageID` of container statuses. */
  readonly id: string;
  /** Started where the container has no `command`. */
  readonly entrypoint: readonly string[];
  /** Arguments where the container has neither `command` nor `args`. */
  readonly defaultArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Default 0. */
  readonly uid: number;
  /** Default `/`. */
  readonly workingDir: string;
  /** Whether the program is one of ours: its containers share what node has compiled of it. */
  readonly sharesCompiledCode: boolean;
  /** Executable files that the image lays over the host's: path -> text. */
  readonly files: Readonly<Record<string, string>>;
}

/** The parts of an image's name. */
export interface ImageName {
  /** Without registry and tag: `istio/examples-bookinfo-reviews-v2`. */
  readonly repository: string;
  /** The last part of the repository. */
  readonly base: string;
  /** `latest` where the name has none. */
  readonly tag: string;
}

/** Takes `REGISTRY/REPOSITORY:TAG@DIGEST` apart. */
export function parseImageName(reference: string): ImageName {
  const withoutDigest = reference.split('@')[0] ?? '';
  const parts = withoutDigest.split('/');
  const [first = ''] = parts;
  const hasRegistry = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost');
  const path = (hasRegistry ? parts.slice(1) : parts).join('/');
  const colon = path.indexOf(':');
  const repository = (colon === -1 ? path : path.slice(0, colon)).replace(/^library\//, '');
  const tag = colon === -1 ? 'latest' : path.slice(colon + 1);
  return { repository, base: repository.split('/').at(-1) ?? '', tag };
}
