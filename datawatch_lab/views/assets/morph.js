// Brings an element to new HTML with as few changes as there are, so that focus, what was typed,
// what was unfolded and where one had scrolled stay.
const DataWatchMorph = (() => {
  "use strict";
  const alike = (a, b) =>
    a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "");

  function attributes(old, fresh) {
    for (const { name, value } of [...fresh.attributes]) {
      if (name === "open" && old.nodeName === "DETAILS") continue;
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      const ours = name === "open" || name.startsWith("data-local");
      if (!fresh.hasAttribute(name) && !ours) old.removeAttribute(name);
    }
  }

  // What somebody is editing is theirs until it is sent.
  const mine = (element) => element.dataset?.localDirty === "1" || element === document.activeElement;

  function values(old, fresh) {
    if (mine(old)) return;
    if (old.nodeName === "INPUT") {
      if (old.type === "checkbox" || old.type === "radio") old.checked = fresh.hasAttribute("checked");
      else if (old.value !== (fresh.getAttribute("value") ?? "")) old.value = fresh.getAttribute("value") ?? "";
    }
    if (old.nodeName === "TEXTAREA" && old.value !== fresh.textContent) old.value = fresh.textContent;
    if (old.nodeName === "SELECT") {
      const chosen = fresh.querySelector("option[selected]") ?? fresh.querySelector("option");
      if (chosen && old.value !== chosen.value) old.value = chosen.value;
    }
  }

  function children(old, fresh) {
    const wanted = [...fresh.childNodes];
    const byId = new Map([...old.children].filter((e) => e.id).map((e) => [e.id, e]));
    let at = old.firstChild;
    for (const next of wanted) {
      const known = next.id ? byId.get(next.id) : null;
      if (known && known !== at && known.nodeName === next.nodeName) {
        old.insertBefore(known, at);
        at = known;
      }
      if (at && alike(at, next)) {
        const after = at.nextSibling;
        node(at, next);
        at = after;
      } else {
        old.insertBefore(document.importNode(next, true), at);
      }
    }
    while (at) {
      const after = at.nextSibling;
      at.remove();
      at = after;
    }
  }

  function node(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    // What this browser alone was shown stays until one goes elsewhere.
    if (old.dataset.localSet) return;
    if (old.isEqualNode(fresh) && !["FORM", "DIV", "SECTION"].includes(old.nodeName)) {
      values(old, fresh);
      return;
    }
    attributes(old, fresh);
    if (!(old.nodeName === "TEXTAREA" && mine(old))) children(old, fresh);
    if (["INPUT", "TEXTAREA", "SELECT"].includes(old.nodeName)) values(old, fresh);
  }

  return (element, html) => {
    const fresh = element.cloneNode(false);
    fresh.innerHTML = html;
    children(element, fresh);
  };
})();
