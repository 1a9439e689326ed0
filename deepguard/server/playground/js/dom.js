/** Building and updating elements. Text only ever arrives through textContent: names and messages come from outside. */

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else setAttribute(node, name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An HTML element; `text` sets its text, `onclick` and the like listen, everything else is an attribute. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Sets an attribute, removes it for false, null and undefined; untouched when it already says so. */
export function setAttribute(node, name, value) {
  if (value === false || value === null || value === undefined) node.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** Sets the text of an element; untouched when it already says so, so that screen readers do not repeat it. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows or hides an element. */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/**
 * Keeps a list of elements in step with a list of items, touching only what changed.
 *
 * @param {Element} parent Holds nothing but these elements.
 * @param {Array} items In the order to show.
 * @param {function(item): string} keyOf Unique among the items.
 * @param {function(item): {node: Element, update: function(item)}} build Makes the element of a new item.
 */
export function keepList(parent, items, keyOf, build) {
  const kept = (parent.keptItems ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, entry] of kept) {
    if (!wanted.has(key)) {
      entry.node.remove();
      kept.delete(key);
    }
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let entry = kept.get(key);
    if (!entry) kept.set(key, (entry = build(item)));
    entry.update?.(item);
    if (entry.node === place) place = place.nextElementSibling;
    else parent.insertBefore(entry.node, place);
  }
}
