/** Bytes that went over the connections that share it, as the application sees them (inside of TLS). */
export class ByteCounter {
  received = 0;
  sent = 0;
}
