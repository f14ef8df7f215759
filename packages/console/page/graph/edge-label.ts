import type { GraphEdge } from '../../src/documents.ts';
import { formatMs, formatRate, formatShare } from '../format.ts';

/** About what a letter of an edge's words takes, by `page.css`. */
export const letterWidth = 6;

/** The middle of words of this width, moved so that no card hides their ends; the middle of the gap where it is too small. */
export function labelMiddle(middle: number, x1: number, x2: number, width: number): number {
  if (width >= Math.abs(x2 - x1)) return (x1 + x2) / 2;
  const [left, right] = [Math.min(x1, x2) + width / 2, Math.max(x1, x2) - width / 2];
  return Math.min(Math.max(middle, left), right);
}

/**
 * Where the words of an edge have room: near the end at which it is apart from others with words that share its
 * other end.
 */
export function labelPlace(edge: GraphEdge, edges: readonly GraphEdge[]): number {
  const hasWords = (other: GraphEdge): boolean => other !== edge && edgeWords(other) !== '';
  const shares = (other: GraphEdge): boolean =>
    hasWords(other) && other.from === edge.from && other.fromVersion === edge.fromVersion;
  const joins = (other: GraphEdge): boolean =>
    hasWords(other) && other.to === edge.to && other.toVersion === edge.toVersion;
  if (edges.some(shares)) return 0.74;
  return edges.some(joins) ? 0.26 : 0.5;
}

/** `4.2/s · 12 ms · 3 % errors`. */
export function edgeWords({ traffic, protocol }: GraphEdge): string {
  if (traffic === undefined || traffic.requestsPerSecond === 0) return '';
  const { requestsPerSecond, p50Ms, p90Ms, errorShare } = traffic;
  const unit = protocol === 'tcp' ? ' connections' : '';
  const words = [formatRate(requestsPerSecond) + unit];
  const typicalMs = p90Ms ?? p50Ms;
  if (typicalMs !== undefined) words.push(formatMs(typicalMs));
  if (errorShare > 0) words.push(`${formatShare(errorShare)} errors`);
  return words.join(' · ');
}
