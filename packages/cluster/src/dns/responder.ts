import { LateenError, messageOf, type Logger } from '@lateen/core';
import packet, { type Answer, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import type { ClusterZone } from './cluster-zone.ts';

/** Asks somebody outside; takes and resolves with whole messages. */
export type ForwardQuery = (query: Buffer) => Promise<Buffer>;

export interface ResponderOptions {
  readonly zone: ClusterZone;
  readonly logger: Logger;
  /** For names outside the cluster; without it they are answered with SERVFAIL at once. */
  readonly forward?: ForwardQuery;
}

/** RFC 1035 4.1.1. */
const rcodes = { noError: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const;

/** The largest answer over UDP to a client that says nothing (RFC 1035 4.2.1), and to one that says more. */
const plainUdpBytes = 512;
const largestUdpBytes = 4096;

/** Turns queries into answers; knows messages, not sockets. */
export class Responder {
  readonly #options: ResponderOptions;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Answers a message; undefined where it is none that could be answered. */
  async respond(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    let query: DecodedPacket;
    try {
      query = packet.decode(message);
    } catch {
      return message.length < 12 ? undefined : failureTo(message.readUInt16BE(0), rcodes.formatError);
    }
    if (query.type !== 'query') return undefined;
    if ((query as { opcode?: string }).opcode !== 'QUERY')
      return failureTo(query.id ?? 0, rcodes.notImplemented);
    const question = query.questions?.[0];
    if (question === undefined || query.questions?.length !== 1) {
      return failureTo(query.id ?? 0, rcodes.formatError);
    }
    const zoneAnswer = this.#options.zone.answer(question.name, question.type);
    if (zoneAnswer.kind === 'elsewhere') return this.#forward(query, question, message);
    if (zoneAnswer.kind === 'missing') {
      const reply = { rcode: rcodes.noSuchName, answers: [], additionals: [] };
      return this.#encode(query, question, reply, transport);
    }
    const { answers, additionals, leadsTo } = zoneAnswer;
    const further = leadsTo === undefined ? [] : await this.#lookUp(leadsTo, question);
    const reply = { rcode: rcodes.noError, answers: [...answers, ...further], additionals };
    return this.#encode(query, question, reply, transport);
  }

  async #forward(query: DecodedPacket, question: Question, message: Buffer): Promise<Buffer> {
    const { forward, logger } = this.#options;
    if (forward !== undefined) {
      try {
        return await forward(message);
      } catch (error) {
        logger.debug('no answer from outside', { name: question.name, error: messageOf(error) });
      }
    }
    return failureTo(query.id ?? 0, rcodes.serverFailure, question);
  }

  /** The records behind an alias that leads out of the cluster; none where nobody outside answers. */
  async #lookUp(name: string, question: Question): Promise<Answer[]> {
    const { forward, logger } = this.#options;
    if (forward === undefined) return [];
    try {
      const query: Packet = {
        type: 'query',
        id: 1,
        flags: packet.RECURSION_DESIRED,
        questions: [{ ...question, name }],
      };
      const reply = packet.decode(await forward(packet.encode(query)));
      return reply.answers ?? [];
    } catch (error) {
      logger.debug('no answer from outside', { name, error: messageOf(error) });
      return [];
    }
  }

  #encode(
    query: DecodedPacket,
    question: Question,
    reply: { rcode: number; answers: readonly Answer[]; additionals: readonly Answer[] },
    transport: 'udp' | 'tcp',
  ): Buffer {
    const opt = query.additionals?.find((record) => record.type === 'OPT');
    const clientBytes = opt !== undefined && 'udpPayloadSize' in opt ? opt.udpPayloadSize : plainUdpBytes;
    const limit =
      transport === 'tcp' ? 65_535 : Math.min(largestUdpBytes, Math.max(plainUdpBytes, clientBytes));
    const empty = reply.answers.length === 0;
    const ownOpt: Answer[] =
      opt === undefined
        ? []
        : [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as unknown as Answer];
    const build = (answers: readonly Answer[], additionals: readonly Answer[], extraFlags: number): Buffer =>
      packet.encode({
        type: 'response',
        id: query.id ?? 0,
        flags:
          packet.AUTHORITATIVE_ANSWER |
          packet.RECURSION_AVAILABLE |
          ((query.flags ?? 0) & packet.RECURSION_DESIRED) |
          extraFlags |
          reply.rcode,
        questions: [question],
        answers: [...answers],
        authorities: empty ? [this.#options.zone.startOfAuthority()] : [],
        additionals: [...additionals, ...ownOpt],
      });
    const whole = build(reply.answers, reply.additionals, 0);
    if (whole.length <= limit) return whole;
    const without = build(reply.answers, [], 0);
    if (without.length <= limit) return without;
    // As many records as fit; the client asks again over TCP (RFC 2181 section 9).
    let fits = reply.answers.length;
    for (;;) {
      fits = Math.floor(fits / 2);
      const part = build(reply.answers.slice(0, fits), [], packet.TRUNCATED_RESPONSE);
      if (part.length <= limit || fits === 0) return part;
    }
  }
}

function failureTo(id: number, rcode: number, question?: Question): Buffer {
  return packet.encode({
    type: 'response',
    id,
    flags: packet.RECURSION_AVAILABLE | rcode,
    questions: question === undefined ? [] : [question],
  });
}

/** A {@link ForwardQuery} that gives up after a while. */
export function withinTime(
  forward: ForwardQuery,
  timeoutMs: number,
  after: (delayMs: number, run: () => void) => { cancel(): void },
): ForwardQuery {
  return (query) =>
    new Promise((resolve, reject) => {
      const timer = after(timeoutMs, () => reject(new LateenError('dns.timeout', 'no answer in time')));
      forward(query)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
}
