/** The last summary, asked for again and again by one timer. */
import { Signal, ISignal } from '@lumino/signaling';
import { Alert, Refused, start, State, stop, summary, Summary } from './api';

const HIDDEN_SECONDS = 30;
const SOON_SECONDS = 1;
const RATE_SECONDS = 30;

const away = (message: string): State => ({
  name: 'away',
  workspace: '',
  name_of_workspace: '',
  exists: false,
  message,
  by: ''
});

export class Model {
  /** Seconds between looks while somebody sees them. */
  seconds = 5;
  private _last: Summary = { state: { ...away('Looking for the engine …'), name: 'starting' } };
  private _changed = new Signal<this, void>(this);
  private _fired = new Signal<this, Alert>(this);
  private _known: Set<string> | null = null;
  private _timer = 0;
  private _asking = false;
  private _isSeen: () => boolean = () => false;
  private _seen: { at: number; events: number }[] = [];

  get last(): Summary {
    return this._last;
  }
  get changed(): ISignal<this, void> {
    return this._changed;
  }
  /** An alert that was not there at the look before. */
  get fired(): ISignal<this, Alert> {
    return this._fired;
  }
  get isRunning(): boolean {
    return this._last.state.name === 'running';
  }
  /** Whether who asks may change things. */
  get mayEdit(): boolean {
    return this.isRunning && ['editor', 'admin'].includes(this._last.me?.role ?? '');
  }
  get isAdmin(): boolean {
    return this.isRunning && this._last.me?.role === 'admin';
  }
  /** Events a second over the last half minute; null until two looks were made. */
  get rate(): number | null {
    const first = this._seen[0];
    const last = this._seen[this._seen.length - 1];
    if (!first || !last || last.at - first.at < 900) return null;
    return Math.max(0, ((last.events - first.events) * 1000) / (last.at - first.at));
  }

  begin(): void {
    document.addEventListener('visibilitychange', () => void this.refresh());
    void this.refresh();
  }

  /** Tells whether somebody sees what is shown. */
  set isSeen(seen: () => boolean) {
    this._isSeen = seen;
  }

  async refresh(): Promise<void> {
    if (this._asking) return;
    this._asking = true;
    clearTimeout(this._timer);
    try {
      this._take(await summary());
    } catch (error) {
      this._last = { state: away(error instanceof Refused ? error.message : String(error)) };
      this._seen = [];
    } finally {
      this._asking = false;
      this._plan();
    }
    this._changed.emit();
  }

  async start(): Promise<void> {
    await start();
    await this.refresh();
  }

  async stop(): Promise<void> {
    await stop();
    await this.refresh();
  }

  private _take(found: Summary): void {
    this._last = found;
    if (found.status) {
      const now = performance.now();
      const last = this._seen[this._seen.length - 1];
      if (last && found.status.events < last.events) this._seen = [];
      this._seen.push({ at: now, events: found.status.events });
      while (this._seen.length > 2 && now - this._seen[1].at > RATE_SECONDS * 1000) this._seen.shift();
    } else {
      this._seen = [];
    }
    if (!found.alerts) return;
    for (const each of found.alerts) {
      if (this._known && !this._known.has(each.id)) this._fired.emit(each);
    }
    this._known = new Set([...(this._known ?? []), ...found.alerts.map(each => each.id)]);
  }

  private _plan(): void {
    if (document.hidden) return; // asked again when the page is looked at
    const shown = this._isSeen() ? this.seconds : Math.max(HIDDEN_SECONDS, this.seconds);
    const wait = this._last.state.name === 'starting' ? SOON_SECONDS : shown;
    this._timer = window.setTimeout(() => void this.refresh(), wait * 1000);
  }
}
