(() => {
  "use strict";
  const slots = Object.fromEntries(
    [...document.querySelectorAll("[data-slot]")].map((el) => [el.dataset.slot, el]),
  );
  const parts = [...document.querySelectorAll("[data-part]")];
  const buttons = [...document.querySelectorAll("[data-range]")];
  const main = document.getElementById("content");
  const model = (name) => {
    for (const doc of window.Bokeh?.documents ?? []) {
      const found = doc.get_model_by_name(name);
      if (found) return found;
    }
    return null;
  };

  // The server sends finished HTML, escaped there, by slot; only slots that changed.
  function show(text) {
    const message = JSON.parse(text);
    if (!message.slots) return;
    for (const [name, html] of Object.entries(message.slots)) {
      if (slots[name]) slots[name].innerHTML = html;
    }
    for (const part of parts) part.hidden = !message.shown.includes(part.dataset.part);
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.range === message.range));
    }
    main.dataset.state = "ready";
    const name = slots.name.textContent;
    document.title = name ? `${name} · DataWatch` : "DataWatch";
  }

  function choose(range) {
    const up = model("dw-choice");
    if (!up) return;
    up.tags = [range];
    const url = new URL(location.href);
    url.searchParams.set("range", range);
    history.replaceState(null, "", url);
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.range === range));
    }
  }
  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.range));

  // Charts take their colours from CSS variables when they paint.
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
  const toggle = document.getElementById("dw-theme");
  const themes = ["system", "light", "dark"];
  const icons = { system: "◐", light: "☀", dark: "☾" };
  function setTheme(theme) {
    if (theme === "system") {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem("datawatch-theme");
    } else {
      document.documentElement.dataset.theme = theme;
      localStorage.setItem("datawatch-theme", theme);
    }
    toggle.setAttribute("aria-label", `Theme: ${theme}`);
    toggle.title = `Theme: ${theme}`;
    toggle.firstElementChild.textContent = icons[theme];
    repaint();
  }
  toggle.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "system";
    setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
  });
  setTheme(document.documentElement.dataset.theme ?? "system");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  // A page that lost its server says so, and comes back by itself.
  const offline = document.getElementById("dw-offline");
  let timer = null;
  function found() {
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
    const down = model("dw-page");
    if (!down) return;
    clearInterval(start);
    down.properties.tags.change.connect(() => show(down.tags[0]));
    show(down.tags[0]);
    model("dw-choice").tags = ["ready"];
    down.document.config.notify_connection_status = false;
    down.document.on_event("connection_lost", lost);
    down.document.on_event("client_reconnected", found);
    document.fonts?.ready.then(repaint);
  }, 50);
})();
