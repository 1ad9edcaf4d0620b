// The page of the API: reads the OpenAPI document of this server and lets a person try operations.
// Everything is put in as text, never as markup.
"use strict";

(() => {
  const METHODS = ["get", "post", "put", "delete"];
  const main = document.querySelector("main");
  const nav = document.querySelector("nav");
  const search = document.querySelector("#search");
  const token = document.querySelector("#token");
  let spec = null;

  /** An element with attributes (functions are listeners) and children (strings are text). */
  function el(name, attributes = {}, ...children) {
    const found = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") found.addEventListener(key, value);
      else if (value !== null && value !== false) found.setAttribute(key, value === true ? "" : value);
    }
    found.append(...children.filter((each) => each !== null));
    return found;
  }

  /** What a `$ref` leads to, or the value itself. */
  function resolved(value) {
    let found = value;
    for (let depth = 0; found && found.$ref && depth < 20; depth += 1) {
      found = found.$ref.slice(2).split("/").reduce((at, part) => at?.[part], spec);
    }
    return found || {};
  }

  /** The type of a schema in a few words. */
  function typeOf(schema, depth = 0) {
    if (depth > 6) return "…";
    if (schema?.$ref) return schema.$ref.split("/").pop();
    const options = schema?.anyOf || schema?.oneOf;
    if (options) {
      const told = options.filter((each) => each.type !== "null");
      return told.map((each) => typeOf(each, depth + 1)).join(" | ");
    }
    if (schema?.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
    if (schema?.type === "array") return `${typeOf(schema.items, depth + 1)}[]`;
    if (schema?.type === "object" && schema.additionalProperties?.type)
      return `{…: ${typeOf(schema.additionalProperties, depth + 1)}}`;
    return schema?.format ? `${schema.type} (${schema.format})` : schema?.type || "any";
  }

  /** A table of a schema's fields; those that are objects open on demand. */
  function fields(schema, depth = 0) {
    const found = resolved(schema?.type === "array" ? schema.items : schema);
    const inner = found.type === "array" ? resolved(found.items) : found;
    const properties = Object.entries(inner.properties || {});
    if (!properties.length || depth > 5) return el("code", {}, typeOf(schema));
    const list = el("dl", { class: "fields" });
    for (const [name, value] of properties) {
      const target = resolved(value.type === "array" ? value.items : value);
      const opens = target.properties && depth < 5;
      list.append(
        el("dt", {}, el("code", {}, name)),
        el("dd", {}, opens ? lazily(typeOf(value), () => fields(value, depth + 1)) : typeOf(value)),
      );
    }
    return list;
  }

  function lazily(label, make) {
    const box = el("details", {}, el("summary", {}, label));
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) box.append(make());
    });
    return box;
  }

  function parameterRow(parameter, id) {
    const schema = resolved(parameter.schema);
    const choices = schema.enum || schema.anyOf?.find((each) => resolved(each).enum)?.enum;
    const attributes = { id, name: parameter.name, "data-in": parameter.in, required: parameter.required };
    const input = choices
      ? el("select", attributes, el("option", { value: "" }, "–"),
          ...choices.map((each) => el("option", {}, String(each))))
      : el("input", { ...attributes, placeholder: schema.default ?? "", autocomplete: "off" });
    return el("div", { class: "row" },
      el("label", { for: id }, el("code", {}, parameter.name), parameter.required ? el("b", {}, " required") : null),
      input,
      el("small", {}, `${typeOf(parameter.schema)}: ${parameter.description || ""}`));
  }

  /** The request that a form describes. */
  function requestOf(form, method, path) {
    let url = path;
    const query = new URLSearchParams();
    for (const input of form.querySelectorAll("[data-in]")) {
      if (input.dataset.in === "path") url = url.replace(`{${input.name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") query.set(input.name, input.value);
    }
    if ([...query].length) url += `?${query}`;
    const body = form.querySelector("textarea")?.value;
    return { method: method.toUpperCase(), url, body };
  }

  function curlOf({ method, url, body }) {
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const parts = ["curl", "-H", '"Authorization: Bearer $TOKEN"'];
    if (method !== "GET") parts.push("-X", method);
    if (body) parts.push("-H", quoted("Content-Type: application/json"), "-d", quoted(body));
    return [...parts, quoted(location.origin + url)].join(" ");
  }

  async function send(form, method, path, out) {
    const request = requestOf(form, method, path);
    const headers = {};
    if (request.body) headers["Content-Type"] = "application/json";
    if (token.value) headers.Authorization = `Bearer ${token.value}`;
    out.replaceChildren(el("p", { role: "status" }, "Waiting …"));
    const began = performance.now();
    try {
      const answer = await fetch(request.url, { ...request, body: request.body || undefined, headers });
      const text = await answer.text();
      out.replaceChildren(shown(answer, text, performance.now() - began));
    } catch (error) {
      out.replaceChildren(el("p", { class: "bad", role: "status" }, `No answer: ${error.message}`));
    }
  }

  function shown(answer, text, took) {
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    let pretty = text;
    if (isJson && text) pretty = JSON.stringify(JSON.parse(text), null, 2);
    const most = 200_000;
    const cut = pretty.length > most ? `${pretty.slice(0, most)}\n… ${pretty.length - most} characters more` : pretty;
    const total = answer.headers.get("X-Total-Count");
    const words = [`${Math.round(took)} ms`, `request ${answer.headers.get("X-Request-ID")}`];
    if (total) words.push(`${total} in all`);
    return el("div", {},
      el("p", { role: "status" },
        el("b", { class: answer.ok ? "good" : "bad" }, `${answer.ok ? "✓" : "✕"} ${answer.status} ${answer.statusText}`),
        ` · ${words.join(" · ")}`),
      el("pre", { tabindex: "0" }, cut || "(no body)"));
  }

  function answers(operation) {
    const found = Object.entries(operation.responses).map(([status, given]) => {
      const response = resolved(given);
      const schema = response.content?.["application/json"]?.schema;
      return el("div", { class: "answer" },
        el("b", {}, status), ` ${response.description} `,
        schema ? lazily(typeOf(schema), () => fields(schema)) : null);
    });
    return el("details", { class: "answers" }, el("summary", {}, "Answers"), ...found);
  }

  function tryIt(id, method, path, operation) {
    const out = el("div", { class: "out" });
    const parameters = operation.parameters || [];
    const content = operation.requestBody?.content || {};
    const example = content["application/json"]?.example;
    const takesJson = "application/json" in content;
    const form = el("form", { submit: (event) => { event.preventDefault(); send(form, method, path, out); } });
    form.append(...parameters.map((each) => parameterRow(each, `${id}-${each.name}`)));
    if (takesJson) {
      const area = el("textarea", { id: `${id}-body`, rows: "8", spellcheck: "false" });
      area.value = example === undefined ? "" : JSON.stringify(example, null, 2);
      const schema = content["application/json"].schema;
      form.append(el("div", { class: "row" }, el("label", { for: `${id}-body` }, "Body"), area,
        schema?.properties ? lazily("Fields", () => fields(schema)) : null));
    }
    const copy = el("button", { type: "button", class: "quiet" }, "Copy as curl");
    copy.addEventListener("click", async () => {
      const line = curlOf(requestOf(form, method, path));
      try {
        await navigator.clipboard.writeText(line);
        copy.textContent = "Copied";
        setTimeout(() => { copy.textContent = "Copy as curl"; }, 1500);
      } catch {
        out.replaceChildren(el("pre", { tabindex: "0" }, line));
      }
    });
    form.append(el("div", { class: "buttons" },
      el("button", {}, method === "get" ? "Send" : `Send ${method.toUpperCase()}`), copy));
    return el("div", {}, form, out);
  }

  function operationBox(path, method, operation) {
    const id = operation.operationId;
    const box = el("details", { class: "operation", id },
      el("summary", {},
        el("span", { class: `method ${method}` }, method.toUpperCase()),
        el("code", { class: "path" }, path),
        el("span", { class: "summary" }, operation.summary),
        el("span", { class: "role" }, operation["x-role"])));
    box.dataset.words = `${method} ${path} ${operation.summary} ${id}`.toLowerCase();
    box.addEventListener("toggle", () => {
      if (!box.open || box.children.length > 1) return;
      box.append(el("div", { class: "inside" },
        operation.description ? el("p", {}, operation.description) : null,
        tryIt(id, method, path, operation), answers(operation)));
    });
    return box;
  }

  function draw() {
    const groups = new Map(spec.tags.map((tag) => [tag.name, { tag, boxes: [] }]));
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const method of METHODS.filter((each) => methods[each])) {
        groups.get(methods[method].tags[0]).boxes.push(operationBox(path, method, methods[method]));
      }
    }
    main.replaceChildren(...[...groups.values()].map(({ tag, boxes }) =>
      el("section", { id: `tag-${tag.name}` }, el("h2", {}, tag.name), el("p", {}, tag.description), ...boxes)));
    nav.replaceChildren(...[...groups.keys()].map((name) => el("a", { href: `#tag-${name}` }, name)));
    document.querySelector("#version").textContent = `${spec.info.title} ${spec.info.version}`;
    openHash();
  }

  function openHash() {
    const box = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (box?.matches("details.operation")) {
      box.open = true;
      box.scrollIntoView();
    }
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shownBoxes = 0;
    for (const section of main.querySelectorAll("section")) {
      let any = false;
      for (const box of section.querySelectorAll("details.operation")) {
        const fits = words.every((word) => box.dataset.words.includes(word));
        box.hidden = !fits;
        any ||= fits;
        shownBoxes += fits ? 1 : 0;
      }
      section.hidden = !any;
    }
    document.querySelector("#none").hidden = shownBoxes > 0;
  }

  search.addEventListener("input", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", openHash);
  fetch("/api/openapi.json")
    .then(async (answer) => {
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.error.message);
      spec = body;
      draw();
    })
    .catch((error) => main.replaceChildren(el("p", { class: "bad", role: "alert" }, `The document cannot be read: ${error.message}`)));
})();
