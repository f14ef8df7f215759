import { formatProblem, LateenError } from '@lateen/core';
import { catalogueImage, hostImage } from './catalogue.ts';
import { parseImageName, type Image } from './image.ts';
import { findMapped, readImageMap } from './image-map.ts';

/** Finds what to run for an image. */
export interface ImageResolver {
  /**
   * The user's map goes first, then the built-in catalogue, then the host itself where the container
   * brings its own command. Rejects with a LateenError `ErrImageNeverPull` where nothing is known.
   */
  readonly resolve: (reference: string, hasCommand: boolean) => Promise<Image>;
}

/** A resolver with the user's map in this file, which is read at each start of a container. */
export function imageResolver(mapFile: string): ImageResolver {
  return {
    async resolve(reference, hasCommand) {
      const map = await readImageMap(mapFile);
      if (!map.ok) {
        throw new LateenError('InvalidImageMap', map.problems.map(formatProblem).join('; '));
      }
      const mapped = findMapped(map.value, reference);
      if (mapped !== undefined) {
        const { command, env, workingDir = '/' } = mapped;
        return { ...hostImage, id: `lateen://map/${reference}`, entrypoint: command, env, workingDir };
      }
      const known = catalogueImage(parseImageName(reference));
      if (known !== undefined) return known;
      if (hasCommand) return hostImage;
      throw new LateenError(
        'ErrImageNeverPull',
        `Lateen does not know the image "${reference}" and pulls none: say what to run for it with ` +
          `\`lateen images map ${reference} -- COMMAND\`, or give the container a \`command\``,
      );
    },
  };
}

/** What a container runs: Kubernetes' rules for `command` and `args` over the image's own. */
export function containerArgv(
  image: Image,
  command: readonly string[] = [],
  args: readonly string[] = [],
): readonly string[] {
  if (command.length > 0) return [...command, ...args];
  return [...image.entrypoint, ...(args.length > 0 ? args : image.defaultArgs)];
}
