/** "Connect to a database…": an address, what stands in the way, start. */
import { Dialog, Notification } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { doctor, Finding, Source, watch } from './api';
import { fill, h } from './dom';

class Form extends Widget {
  readonly url = h('input', { type: 'text', name: 'url', class: 'jp-mod-styled', autocomplete: 'off', spellcheck: 'false', placeholder: 'postgresql://user:password@host/database' });
  readonly tables = h('input', { type: 'text', name: 'tables', class: 'jp-mod-styled', autocomplete: 'off', spellcheck: 'false', placeholder: 'all' });
  readonly snapshot = h('input', { type: 'checkbox', name: 'snapshot', checked: true });
  private _check = h('button', { type: 'button', class: 'jp-mod-styled dw-check' }, 'Check');
  private _found = h('div', { class: 'dw-findings', role: 'status', 'aria-live': 'polite' });

  constructor() {
    super();
    this.addClass('dw-connect');
    this._check.addEventListener('click', () => void this.check());
    this.node.append(
      h('label', {}, h('span', {}, 'Address'), this.url),
      h('p', { class: 'dw-hint' }, 'postgresql://, mysql://, kafka:// or redis://. A password is kept in memory only; write ${NAME} for a variable of the engine’s environment.'),
      h('label', {}, h('span', {}, 'Tables'), this.tables),
      h('p', { class: 'dw-hint' }, 'Patterns with commas between them, such as public.*, shop.orders'),
      h('label', { class: 'dw-tick' }, this.snapshot, h('span', {}, 'Copy the rows that are there first')),
      this._check,
      this._found
    );
  }

  get source(): Source {
    const include = this.tables.value.split(',').map(each => each.trim()).filter(Boolean);
    return { url: this.url.value.trim(), name: '', include, snapshot: this.snapshot.checked };
  }

  say(text: string, tone = 'bad'): void {
    fill(this._found, h('p', { class: `dw-finding dw-${tone}` }, h('i', { 'aria-hidden': 'true' }, tone === 'bad' ? '✕' : '…'), h('span', {}, text)));
  }

  /** Ask the doctor; whether nothing stands in the way. */
  async check(): Promise<boolean> {
    if (!this.source.url) {
      this.say('Give the address of the database.');
      this.url.focus();
      return false;
    }
    this._check.disabled = true;
    this.say('Checking …', 'calm');
    try {
      const found = await doctor(this.source);
      fill(this._found, ...found.map(each => this._finding(each)));
      return !found.some(each => !each.ok && each.blocking);
    } catch (error) {
      this.say((error as Error).message);
      return false;
    } finally {
      this._check.disabled = false;
    }
  }

  private _finding(each: Finding): HTMLElement {
    const [tone, mark] = each.ok ? ['good', '✓'] : each.blocking ? ['bad', '✕'] : ['warn', '▲'];
    return h(
      'p',
      { class: `dw-finding dw-${tone}` },
      h('i', { 'aria-hidden': 'true' }, mark),
      h('span', {}, h('b', {}, each.check), ` ${each.detail}`, !each.ok && each.fix ? h('code', {}, each.fix) : null)
    );
  }
}

/** A dialog that stays open until the database is watched. */
export class ConnectDialog extends Dialog<unknown> {
  private _form: Form;
  private _busy = false;

  constructor(private _done: () => void) {
    const form = new Form();
    super({
      title: 'Connect to a database',
      body: form,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Start' })],
      focusNodeSelector: 'input[name=url]',
      hasClose: true
    });
    this._form = form;
    this.addClass('dw-connect-dialog');
  }

  override resolve(index?: number): void {
    if (index !== 1) super.resolve(index);
    else void this._start();
  }

  private async _start(): Promise<void> {
    if (this._busy) return;
    this._busy = true;
    try {
      if (!(await this._form.check())) return;
      const made = await watch(this._form.source);
      Notification.success(`${made.name} is watched; its tables appear as their rows come.`, { autoClose: 5000 });
      this._done();
      super.resolve(1);
    } catch (error) {
      this._form.say((error as Error).message);
    } finally {
      this._busy = false;
    }
  }
}
