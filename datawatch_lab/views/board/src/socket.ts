// One WebSocket with reconnect: it says what it has, so that only what is missing comes.

import type { Message } from "./message.ts";

export interface FeedOptions {
  message(message: Message): void;
  seq(): number;
  state(connected: boolean): void;
  /** Milliseconds of silence after which the connection is taken for dead. */
  patience(): number;
}

const FIRST_WAIT = 500;
const MOST_WAIT = 15_000;

export class Feed {
  private socket: WebSocket | null = null;
  private wait = FIRST_WAIT;
  private timer = 0;
  private silence = 0;
  private hasState = true;

  constructor(
    private address: string,
    private readonly options: FeedOptions,
  ) {}

  open(): void {
    clearTimeout(this.timer);
    const where = new URL(this.address);
    if (this.hasState) where.searchParams.set("since", String(this.options.seq()));
    const socket = new WebSocket(where);
    this.socket = socket;
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.wait = FIRST_WAIT;
      this.hasState = true;
      this.listen(socket);
      this.options.state(true);
      this.options.message(JSON.parse(event.data as string) as Message);
    };
    this.listen(socket);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      clearTimeout(this.silence);
      this.options.state(false);
      this.timer = window.setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
      this.wait = Math.min(MOST_WAIT, this.wait * 2);
    };
  }

  /** A machine that slept, or a network that changed, closes nothing: silence does. */
  private listen(socket: WebSocket): void {
    clearTimeout(this.silence);
    this.silence = window.setTimeout(() => {
      if (this.socket !== socket) return;
      this.socket = null;
      socket.close();
      this.options.state(false);
      this.open();
    }, this.options.patience());
  }

  /** Look at something else: another range, other filters. */
  move(address: string): void {
    this.address = address;
    this.again();
  }

  /** Begin with a whole snapshot. */
  again(): void {
    this.hasState = false;
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.open();
  }
}
