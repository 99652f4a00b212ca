// The network between a client and a server: it can be cut, lead elsewhere, or lose one end without the other's
// notice.
import net from 'node:net';
import { eventually } from './log.mjs';

export class Wire {
  #door;
  #port;
  isShut = false;
  #pairs = new Set();
  /** The ends at the server of connections whose client is gone without a word. */
  #stranded = new Set();

  static async to(url) {
    const wire = new Wire();
    wire.leadTo(url);
    wire.#door = net.createServer((near) => wire.#join(near)).unref();
    await new Promise((resolve, reject) => {
      wire.#door.once('error', reject);
      wire.#door.listen(0, '127.0.0.1', resolve);
    });
    wire.port = wire.#door.address().port;
    wire.url = `http://127.0.0.1:${wire.port}`;
    return wire;
  }

  /** Where new connections go from now on. */
  leadTo(url) {
    this.#port = Number(new URL(url).port);
  }

  /** New connections are cut off at once. */
  shut() {
    this.isShut = true;
  }

  open() {
    this.isShut = false;
  }

  /** Every connection ends at both ends, without a goodbye. */
  cut() {
    for (const { near, far } of this.#pairs) for (const end of [near, far]) sever(end);
  }

  /** Every connection ends at the client; the server hears nothing at all, not even that. */
  strand() {
    for (const pair of this.#pairs) {
      this.#pairs.delete(pair);
      this.#stranded.add(pair.far);
      pair.far.off('data', pair.down).resume().once('close', () => this.#stranded.delete(pair.far));
      sever(pair.near);
    }
  }

  get isForgotten() {
    return this.#stranded.size === 0;
  }

  /** The server has given up what was stranded. */
  forgotten() {
    return eventually(() => this.isForgotten, 'the server to give up its half of a connection');
  }

  close() {
    this.#door.close();
    this.cut();
    for (const far of this.#stranded) far.destroy();
  }

  #join(near) {
    near.on('error', () => {});
    if (this.isShut) {
      sever(near);
      return;
    }
    const far = net.connect(this.#port, '127.0.0.1').on('error', () => {});
    const pair = { near, far, down: (bytes) => near.write(bytes) };
    const isWhole = () => this.#pairs.has(pair);
    this.#pairs.add(pair);
    far.on('data', pair.down);
    near.on('data', (bytes) => isWhole() && far.write(bytes));
    for (const [end, other] of [[near, far], [far, near]]) {
      end.setNoDelay(true);
      end.on('end', () => isWhole() && other.end());
      end.on('close', () => {
        if (!this.#pairs.delete(pair)) return;
        other.destroy();
      });
    }
  }
}

/** With RST; where the end was already said that would leak the handle, and this process would never end. */
function sever(socket) {
  if (socket.writableEnded) socket.destroy();
  else if (!socket.destroyed) socket.resetAndDestroy();
}
