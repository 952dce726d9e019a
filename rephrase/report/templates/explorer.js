
// The explorer.
const data = JSON.parse(element("rows").textContent);
const rows = data.rows;
const byId = new Map(rows.map((row, index) => [row.id, index]));
const marksKey = `rephrase-marks:${data.run}`;
let marks = {};
try { marks = JSON.parse(stored.get(marksKey)) || {}; } catch { /* damaged: begin anew */ }
let visible = [];  // indices of the rows that the filters leave
let at = -1;  // index of the row that is shown
let listed = 0;
const STEP = 400;  // rows that are listed at a time

const filters = ["recipe", "verdict", "source", "marked", "score", "low", "high", "search"].map(element);
const [byRecipe, byVerdict, bySource, byMark, byScore, low, high, search] = filters;
const option = (select, value, text) => {
  const node = made("option", "", text ?? value);
  node.value = value;
  select.append(node);
};
const counted = (select, name) => {
  const counts = new Map();
  for (const row of rows) counts.set(row[name] ?? "", (counts.get(row[name] ?? "") || 0) + 1);
  option(select, "", "all");
  for (const [value, count] of [...counts].sort()) option(select, `=${value}`, `${value || "none"} (${count})`);
};
counted(byRecipe, "recipe");
counted(byVerdict, "verdict");
counted(bySource, "source");
for (const [value, text] of [["", "all"], ["any", "marked"], ["good", "good"], ["bad", "bad"], ["none", "not marked"]]) option(byMark, value, text);
option(byScore, "", "any");
data.scores.forEach((name, index) => option(byScore, `${index}`, name));

const haystacks = new Map();
function haystack(row) {
  if (!haystacks.has(row.id)) haystacks.set(row.id, `${row.id}\n${row.text}\n${data.passages[row.passage]}`.toLowerCase());
  return haystacks.get(row.id);
}

function fits(row) {
  const mark = marks[row.id] || "none";
  if (byRecipe.value && byRecipe.value.slice(1) !== row.recipe) return false;
  if (byVerdict.value && byVerdict.value.slice(1) !== row.verdict) return false;
  if (bySource.value && bySource.value.slice(1) !== (row.source ?? "")) return false;
  if (byMark.value && byMark.value !== (byMark.value === "any" && mark !== "none" ? "any" : mark)) return false;
  if (byScore.value) {
    const value = row.scores[Number(byScore.value)];
    if (value === null || (low.value && value < Number(low.value)) || (high.value && value > Number(high.value))) return false;
  }
  return search.value.toLowerCase().split(/\s+/).every(word => haystack(row).includes(word));
}

function filter() {
  visible = rows.map((row, index) => index).filter(index => fits(rows[index]));
  element("found").textContent = `${visible.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  element("list").replaceChildren();
  listed = 0;
  more();
  if (!visible.includes(at)) show(visible.length ? visible[0] : -1);
  else highlight();
}

function more() {
  for (const index of visible.slice(listed, listed + STEP)) {
    const row = rows[index], item = made("li"), head = made("span", "head");
    item.dataset.index = index;
    item.setAttribute("role", "option");
    head.append(made("b", "", row.recipe), made("span", `verdict ${row.verdict}`, row.verdict), made("span", "mark"));
    item.append(head, made("span", "words", row.text.slice(0, 90).replace(/\s+/g, " ") || "no text"));
    item.onclick = () => show(index);
    element("list").append(item);
    label(item);
  }
  listed = Math.min(listed + STEP, visible.length);
}
element("list").onscroll = () => {
  const list = element("list");
  if (listed < visible.length && list.scrollTop + list.clientHeight > list.scrollHeight - 400) more();
};

function label(item) {
  const mark = marks[rows[item.dataset.index].id] || "", node = item.querySelector(".mark");
  node.textContent = mark;
  node.className = `mark mark-${mark}`;
}

function highlight() {
  while (at >= 0 && listed < visible.length && visible.indexOf(at) >= listed) more();
  for (const item of element("list").children) {
    const chosen = Number(item.dataset.index) === at;
    item.setAttribute("aria-selected", chosen);
    if (chosen) {
      const list = element("list"), top = item.offsetTop - list.offsetTop;  // scrollIntoView would move the page too
      if (top < list.scrollTop || top + item.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
    }
  }
}

function marked(text, places) {
  const node = made("div", "text");
  let end = 0;
  for (let index = 0; index < places.length; index += 3) {
    const [start, finish, kind] = places.slice(index, index + 3);
    node.append(text.slice(end, start), made("mark", data.kinds[kind], text.slice(start, finish)));
    end = finish;
  }
  node.append(text.slice(end));
  return node;
}

function side(title, text, places, cut, className) {
  const node = made("div", className);
  node.append(made("h4", "", title), marked(text, places));
  if (cut) node.append(made("p", "note", `… ${cut.toLocaleString("en")} characters more`));
  return node;
}

const short = value => Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(3)));

function pair(name, value, className) {
  const node = made("div", className || "");
  node.append(made("span", "", name), made("span", "", value));
  return node;
}

function show(index, keepHash) {
  at = index;
  const detail = element("detail");
  detail.replaceChildren();
  highlight();
  if (index < 0) {
    detail.append(made("p", "muted", rows.length ? "No row fits these filters." : "This run has no judged rows yet."));
    return;
  }
  const row = rows[index], bar = made("div", "bar"), link = made("a", "", "link to this row");
  link.href = `#row=${encodeURIComponent(row.id)}`;
  bar.append(made("b", "", row.recipe), made("span", `verdict ${row.verdict}`, row.verdict), made("span", `mark-${marks[row.id]}`, marks[row.id] || ""));
  bar.append(made("code", "", row.id), link);
  const sides = made("div", "sides");
  sides.append(
    side("passage", data.passages[row.passage], row.passage_marks, data.passages_cut[row.passage], "lost"),
    side(row.raw ? "what the model wrote: no text could be taken from it" : "rewrite", row.text, row.text_marks, row.cut, ""),
  );
  const scores = made("div", "scores"), about = made("div", "about");
  row.scores.forEach((value, place) => {
    const name = data.scores[place];
    if (value !== null) scores.append(pair(name, short(value), name === row.verdict || name.startsWith(`${row.verdict}.`) ? "failed" : ""));
  });
  const weight = Math.round(row.weight);
  about.append(pair("stands for", weight === 1 ? "itself" : `about ${weight.toLocaleString("en")} rows of this recipe and verdict`));
  for (const [name, value] of Object.entries(row.about)) about.append(pair(name.replaceAll("_", " "), typeof value === "number" ? short(value) : String(value)));
  detail.append(bar, sides, legend(row), made("h4", "", "scores"), scores, made("h4", "", "what made it"), about);
  if (!keepHash) history.replaceState(null, "", link.href);
}

function legend(row) {
  const node = made("div", "key"), entry = (kind, text, lost) => {
    const item = made("span", lost ? "lost" : "");
    item.append(made("mark", kind, "abc"), ` ${text}`);
    node.append(item);
  };
  entry("number", `${row.lost_numbers} numbers lost`, true);
  entry("name", `${row.lost_names} names lost`, true);
  entry("number", `${row.new_numbers} numbers that the passage lacks`);
  entry("name", `${row.new_names} names that the passage lacks`);
  const other = data.scores.includes("copied") ? "; the score copied is the share of its n-grams, which is less" : "";
  entry("same", row.overlap === null ? "word for word" : `word for word: ${Math.round(100 * row.overlap)}% of its words, in runs of eight${other}`);
  return node;
}

function move(step) {
  const place = visible.indexOf(at) + step;
  if (place >= 0 && place < visible.length) show(visible[place]);
}

function mark(value) {
  if (at < 0) return;
  const row = rows[at], place = visible.indexOf(at);
  if (value) marks[row.id] = value;
  else delete marks[row.id];
  stored.set(marksKey, JSON.stringify(marks));
  tally();
  const item = [...element("list").children].find(node => Number(node.dataset.index) === at);
  if (item) label(item);
  if (value && place + 1 < visible.length) move(1);
  else show(at);
}

function tally() {
  const count = rows.filter(row => marks[row.id]).length;
  element("save").textContent = `save ${count} mark${count === 1 ? "" : "s"}`;
  element("save").disabled = !count;
}

function save() {
  const lines = rows.filter(row => marks[row.id]).map(row => {
    const scores = Object.fromEntries(row.scores.map((value, place) => [data.scores[place], value]).filter(([, value]) => value !== null));
    return JSON.stringify({id: row.id, mark: marks[row.id], verdict: row.verdict, recipe: row.recipe, source: row.source, scores}) + "\n";
  });
  const link = made("a");
  link.href = URL.createObjectURL(new Blob(lines, {type: "application/jsonl"}));
  link.download = "marks.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function clear() {
  for (const field of filters) field.value = "";
  filter();
}

function follow() {
  const match = location.hash.match(/^#row=(.+)$/);
  if (!match) return;
  let index;
  try { index = byId.get(decodeURIComponent(match[1])); } catch { /* no row has such an id */ }
  if (index === undefined) {
    element("found").textContent = "the row of this link is not in this report's sample";
    return;
  }
  if (!visible.includes(index)) clear();
  show(index, true);
  element("explorer").scrollIntoView();
}

const keys = {
  j: () => move(1), k: () => move(-1), g: () => mark("good"), b: () => mark("bad"), u: () => mark(""),
  "/": () => { element("explorer").scrollIntoView(); search.focus(); },
};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "/" && element("explorer").getBoundingClientRect().top > innerHeight - 200) return;  // no row is in sight
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const arrow = event.target === element("list") && {ArrowDown: keys.j, ArrowUp: keys.k}[event.key];
  const action = arrow || keys[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
for (const field of filters) field.addEventListener("input", filter);
element("clear").onclick = clear;
element("good").onclick = keys.g;
element("bad").onclick = keys.b;
element("none").onclick = keys.u;
element("save").onclick = save;
addEventListener("hashchange", follow);
tally();
visible = rows.map((row, index) => index);
at = rows.length ? 0 : -1;
filter();
show(at, true);
follow();
