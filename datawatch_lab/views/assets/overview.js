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

  const start = setInterval(() => {
    const down = model("dw-page");
    if (!down) return;
    clearInterval(start);
    down.properties.tags.change.connect(() => show(down.tags[0]));
    show(down.tags[0]);
    model("dw-choice").tags = ["ready"];
  }, 50);
})();
