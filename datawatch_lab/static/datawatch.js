/*
 * DataWatch in the browser: events, page views, purchases and measurements in batches, and the
 * live dashboard. No dependency. See docs/client.md.
 *
 *   <script src="http://127.0.0.1:3002/static/datawatch.js" data-service="shop"></script>
 *   <script>datawatch.trackEvent("search", {query: "shoes"});</script>
 *
 * or  const dw = new DataWatch({url, token, service});
 */
(function (global) {
  "use strict";

  const BATCH = "/api/v1/datawatch/events/batch";
  const SOCKET = "/ws/dashboard";
  const SCHEMA = "datawatch";
  const BEACON_BYTES = 60000; // browsers take 64 KiB for all that is on its way at the end
  const KEPT_BYTES = 1000000; // of localStorage, for what could not be sent
  const RETRY = { first: 500, longest: 30000 }; // ms
  const SILENCE = 15000; // ms without a message before a socket counts as dead
  const HIDDEN_REQUEST = 60000; // ms; a request that takes longer is given up and made again

  const script = global.document && global.document.currentScript;

  function randomId() {
    const bytes = global.crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function stored(area, key, make) {
    try {
      let value = area.getItem(key);
      if (value === null && make) {
        value = make();
        area.setItem(key, value);
      }
      return value;
    } catch {
      return make ? make() : null; // storage is switched off
    }
  }

  /** How long to wait after so many failures, ms: exponential with full jitter. */
  function backoff(failures) {
    const bound = Math.min(RETRY.longest, RETRY.first * 2 ** Math.min(failures, 20));
    return bound * (0.1 + 0.9 * Math.random());
  }

  function byteLength(text) {
    return new global.Blob([text]).size;
  }

  class DataWatch {
    /**
     * @param {object|string} options the server's address, or
     *   url            of the server; the script's own by default
     *   token          that it asks for; none on the server's own pages
     *   service        what the events are of; the page's host by default
     *   userId         who is here; see identify
     *   batchSize      events of a request, 100
     *   flushInterval  ms after which fewer are sent, 5000
     *   maxQueue       events that wait; beyond it the oldest are dropped and counted, 10000
     *   onRejected     called with (event, outcome, reason) for what did not get in
     */
    constructor(options = {}) {
      const given = typeof options === "string" ? { url: options } : options;
      const home = script && script.src ? new URL(script.src).origin : global.location.origin;
      this.url = (given.url || home).replace(/\/+$/, "");
      this.token = given.token || "";
      this.service = given.service || global.location.hostname || "web";
      this.userId = given.userId === undefined ? null : given.userId;
      this.batchSize = given.batchSize || 100;
      this.flushInterval = given.flushInterval || 5000;
      this.maxQueue = given.maxQueue || 10000;
      this.onRejected = given.onRejected || null;
      this.sessionId = stored(global.sessionStorage, "datawatch.session", randomId);
      this._prefix = "datawatch.waiting:" + this.url + ":";
      this._key = this._prefix + randomId(); // tabs must not overwrite each other's
      this._queue = [];
      this._sending = null;
      this._failures = 0;
      this._retryAt = 0;
      this._timer = null;
      this._counts = { queued: 0, accepted: 0, duplicate: 0, rejected: 0, dropped: 0, retries: 0 };
      this._recover();
      this._hide = () => this._leave(true);
      this._visibility = () => global.document.visibilityState === "hidden" && this._leave(false);
      global.addEventListener("pagehide", this._hide);
      global.document.addEventListener("visibilitychange", this._visibility);
    }

    /** What became of the events; waiting are those not answered for yet. */
    get stats() {
      return { ...this._counts, waiting: this._queue.length };
    }

    /** Say who is here; later events carry it. */
    identify(userId) {
      this.userId = userId;
    }

    /**
     * Something happened.
     * @param {string} type request, error, purchase, product_view, search, cart_add or your own
     * @param {object} [data] what there is to say of it
     * @param {object} [fields] tags, endpoint, duration_ms, status_code, success …
     */
    trackEvent(type, data = {}, fields = {}) {
      this._row("events", {
        type,
        service: this.service,
        user_id: this.userId,
        session_id: this.sessionId,
        endpoint: global.location.pathname,
        data,
        ...fields,
      });
    }

    /** A page was looked at; the present one by default. */
    trackPageView(path = global.location.pathname, data = {}) {
      const page = { title: global.document.title, referrer: global.document.referrer };
      this.trackEvent("page_view", { ...page, ...data }, { endpoint: path });
    }

    /** Somebody bought something: trackPurchase({order_id, amount, currency, items}). */
    trackPurchase(purchase) {
      this.trackEvent("purchase", purchase);
    }

    /** One measurement, such as recordMetric("cart_size", 3). */
    recordMetric(name, value, unit, tags) {
      this._row("measurements", { name, value, unit, tags, service: this.service });
    }

    /** Send what waits; true once the server answered for all of it. */
    async flush() {
      this._retryAt = 0;
      while (this._queue.length) {
        if (!(await this._send())) {
          return false;
        }
      }
      return true;
    }

    /** Follow the live dashboard: called with (data, message) at once and after every change.
     *  Gives an object with close(), state and seq. It reconnects by itself and misses nothing. */
    live(onUpdate, options = {}) {
      return new LiveDashboard(this, onUpdate, options);
    }

    /** Send what waits and stop. */
    async close() {
      const done = await this.flush();
      global.removeEventListener("pagehide", this._hide);
      global.document.removeEventListener("visibilitychange", this._visibility);
      global.clearTimeout(this._timer);
      return done;
    }

    _row(table, fields) {
      const after = {};
      for (const [name, value] of Object.entries(fields)) {
        if (value !== undefined && value !== null) {
          after[name] = value;
        }
      }
      const event = { id: randomId(), type: "INSERT", schema: SCHEMA, table };
      this._put({ ...event, timestamp: Date.now(), after });
    }

    _put(event) {
      const line = JSON.stringify(event);
      this._counts.queued += 1;
      this._queue.push(line);
      while (this._queue.length > this.maxQueue) {
        this._counts.dropped += 1;
        this._reject(this._queue.shift(), "dropped", "too many events wait");
      }
      this._plan();
    }

    /** Set the timer for when the next request is due. */
    _plan() {
      if (this._sending || !this._queue.length) {
        return;
      }
      const full = this._queue.length >= this.batchSize;
      const due = Math.max(full ? 0 : this.flushInterval, this._retryAt - Date.now());
      if (this._timer !== null && (!full || this._timerIsShort)) {
        return;
      }
      global.clearTimeout(this._timer);
      this._timerIsShort = full;
      this._timer = global.setTimeout(() => {
        this._timer = null;
        this._timerIsShort = false;
        this._send();
      }, due);
    }

    /** Send one batch; requests go one after another, so events arrive in order. */
    async _send() {
      if (this._sending) {
        return this._sending;
      }
      this._sending = this._request(this._queue.slice(0, this.batchSize)).finally(() => {
        this._sending = null;
        this._plan();
      });
      return this._sending;
    }

    async _request(lines) {
      let response;
      try {
        response = await global.fetch(this.url + BATCH, {
          method: "POST",
          body: lines.join("\n"),
          headers: this._headers(),
          credentials: "same-origin",
          signal: global.AbortSignal.timeout(HIDDEN_REQUEST),
        });
      } catch {
        return this._failed(null);
      }
      if (response.ok) {
        const answer = await response.json().catch(() => null);
        return answer === null ? this._failed(null) : this._took(lines, answer);
      }
      if ([400, 413, 415, 422].includes(response.status)) {
        if (lines.length === 1) {
          const said = await response.json().catch(() => null);
          this._counts.rejected += 1;
          this._drop(lines);
          this._reject(lines[0], "refused", said && said.error ? said.error.message : "");
          return true;
        }
        const half = Math.ceil(lines.length / 2);
        return (await this._request(lines.slice(0, half))) && this._request(lines.slice(half));
      }
      return this._failed(Number(response.headers.get("Retry-After")) || null);
    }

    _headers() {
      const headers = { "Content-Type": "application/x-ndjson" };
      if (this.token) {
        headers.Authorization = "Bearer " + this.token;
      }
      return headers;
    }

    _took(lines, answer) {
      this._counts.accepted += answer.applied;
      this._counts.duplicate += answer.duplicate;
      for (const each of answer.events || []) {
        if (each.outcome === "quarantined" || each.outcome === "late") {
          this._counts.rejected += 1;
          this._reject(lines[each.index], each.outcome, each.reason);
        }
      }
      this._drop(lines);
      this._failures = 0;
      this._retryAt = 0;
      return true;
    }

    _failed(seconds) {
      this._counts.retries += 1;
      const asked = seconds === null ? 0 : seconds * 1000;
      this._retryAt = Date.now() + Math.max(asked, backoff(this._failures));
      this._failures += 1;
      this._keep();
      return false;
    }

    /** Forget lines that are settled; the queue may have lost its oldest meanwhile. */
    _drop(lines) {
      const settled = new Set(lines);
      this._queue = this._queue.filter((line) => !settled.has(line));
      this._keep();
    }

    _reject(line, outcome, reason) {
      if (this.onRejected) {
        this.onRejected(JSON.parse(line), outcome, reason);
      } else {
        global.console.warn("datawatch: an event was not taken in; " + outcome + ": " + reason);
      }
    }

    /** Keep what waits while the server is away, for this page's next visit. */
    _keep() {
      try {
        if (!this._failures || !this._queue.length) {
          global.localStorage.removeItem(this._key);
          return;
        }
        const text = this._queue.join("\n");
        if (text.length <= KEPT_BYTES) {
          global.localStorage.setItem(this._key, text);
        }
      } catch {
        // Storage is switched off or full: it waits in memory only.
      }
    }

    /** Take over what earlier pages could not send. One that still lives sends it too, with the
     *  same ids, so it counts once. */
    _recover() {
      try {
        const area = global.localStorage;
        const keys = Object.keys(area).filter((key) => key.startsWith(this._prefix));
        for (const key of keys) {
          this._queue.push(...area.getItem(key).split("\n"));
        }
        if (!this._queue.length) {
          return;
        }
        area.setItem(this._key, this._queue.join("\n"));
        keys.forEach((key) => area.removeItem(key));
      } catch {
        // Storage is switched off or full: what is in memory is sent all the same.
      }
      this._counts.queued += this._queue.length;
      this._plan();
    }

    /** The page goes, or is hidden and may end unseen: hand what waits to the browser, which sends
     *  it also when the page is gone. It does not say what arrived, so with a server that is away
     *  nothing is handed over, and what a hidden page handed over waits on: sent again, it counts
     *  once by its ids. */
    _leave(goes) {
      if (this._failures) {
        this._keep();
        return;
      }
      const query = this.token ? "?token=" + encodeURIComponent(this.token) : "";
      let rest = this._queue;
      while (rest.length) {
        let size = 0;
        let count = 0;
        while (count < rest.length && size < BEACON_BYTES) {
          size += byteLength(rest[count]) + 1;
          count += 1;
        }
        if (size > BEACON_BYTES && count > 1) {
          count -= 1;
        }
        const body = rest.slice(0, count).join("\n");
        const blob = new global.Blob([body], { type: "text/plain;charset=UTF-8" });
        if (!global.navigator.sendBeacon(this.url + BATCH + query, blob)) {
          this._failures = 1;
          break;
        }
        rest = rest.slice(count);
      }
      if (goes) {
        this._queue = rest;
      }
      this._keep();
    }
  }

  /** The live dashboard: one socket that is opened again whenever it is lost. */
  class LiveDashboard {
    constructor(client, onUpdate, options) {
      this.data = null;
      this.seq = null;
      this.state = "connecting";
      this._client = client;
      this._onUpdate = onUpdate;
      this._onEvent = options.onEvent || null;
      this._onState = options.onState || null;
      this._failures = 0;
      this._closed = false;
      this._open();
    }

    /** Stop following. */
    close() {
      this._closed = true;
      global.clearTimeout(this._watch);
      global.clearTimeout(this._again);
      this._socket.close();
      this._say("closed");
    }

    _open() {
      const address = new URL(this._client.url.replace(/^http/, "ws") + SOCKET);
      if (this.seq !== null) {
        address.searchParams.set("since", String(this.seq));
      }
      if (this._client.token) {
        address.searchParams.set("token", this._client.token);
      }
      const socket = new global.WebSocket(address.href);
      this._socket = socket;
      socket.onopen = () => {
        this._failures = 0;
        this._say("open");
        this._await(socket);
      };
      socket.onmessage = (event) => {
        this._await(socket);
        this._take(JSON.parse(event.data));
      };
      socket.onclose = () => this._lost(socket);
    }

    _take(message) {
      if (typeof message.seq === "number") {
        this.seq = message.seq;
      }
      if (message.type === "snapshot" || message.type === "dashboard_update") {
        this.data = message.data;
        this._onUpdate(this.data, message);
      } else if (message.type === "event" && this._onEvent) {
        this._onEvent(message.data, message);
      }
    }

    /** A socket that says nothing for long is dead, though nobody said so. */
    _await(socket) {
      global.clearTimeout(this._watch);
      this._watch = global.setTimeout(() => {
        socket.onclose = null;
        socket.close();
        this._lost(socket);
      }, SILENCE);
    }

    _lost(socket) {
      if (this._closed || socket !== this._socket) {
        return;
      }
      global.clearTimeout(this._watch);
      this._say("connecting");
      this._again = global.setTimeout(() => this._open(), backoff(this._failures));
      this._failures += 1;
    }

    _say(state) {
      if (state !== this.state) {
        this.state = state;
        if (this._onState) {
          this._onState(state);
        }
      }
    }
  }

  global.DataWatch = DataWatch;
  if (script && script.dataset.service !== undefined) {
    const { service, token } = script.dataset;
    global.datawatch = new DataWatch({ service, token });
  }
})(window);
