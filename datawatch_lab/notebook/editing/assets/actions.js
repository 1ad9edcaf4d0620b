// Buttons of an editor. "Copy as code" copies in the click itself, since browsers want that.
export default {
  render({ model, el }) {
    const root = document.createElement("div");
    root.className = "dw-actions";
    const said = document.createElement("div");
    said.className = "dw-said";
    said.setAttribute("role", "status");
    const code = document.createElement("pre");
    code.hidden = true;

    const button = (text, act, first) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      if (first) made.className = "dw-first";
      made.addEventListener("click", act);
      root.append(made);
      return made;
    };
    const press = (name) => () => model.send({ press: name });
    for (const [name, text] of model.get("buttons")) button(text, press(name), name === "save");
    button("Copy as code", async () => {
      code.textContent = model.get("code");
      code.hidden = false;
      try {
        await navigator.clipboard.writeText(code.textContent);
        said.textContent = "Copied; it is below too.";
      } catch {
        said.textContent = "Here it is; the browser does not allow copying.";
      }
    });
    root.append(said, code);
    el.append(root);

    const show = () => {
      said.textContent = model.get("said");
      for (const each of root.querySelectorAll("button.dw-first")) {
        each.disabled = !model.get("can_save");
      }
    };
    const recode = () => { if (!code.hidden) code.textContent = model.get("code"); };
    model.on("change:said", show);
    model.on("change:can_save", show);
    model.on("change:code", recode);
    show();
    return () => {
      model.off("change:said", show);
      model.off("change:can_save", show);
      model.off("change:code", recode);
    };
  },
};
