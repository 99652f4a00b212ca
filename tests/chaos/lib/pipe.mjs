// One direction of a proxied connection: bytes in, possibly late, slow, changed or not at all, bytes out.
import { now } from './wait.mjs';

/** What one direction may hold before it stops reading: the memory of a connection is bounded by it. */
export const HIGH_WATER_BYTES = 256 * 1024;
/** A limited link passes this many pieces a second, so that the limit holds on a small scale, too. */
const PIECES_PER_SECOND = 20;

/** No fault: the state that `FaultProxy` shares with all pipes of a direction. */
export const clear = () => ({ swallow: false, hold: false, delayMs: 0, jitterMs: 0, bytesPerSecond: Infinity });

export class Pipe {
  #source;
  #sink;
  #fault;
  #random;
  #frames;
  #queue = [];
  #bytes = 0;
  #blocked = false;
  #ended = false;
  #closing = false;
  #timer = null;
  /** Nothing may leave before: order survives jitter, and the bandwidth is not exceeded. */
  #readyAt = 0;
  #lastDue = 0;

  /** `frames`, if given, maps each chunk to what shall leave in its place. */
  constructor(source, sink, { fault, random, frames = null }) {
    this.#source = source;
    this.#sink = sink;
    this.#fault = fault;
    this.#random = random;
    this.#frames = frames;
    this.passed = 0;
    this.swallowed = 0;
    this.mostQueued = 0;
    /** Whether something was taken out of the stream, so that what follows makes no sense any more. */
    this.tainted = false;
    source.on('data', (data) => this.#take(data));
    source.on('end', () => this.finish());
    sink.on('drain', () => {
      this.#blocked = false;
      this.pump();
    });
  }

  get queued() {
    return this.#bytes;
  }

  /** The source says no more: so does the sink, after all that was queued. */
  finish() {
    if (this.#ended) return;
    if (this.#fault.swallow) {
      // On a silent link the end of the stream is lost like everything else.
      this.tainted = true;
      return;
    }
    this.#ended = true;
    this.#queue.push({ due: this.#due(), data: null });
    this.pump();
  }

  /** The source is gone altogether: the sink, too, after all that was queued. */
  close() {
    if (this.#fault.swallow) {
      this.tainted = true;
      return;
    }
    this.#ended = true;
    this.#closing = true;
    this.pump();
  }

  /** Nothing more will come or go. */
  stop() {
    clearTimeout(this.#timer);
    this.#queue = [];
    this.#bytes = 0;
    this.#ended = true;
  }

  /** Passes on what is due. Also called when the faults change. */
  pump() {
    clearTimeout(this.#timer);
    while (this.#queue.length > 0 && !this.#blocked && !this.#fault.hold && !this.#sink.destroyed) {
      const head = this.#queue[0];
      const wait = Math.max(head.due, this.#readyAt) - now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait);
        break;
      }
      if (head.data === null) {
        this.#queue.shift();
        this.#sink.end();
        continue;
      }
      this.#write(head);
    }
    if (this.#closing && this.#queue.length === 0) this.#sink.destroySoon();
    else this.#regulate();
  }

  #take(data) {
    if (this.#ended) return;
    if (this.#fault.swallow) {
      this.swallowed += data.length;
      this.tainted = true;
      return;
    }
    const out = this.#frames ? this.#frames(data) : data;
    if (out.length === 0) return;
    this.#queue.push({ due: this.#due(), data: out });
    this.#bytes += out.length;
    this.mostQueued = Math.max(this.mostQueued, this.#bytes);
    this.pump();
  }

  #due() {
    const { delayMs, jitterMs } = this.#fault;
    const due = delayMs + jitterMs === 0 ? 0 : now() + delayMs + (2 * this.#random.next() - 1) * jitterMs;
    this.#lastDue = Math.max(this.#lastDue, due);
    return this.#lastDue;
  }

  #write(head) {
    const { bytesPerSecond } = this.#fault;
    const most = bytesPerSecond === Infinity ? head.data.length : Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND));
    const piece = head.data.subarray(0, most);
    if (piece.length === head.data.length) this.#queue.shift();
    else head.data = head.data.subarray(most);
    this.#bytes -= piece.length;
    this.passed += piece.length;
    if (bytesPerSecond !== Infinity) {
      this.#readyAt = Math.max(this.#readyAt, now()) + (piece.length * 1000) / bytesPerSecond;
    }
    this.#blocked = !this.#sink.write(piece);
  }

  #regulate() {
    if (this.#bytes >= HIGH_WATER_BYTES) this.#source.pause();
    else if (this.#bytes <= HIGH_WATER_BYTES / 2 && this.#source.isPaused()) this.#source.resume();
  }
}
