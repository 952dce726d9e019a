"use strict";
// Texts of the web and of models reach the page by textContent alone.
const element = id => document.getElementById(id);
const made = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const stored = {
  get: key => { try { return localStorage.getItem(key); } catch { return null; } },  // browsers may refuse it to local files
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* it then lives as long as the page */ } },
};

// Light and dark.
const system = matchMedia("(prefers-color-scheme: dark)");
let theme = stored.get("rephrase-theme");
function paint() {
  document.documentElement.dataset.theme = theme || (system.matches ? "dark" : "light");
}
system.addEventListener("change", paint);
element("theme").onclick = () => {
  theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  stored.set("rephrase-theme", theme);
  paint();
};
paint();
addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; });
addEventListener("afterprint", paint);

// What a mark of a chart says, beside the pointer.
const tip = element("tip");
addEventListener("pointermove", event => {
  const spot = event.target.closest && event.target.closest("svg [role='graphics-symbol'][aria-label]:not([aria-roledescription='axis']):not([aria-roledescription='legend'])");
  tip.hidden = !spot;
  if (!spot) return;
  tip.textContent = spot.getAttribute("aria-label");
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
  tip.style.top = `${Math.max(event.clientY - box.height - 12, 8)}px`;
});
