import * as metrics from '@lateen/protocol/envoy/config/metrics/v3';
import { messageOf } from '@lateen/core';
import type { FixedStatTag, StatsMatcher, StatsOptions, StatTag } from '../model/stats.ts';
import type { StringMatch } from '../model/string-match.ts';
import { compileStringMatch } from '../decide/string-match.ts';
import { tagExpression } from '../telemetry/stat-names.ts';
import { decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const configPolicy = fieldPolicy(metrics.StatsConfig, [
  'statsTags',
  'useAllDefaultTags',
  'statsMatcher',
  'histogramBucketSettings',
]);

export const statsConfigPolicies = [
  configPolicy,
  fieldPolicy(metrics.TagSpecifier, ['tagName', 'regex', 'fixedValue']),
  fieldPolicy(metrics.StatsMatcher, ['rejectAll', 'exclusionList', 'inclusionList']),
  fieldPolicy(metrics.HistogramBucketSettings, ['match', 'buckets']),
];

/** How statistics are named and which are shown, from the bootstrap. */
export function decodeStatsConfig(
  scope: Scope,
  message: metrics.StatsConfig,
): Omit<StatsOptions, 'sinks' | 'flushIntervalMs'> {
  scope.check(configPolicy, message);
  const matcher = decodeMatcher(scope.at('statsMatcher'), message.statsMatcher);
  return {
    defaultTags: message.useAllDefaultTags ?? true,
    tags: decodeTags(scope.at('statsTags'), message.statsTags ?? []),
    ...(matcher === undefined ? {} : { matcher }),
    histogramBuckets: (message.histogramBucketSettings ?? []).map(({ match, buckets = [] }, i) => {
      const at = scope.at('histogramBucketSettings').at(i);
      if (buckets.length === 0) at.at('buckets').fail('must not be empty');
      return {
        match: decodePattern(at.at('match'), match),
        bounds: buckets.toSorted((a, b) => a - b),
      };
    }),
  };
}

/** As Envoy: a tag of the command line holds over those of its name in the bootstrap, the first of several. */
export function withStatTags(
  config: metrics.StatsConfig,
  given: readonly FixedStatTag[],
): metrics.StatsConfig {
  if (given.length === 0) return config;
  const values = new Map(given.toReversed().map(({ name, value }) => [name, value]));
  const others = (config.statsTags ?? []).filter(({ tagName = '' }) => !values.has(tagName));
  const fixed = [...values].map(([tagName, fixedValue]) => ({ tagName, fixedValue }));
  return { ...config, statsTags: [...others, ...fixed] };
}

function decodeTags(scope: Scope, tags: readonly metrics.TagSpecifier[]): readonly StatTag[] {
  const fixed = new Set<string>();
  return tags.map((tag, i) => {
    const { tagName = '', fixedValue } = tag;
    if (fixedValue !== undefined && fixed.has(tagName))
      scope.at(i).at('tagName').fail(`"${tagName}" has a value already`);
    if (fixedValue !== undefined) fixed.add(tagName);
    return decodeTag(scope.at(i), tag);
  });
}

function decodeTag(scope: Scope, { tagName = '', regex, fixedValue }: metrics.TagSpecifier): StatTag {
  if (tagName === '') scope.at('tagName').fail('must not be empty');
  if (fixedValue !== undefined) return { name: tagName, fixedValue };
  if (regex === undefined || regex === '') scope.fail('must have one of regex and fixed_value');
  try {
    tagExpression(regex ?? '');
  } catch (error) {
    scope.at('regex').fail(messageOf(error));
  }
  return { name: tagName, regex: regex ?? '' };
}

function decodeMatcher(scope: Scope, message: metrics.StatsMatcher | undefined): StatsMatcher | undefined {
  if (message === undefined) return undefined;
  const { rejectAll, inclusionList, exclusionList } = message;
  if (rejectAll !== undefined) return rejectAll ? { kind: 'none' } : undefined;
  const only = inclusionList !== undefined;
  const at = scope.at(only ? 'inclusionList' : 'exclusionList').at('patterns');
  const patterns = (inclusionList ?? exclusionList)?.patterns ?? [];
  return {
    kind: only ? 'only' : 'except',
    patterns: patterns.map((one, i) => decodePattern(at.at(i), one)),
  };
}

/** A pattern whose expression, if it is one, can be used. */
function decodePattern(scope: Scope, message: Parameters<typeof decodeStringMatch>[1]): StringMatch {
  const match = decodeStringMatch(scope, message);
  try {
    compileStringMatch(match);
  } catch (error) {
    scope.at('safeRegex').at('regex').fail(messageOf(error));
  }
  return match;
}
