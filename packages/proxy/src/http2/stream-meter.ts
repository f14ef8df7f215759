import type { ByteMeter } from '../codec/byte-meter.ts';
import { frameHeaderBytes } from './frame.ts';

/** Bytes of one stream: its frames, with their headers. */
export class StreamMeter implements ByteMeter {
  wireReceived = 0;
  wireSent = 0;
  headerReceived = 0;
  headerSent = 0;

  /** HEADERS with what continues them came, `bytes` without their headers. */
  receivedBlock(bytes: number): void {
    this.headerReceived += bytes + frameHeaderBytes;
    this.wireReceived += bytes + frameHeaderBytes;
  }

  receivedData(bytes: number): void {
    this.wireReceived += bytes + frameHeaderBytes;
  }

  /** As many were written, headers of frames included. */
  sentBlock(bytes: number): void {
    this.headerSent += bytes;
    this.wireSent += bytes;
  }

  sentFrame(bytes: number): void {
    this.wireSent += bytes;
  }
}
