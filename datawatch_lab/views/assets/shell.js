// The frame of every page: the wire to the server, navigation, forms, keyboard, theme.
(() => {
  "use strict";
  const content = document.getElementById("content");
  const generic = content.hasAttribute("data-page");
  const one = (id) => document.getElementById(id);
  let page = document.body.querySelector("[data-portal]")?.dataset.portal ?? "home";
  let down = null;
  let up = null;
  let number = 0;
  const waiting = [];

  const model = (name) => {
    for (const doc of window.Bokeh?.documents ?? []) {
      const found = doc.get_model_by_name(name);
      if (found) return found;
    }
    return null;
  };

  function ask(message) {
    number += 1;
    const text = JSON.stringify({ n: number, ...message });
    if (up) up.tags = [text];
    else waiting.push(text);
    return number;
  }

  // ------------------------------------------------------------------ what the server says

  function section(name) {
    if (!generic) return null;
    return content.querySelector(`:scope > [data-slot="${CSS.escape(name)}"]`);
  }

  function arrange(order) {
    for (const old of [...content.children]) {
      if (!order.includes(old.dataset.slot)) old.remove();
    }
    let before = null;
    for (const name of order) {
      let element = section(name);
      if (!element) {
        element = document.createElement("div");
        element.dataset.slot = name;
      }
      const next = before ? before.nextSibling : content.firstChild;
      if (next !== element) content.insertBefore(element, next);
      before = element;
    }
  }

  function put(slots, local) {
    for (const [name, html] of Object.entries(slots ?? {})) {
      const own = content.querySelector(`[data-local-slot="${CSS.escape(name)}"]`);
      const element = (local && own) || section(name) || own;
      if (!element) continue;
      DataWatchMorph(element, html);
      if (local && element === own) own.dataset.localSet = "1";
    }
  }

  function around(slots) {
    for (const [name, html] of Object.entries(slots ?? {})) {
      for (const element of document.querySelectorAll(`[data-around="${CSS.escape(name)}"]`)) {
        DataWatchMorph(element, html);
        if (name === "found") listFound();
      }
    }
  }

  function show(text) {
    const message = JSON.parse(text);
    if (!message.serial) return;
    if (message.around) around(message.around);
    if (message.slots?.found !== undefined) around({ found: message.slots.found });
    if (message.page === page) {
      if (generic && message.order) {
        arrange(message.order);
        content.dataset.state = "ready";
      }
      put(message.slots, message.local);
      if (generic && message.order && !content.contains(document.activeElement)) settle();
    }
    if (message.local) {
      for (const element of document.querySelectorAll(`[data-local-busy="${message.n}"]`)) {
        element.removeAttribute("data-local-busy");
        element.removeAttribute("aria-busy");
        if (message.close) element.closest("details")?.removeAttribute("open");
        if (!message.fault && element.nodeName === "FORM") clean(element);
      }
      if (message.said) toast(message.said, "good");
      if (message.fault) toast(message.fault, "bad");
      if (message.go) go(message.go);
    }
  }

  function settle() {
    const target = content.querySelector("[autofocus]");
    if (target) target.focus({ preventScroll: true });
  }

  function toast(text, tone) {
    const element = document.createElement("div");
    element.className = `toast ${tone}`;
    element.textContent = `${tone === "bad" ? "✕" : "✓"} ${text}`;
    if (tone === "bad") element.setAttribute("role", "alert");
    one("dw-toasts").append(element);
    setTimeout(() => element.remove(), tone === "bad" ? 9000 : 4000);
  }

  // ------------------------------------------------------------------ going somewhere

  const titles = Object.fromEntries(
    [...document.querySelectorAll("#dw-nav a[data-key]")].map((a) => [a.dataset.key, a.dataset.title]),
  );

  // An app that stands alone has no navigation, and no other page to go to.
  const alone = Object.keys(titles).length === 0;
  const known = (name) => name in titles || (alone && generic && name === page);

  function pageOf(url) {
    const name = url.pathname.replace(/\/+$/, "").split("/").pop();
    return name === "datawatch" ? "home" : name;
  }

  function mark() {
    for (const a of document.querySelectorAll("#dw-nav a[data-key]")) {
      if (a.dataset.key === page) a.setAttribute("aria-current", "page");
      else a.removeAttribute("aria-current");
    }
    if (titles[page]) {
      one("dw-title").textContent = titles[page];
      document.title = `${titles[page]} · DataWatch`;
    }
  }

  // Pages of one frame change without loading anything; others are loaded.
  function go(href, { replace = false } = {}) {
    const url = new URL(href, location.href);
    const next = pageOf(url);
    closeDrawer();
    if (!generic || url.origin !== location.origin || !known(next) || next === "home" || page === "home") {
      location.assign(url);
      return;
    }
    if (url.href === location.href && !replace) replace = true;
    for (const set of content.querySelectorAll("[data-local-set]")) delete set.dataset.localSet;
    history[replace ? "replaceState" : "pushState"](null, "", url);
    if (next !== page) {
      page = next;
      content.dataset.state = "waiting";
      content.replaceChildren(skeleton());
      scrollTo(0, 0);
      mark();
    }
    ask({ go: `${next}${url.search}` });
  }

  function skeleton() {
    const wait = document.createElement("div");
    wait.className = "wait-page";
    wait.setAttribute("role", "status");
    wait.innerHTML = '<span class="heard">Loading …</span><i></i><i></i><i></i>';
    return wait;
  }

  window.DataWatchGo = (changes) => {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(changes)) {
      if (value === "" || value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    go(url.href);
  };
  addEventListener("popstate", () => {
    const url = new URL(location.href);
    const next = pageOf(url);
    if (!generic || next === "home" || page === "home") {
      location.reload();
      return;
    }
    page = next;
    mark();
    ask({ go: `${next}${url.search}` });
  });

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (anchor.target || anchor.hasAttribute("download") || anchor.getAttribute("href").startsWith("#")) return;
    const url = new URL(anchor.href);
    if (url.origin !== location.origin) return;
    if (known(pageOf(url))) {
      event.preventDefault();
      go(anchor.href);
    } else if (alone && url.pathname !== location.pathname) {
      event.preventDefault();
      toast("That page is served by `datawatch serve`.", "bad");
    }
  });

  // ------------------------------------------------------------------ buttons and forms

  function fieldsOf(form, submitter) {
    const fields = {};
    for (const [name, value] of new FormData(form, submitter).entries()) {
      if (typeof value !== "string") continue;
      if (name.endsWith("[]")) (fields[name.slice(0, -2)] ??= []).push(value);
      else fields[name] = value;
    }
    return fields;
  }

  function busy(element, n) {
    element.dataset.localBusy = n;
    element.setAttribute("aria-busy", "true");
  }

  const confirmed = (text, word) =>
    new Promise((resolve) => {
      const dialog = one("dw-ask");
      one("dw-ask-text").textContent = text;
      one("dw-ask-yes").textContent = word;
      dialog.returnValue = "no";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
      dialog.showModal();
    });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button");
    if (!button) return;
    if (button.dataset.copy !== undefined) {
      await copy(button.dataset.copy);
      return;
    }
    if (button.dataset.csv) {
      download(content.querySelector(`[data-local-slot="${CSS.escape(button.dataset.csv)}"] table`));
      return;
    }
    if (button.hasAttribute("data-again")) {
      ask({ again: true });
      return;
    }
    if (!button.dataset.act || button.type === "submit") return;
    if (button.dataset.confirm && !(await confirmed(button.dataset.confirm, button.textContent))) return;
    const fields = {};
    for (const [key, value] of Object.entries(button.dataset)) {
      if (/^f[A-Z]/.test(key)) fields[key[1].toLowerCase() + key.slice(2)] = value;
    }
    for (const attribute of button.attributes) {
      if (attribute.name.startsWith("data-f-")) fields[attribute.name.slice(7)] = attribute.value;
    }
    busy(button, ask({ act: button.dataset.act, fields }));
  });

  // Rows as CSV; a text that a spreadsheet would take for a formula is made harmless.
  function download(table) {
    if (!table) return;
    const cell = (text) => {
      const safe = /^[=+@\t\r]|^-(?![\d.]+(?:e[+-]?\d+)?$)/i.test(text) ? `'${text}` : text;
      return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const lines = [...table.rows].map((row) =>
      // What is told by the clocks of the workspace is written as it is stored.
      [...row.cells]
        .map((each) => (each.querySelector(".quiet") ? "" : cell(each.querySelector("[data-value]")?.dataset.value ?? each.textContent)))
        .join(","),
    );
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" }));
    link.download = "datawatch.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.", "good");
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      toast(done ? "Copied." : "The browser does not let this page copy.", done ? "good" : "bad");
    }
  }

  function clean(form) {
    for (const element of form.elements) delete element.dataset.localDirty;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("data-go")) {
      event.preventDefault();
      clean(form);
      window.DataWatchGo(fieldsOf(form, event.submitter));
    } else if (form.dataset.act) {
      event.preventDefault();
      busy(form, ask({ act: event.submitter?.dataset.act || form.dataset.act, fields: fieldsOf(form) }));
    }
  });

  const pauses = new WeakMap();
  function later(element, then, pause) {
    clearTimeout(pauses.get(element));
    pauses.set(element, setTimeout(then, pause));
  }
  document.addEventListener("input", (event) => {
    const element = event.target;
    const form = element.form;
    if (!form) return;
    if (!form.hasAttribute("data-go")) element.dataset.localDirty = "1";
    if (form.dataset.live) later(form, () => ask({ act: form.dataset.live, fields: fieldsOf(form) }), 300);
    if (form.hasAttribute("data-go") && element.type === "search") {
      later(form, () => window.DataWatchGo(fieldsOf(form)), 350);
    }
    if (element.type === "range") {
      const output = form.querySelector(`output[for="${CSS.escape(element.id)}"]`);
      if (output) output.value = element.value;
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.hasAttribute("data-go") && event.target.type !== "search" && !event.target.hasAttribute("data-wait")) {
      window.DataWatchGo(fieldsOf(form));
    }
  });
  // Ctrl+Enter sends what is typed into several lines.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.nodeName === "TEXTAREA") {
      event.preventDefault();
      event.target.form?.requestSubmit();
    }
  });

  // ------------------------------------------------------------------ search

  const search = one("dw-search");
  const found = one("dw-found");
  let chosen = -1;
  const options = () => [...found.querySelectorAll('[role="option"]')];
  function listFound() {
    const open = document.activeElement === search && search.value.trim() !== "";
    found.hidden = !open;
    search.setAttribute("aria-expanded", String(open));
    choose(options().length ? 0 : -1);
  }
  function choose(place) {
    chosen = place;
    options().forEach((option, each) => {
      option.id = `dw-option-${each}`;
      option.setAttribute("aria-selected", String(each === place));
      if (each === place) option.scrollIntoView({ block: "nearest" });
    });
    if (place >= 0) search.setAttribute("aria-activedescendant", `dw-option-${place}`);
    else search.removeAttribute("aria-activedescendant");
  }
  search?.addEventListener("input", () => {
    const text = search.value.trim();
    if (!text) {
      found.hidden = true;
      return;
    }
    later(search, () => ask({ act: "shell.search", fields: { text, page } }), 120);
  });
  search?.addEventListener("keydown", (event) => {
    const count = options().length;
    if (event.key === "ArrowDown" && count) choose((chosen + 1) % count);
    else if (event.key === "ArrowUp" && count) choose((chosen + count - 1) % count);
    else if (event.key === "Escape") {
      found.hidden = true;
      search.blur();
      return;
    } else if (event.key === "Enter") {
      options()[chosen]?.click();
      found.hidden = true;
      search.blur();
    } else return;
    event.preventDefault();
  });
  search?.addEventListener("blur", () => setTimeout(() => (found.hidden = true), 200));
  search?.form.addEventListener("submit", (event) => event.preventDefault());

  // ------------------------------------------------------------------ keyboard

  let pending = 0;
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") closeDrawer();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      one("dw-keys").showModal();
    } else if (event.key === "g") {
      pending = Date.now();
    } else if (Date.now() - pending < 1500) {
      pending = 0;
      const target = document.querySelector(`#dw-nav a[data-letter="${CSS.escape(event.key)}"]`);
      if (target) go(target.href);
    }
  });
  one("dw-help")?.addEventListener("click", () => one("dw-keys").showModal());

  // ------------------------------------------------------------------ drawer and theme

  const root = document.documentElement;
  const menu = one("dw-menu");
  function closeDrawer() {
    root.removeAttribute("data-drawer");
    menu?.setAttribute("aria-expanded", "false");
  }
  menu?.addEventListener("click", () => {
    const open = root.toggleAttribute("data-drawer");
    menu.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector("#dw-nav a")?.focus();
  });
  one("dw-shade")?.addEventListener("click", closeDrawer);
  one("dw-fold")?.addEventListener("click", () => {
    const narrow = root.dataset.rail !== "narrow";
    if (narrow) root.dataset.rail = "narrow";
    else delete root.dataset.rail;
    localStorage.setItem("datawatch-rail", narrow ? "narrow" : "wide");
  });

  // Charts of Bokeh take their colours from CSS variables when they paint.
  function repaint() {
    for (const view of Object.values(window.Bokeh?.index?.roots ?? window.Bokeh?.index ?? {})) {
      const stack = [view];
      while (stack.length) {
        const each = stack.pop();
        if (each?.model?.type === "Figure") each.request_repaint();
        if (each?.child_views) stack.push(...each.child_views);
      }
    }
  }
  const toggle = one("dw-theme");
  const themes = ["system", "light", "dark"];
  const icons = { system: "◐", light: "☀", dark: "☾" };
  function setTheme(theme) {
    if (theme === "system") {
      delete root.dataset.theme;
      localStorage.removeItem("datawatch-theme");
    } else {
      root.dataset.theme = theme;
      localStorage.setItem("datawatch-theme", theme);
    }
    toggle.setAttribute("aria-label", `Theme: ${theme}`);
    toggle.title = `Theme: ${theme}`;
    toggle.firstElementChild.textContent = icons[theme];
    repaint();
  }
  toggle.addEventListener("click", () => {
    setTheme(themes[(themes.indexOf(root.dataset.theme ?? "system") + 1) % themes.length]);
  });
  setTheme(root.dataset.theme ?? "system");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  document.fonts?.ready.then(repaint);

  // ------------------------------------------------------------------ the wire

  // A page that lost its server says so, and comes back by itself.
  const offline = one("dw-offline");
  let timer = null;
  function met() {
    offline.hidden = true;
    clearInterval(timer);
    timer = null;
  }
  function lost() {
    offline.hidden = false;
    timer ??= setInterval(async () => {
      try {
        const answer = await fetch(location.href, { method: "GET", cache: "no-store" });
        if (answer.ok) location.reload();
      } catch (error) {
        console.debug("DataWatch: no answer yet", error);
      }
    }, 2000);
  }

  const start = setInterval(() => {
    down = model("dw-down");
    up = model("dw-up");
    if (!down || !up) return;
    clearInterval(start);
    down.properties.tags.change.connect(() => show(down.tags[0]));
    const url = new URL(location.href);
    up.tags = [JSON.stringify({ n: 0, ready: true, go: generic ? `${page}${url.search}` : "" })];
    for (const text of waiting.splice(0)) up.tags = [text];
    down.document.config.notify_connection_status = false;
    down.document.on_event("connection_lost", lost);
    down.document.on_event("client_reconnected", met);
  }, 20);
})();
