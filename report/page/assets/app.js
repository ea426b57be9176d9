'use strict';

// The page of sinkcpu: curves, samples, latent sliders and settings of one or more runs. Live, it follows a stream of events; in a
// file of its own, the state is in the document.

const COLORS = ['#3274c8', '#d9772b', '#2f9e62', '#b04bb8', '#c23b4b', '#7a6a1f'];
const HIDDEN = ['step', 'seconds', 'held_out_standard_error'];
let state = null;
let view = null;

// el makes an element; attributes that are functions are listeners.
function el(name, attributes, ...children) {
  const svg = ['svg', 'g', 'path', 'line', 'text', 'circle', 'title'].includes(name);
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (typeof v === 'function') e.addEventListener(k, v);
    else if (v !== null && v !== undefined) e.setAttribute(k, v);
  }
  e.append(...children.filter(c => c !== null));
  return e;
}

function number(v) {
  if (typeof v !== 'number') return String(v);
  if (v === 0 || Number.isInteger(v) && Math.abs(v) < 1e7) return String(v);
  const a = Math.abs(v);
  return a >= 1e5 || a < 1e-3 ? v.toExponential(2) : v.toPrecision(4).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
}

// measured is a number with its standard error, to two digits of that.
function measured(v, error) {
  if (!(error > 0)) return number(v);
  const digits = Math.max(0, Math.min(9, 1 - Math.floor(Math.log10(error))));
  return v.toFixed(digits) + ' ± ' + error.toFixed(digits);
}

// series returns the points (step, value, standard error) of a metric of a run.
function series(run, key) {
  return run.metrics.filter(l => typeof l[key] === 'number').map(l => [l.step, l[key], l[key + '_standard_error'] || 0]);
}

// smooth is the running mean over a fiftieth of the points.
function smooth(points) {
  const half = Math.floor(points.length / 100), sum = [0];
  for (const p of points) sum.push(sum[sum.length - 1] + p[1]);
  return points.map((p, i) => {
    const h = Math.min(half, i, points.length - 1 - i);
    return [p[0], (sum[i + h + 1] - sum[i - h]) / (2 * h + 1)];
  });
}

// thin leaves at most n points, the first and last among them, each with the extremes of its neighbourhood kept.
function thin(points, n) {
  if (points.length <= n) return points;
  const out = [], size = Math.ceil(points.length / (n / 2));
  for (let i = 0; i < points.length; i += size) {
    const part = points.slice(i, i + size);
    const lo = part.reduce((a, b) => b[1] < a[1] ? b : a), hi = part.reduce((a, b) => b[1] > a[1] ? b : a);
    out.push(...(lo[0] < hi[0] ? [lo, hi] : lo === hi ? [lo] : [hi, lo]));
  }
  out.push(points[points.length - 1]);
  return out;
}

// ticks returns about n round numbers in [lo, hi].
function ticks(lo, hi, n) {
  const raw = (hi - lo) / n, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(k => k >= raw) || raw, out = [];
  for (let v = Math.ceil(lo / step) * step; v <= hi + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}

// logTicks returns logarithms of round numbers in [lo, hi], also logarithms: enough of them that the axis is seen not to be linear.
function logTicks(lo, hi) {
  const out = [], digits = hi - lo > 3 ? [1] : hi - lo > 1.2 ? [1, 2, 5] : hi - lo > .4 ? [1, 1.5, 2, 3, 4, 6, 8] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  for (let p = Math.floor(lo); p <= hi; p++) {
    for (const k of digits) {
      const v = p + Math.log10(k);
      if (v >= lo && v <= hi) out.push(v);
    }
  }
  return out;
}

const LEFT = 58, TOP = 12, BOTTOM = 44, LETTER = 7; // LETTER is the width of one, on average

// spread moves the heights of names, the highest first, apart by a line, and keeps them above the bottom.
function spread(heights, bottom) {
  const line = 13, out = [];
  for (const y of heights) out.push(Math.max(y, out.length ? out[out.length - 1] + line : TOP));
  for (let i = out.length - 1, last = bottom; i >= 0; i--) {
    out[i] = Math.min(out[i], last);
    last = out[i] - line;
  }
  return out;
}

// chart draws lines [{points, color, faint, errors}], references [{name, value}] and marks [{step, name, color}] over the steps, in so many
// pixels. The names of references stand to the right of the curves, or, where that leaves no room for these, on them and
// in place of the names of marks, which are listed elsewhere.
function chart(width, lines, references, marks, logarithmic, label) {
  const all = lines.flatMap(l => l.points);
  if (!all.length) return el('p', {}, 'nothing yet');
  const canLog = logarithmic && all.every(p => p[1] > 0);
  const fy = canLog ? Math.log10 : v => v;
  const ys = lines.filter(l => !l.faint).flatMap(l => l.points.map(p => fy(p[1])));
  const named = references.filter(r => !canLog || r.value > 0).sort((a, b) => b.value - a.value);
  for (const r of named) ys.push(fy(r.value));
  const x1 = Math.max(1, ...all.map(p => p[0]));
  let lo = Math.min(...ys), hi = Math.max(...ys);
  if (!canLog && lo > 0 && lo < hi / 2) lo = 0;
  const margin = (hi - lo || Math.abs(hi) || 1) * .05;
  if (lo !== 0 || canLog) lo -= margin;
  hi += margin;
  const W = Math.round(width), H = Math.round(Math.max(200, Math.min(320, W * .5)));
  const beside = LETTER * Math.max(0, ...named.map(r => r.name.length)) + 8;
  const outside = named.length > 0 && W - LEFT - beside > 240, right = W - (outside ? beside : 28), bottom = H - BOTTOM;
  const X = s => LEFT + (right - LEFT) * s / x1;
  const Y = v => TOP + (bottom - TOP) * (hi - fy(v)) / (hi - lo);
  const svg = el('svg', {viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': label}, el('title', {}, label)), names = el('g', {class: 'names'});
  for (const t of canLog ? logTicks(lo, hi) : ticks(lo, hi, 5)) {
    const y = TOP + (bottom - TOP) * (hi - t) / (hi - lo);
    svg.append(el('line', {class: 'axis', x1: LEFT, x2: right, y1: y, y2: y}),
      el('text', {x: LEFT - 6, y: y + 4, 'text-anchor': 'end'}, number(canLog ? 10 ** t : t)));
  }
  for (const t of ticks(0, x1, Math.max(2, (right - LEFT) / 80))) svg.append(el('text', {x: X(t), y: bottom + 18, 'text-anchor': 'middle'}, number(t)));
  svg.append(el('text', {x: (LEFT + right) / 2, y: H - 8, 'text-anchor': 'middle'}, 'step'));
  const heights = spread(named.map(r => Y(r.value) + (outside ? 4 : -4)), bottom);
  named.forEach((r, i) => {
    svg.append(el('line', {class: 'reference', x1: LEFT, x2: right, y1: Y(r.value), y2: Y(r.value)}));
    names.append(el('text', {x: outside ? right + 8 : right, y: heights[i], 'text-anchor': outside ? 'start' : 'end'}, r.name));
  });
  marks.filter(m => m.step <= x1).forEach((m, i) => {
    const x = X(m.step), left = x > W / 2;
    svg.append(el('line', {class: 'mark', stroke: m.color, x1: x, x2: x, y1: TOP, y2: bottom}, el('title', {}, m.name)));
    if (outside || !named.length) names.append(el('text', {x: left ? x - 4 : x + 4, y: TOP + 10 + 13 * i, 'text-anchor': left ? 'end' : 'start'}, m.name));
  });
  for (const l of lines) {
    const points = thin(l.points, W);
    const clip = v => Math.max(0, Math.min(H, v)).toFixed(1);
    const d = points.map((p, i) => (i ? 'L' : 'M') + X(p[0]).toFixed(1) + ' ' + clip(Y(p[1]))).join('');
    svg.append(el('path', {d, fill: 'none', stroke: l.color, 'stroke-width': l.faint ? 1 : 2, class: l.faint ? 'faint' : null}));
    if (!l.errors) continue;
    for (const p of points) {
      svg.append(el('circle', {cx: X(p[0]), cy: Y(p[1]), r: 2.5, fill: l.color}));
      if (p[2] && !canLog) svg.append(el('line', {stroke: l.color, x1: X(p[0]), x2: X(p[0]), y1: Y(p[1] - p[2]), y2: Y(p[1] + p[2])}));
    }
  }
  svg.append(names);
  return svg;
}

function legend() {
  if (state.runs.length < 2) return null;
  const box = el('div', {class: 'tools legend'});
  state.runs.forEach((r, k) => {
    const dot = el('span', {});
    dot.style.background = COLORS[k % COLORS.length];
    box.append(el('div', {}, dot, r.name));
  });
  return box;
}

// curveCard shows one metric of all runs.
function curveCard(key, name, options) {
  const holder = el('div', {}), log = el('input', {type: 'checkbox', change: () => draw()});
  log.checked = !!options.log;
  let width = 0;
  new ResizeObserver(() => { if (width && holder.clientWidth && holder.clientWidth !== width) draw(); }).observe(holder);
  function draw() {
    const lines = [];
    state.runs.forEach((r, k) => {
      const points = series(r, key), color = COLORS[k % COLORS.length];
      if (!points.length) return;
      if (options.errors) lines.push({points, color, errors: true});
      else lines.push({points, color, faint: true}, {points: smooth(points), color});
    });
    const last = state.runs.map(r => series(r, key).pop()).filter(p => p);
    const marks = state.runs.flatMap((r, k) => notices(r).map(n => ({step: n.step, name: n.kind, color: COLORS[k % COLORS.length]})));
    const label = `${name} over steps` + (last.length ? `; last ${last.map(p => number(p[1])).join(', ')}` : '');
    width = holder.clientWidth;
    holder.replaceChildren(chart(width || 640, lines, options.references ? options.references() : [], marks, log.checked, label));
  }
  const section = el('section', {}, el('h2', {}, name), ...(legend() ? [legend()] : []), holder,
    el('div', {class: 'tools'}, el('label', {}, log, 'logarithmic')));
  return {section, draw};
}

// references are the held-out measures of simple models, once they are known.
function references() {
  const out = [];
  for (const r of state.runs) {
    for (const ref of r.summary && r.summary.held_out && r.summary.held_out.references || []) {
      if (!out.some(o => o.name === ref.name)) out.push({name: ref.name, value: ref.mean});
    }
  }
  return out;
}

const KINDS = {samples: 'samples', reconstructions: 'rows and their reconstructions', ways: 'ways between rows', codes: 'codes'};

// picturesCard shows the pictures of a kind of a run, step by step.
function picturesCard(k, kind) {
  const image = el('img', {alt: '', class: kind}), caption = el('span', {});
  const range = el('input', {type: 'range', min: 0, 'aria-label': 'step of the picture', input: () => { follow = Number(range.value) === Number(range.max); show(); }});
  const section = el('section', {class: 'tall'}, el('h2', {}, `${KINDS[kind]} of ${state.runs[k].name}`), image, el('label', {class: 'tools'}, 'step', range, caption));
  let follow = true;
  function show() {
    const pictures = (state.runs[k].pictures || {})[kind] || [];
    section.hidden = !pictures.length;
    if (!pictures.length) return;
    range.max = pictures.length - 1;
    if (follow) range.value = range.max;
    const s = pictures[Number(range.value)];
    const src = state.live ? `runs/${k}/${s.src}` : s.src;
    if (image.getAttribute('src') !== src) image.src = src;
    image.alt = `${KINDS[kind]} after step ${s.step}`;
    caption.textContent = s.step;
  }
  return {section, draw: show};
}

// notices are what was noticed of a run, such as a collapse; a run of an older program has them in its summary alone.
function notices(run) {
  return run.notices || run.summary && run.summary.notices || [];
}

// noticesCard lists them.
function noticesCard() {
  const list = el('ul', {}), section = el('section', {class: 'notices'}, el('h2', {}, 'noticed'), list);
  function draw() {
    const items = state.runs.flatMap(r => notices(r).map(n => el('li', {}, el('b', {}, (state.runs.length > 1 ? r.name + ', ' : '') + `step ${n.step}: `), n.text)));
    section.hidden = !items.length;
    list.replaceChildren(...items);
  }
  return {section, draw};
}

const SLIDERS = 8;

// latentCard asks the generator for the picture of a latent point.
function latentCard(k) {
  const image = el('img', {class: 'latent', alt: 'what the model makes of the latent point'}), caption = el('p', {class: 'tools'});
  const sliders = el('div', {}), section = el('section', {hidden: ''}, el('h2', {}, 'latent space of ' + state.runs[k].name),
    el('div', {class: 'latents'}, image, sliders), caption);
  let u = [], busy = false, again = false, old = '';
  async function ask() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(`latent/${k}?u=` + u.map(v => v.toFixed(4)).join(','));
      if (!answer.ok) throw new Error(await answer.text());
      const dim = Number(answer.headers.get('X-Latent-Dim'));
      if (dim !== u.length) { u = Array(dim).fill(.5); build(); }
      const url = URL.createObjectURL(await answer.blob());
      image.src = url;
      if (old) URL.revokeObjectURL(old);
      old = url;
      caption.textContent = `the model of step ${answer.headers.get('X-Step')}`;
      section.hidden = false;
    } catch (e) {
      if (!section.hidden) caption.textContent = String(e.message || e);
    }
    busy = false;
    if (again) { again = false; ask(); }
  }
  function build() {
    sliders.replaceChildren();
    for (let j = 0; j < Math.min(u.length, SLIDERS); j++) {
      const r = el('input', {type: 'range', min: .005, max: .995, step: .005, 'aria-label': `latent coordinate ${j + 1}`,
        input: () => { u[j] = Number(r.value); ask(); }});
      r.value = u[j];
      sliders.append(el('label', {}, `z${j + 1}`, r));
    }
    sliders.append(el('div', {class: 'tools'}, el('button', {type: 'button', click: () => {
      u = u.map(() => .01 + .98 * Math.random());
      build();
      ask();
    }}, 'another point')));
  }
  return {section, draw: () => {}, ask};
}

// table shows the settings, those that differ between runs marked.
function settingsCard() {
  const runs = state.runs, keys = [...new Set(runs.flatMap(r => Object.keys(r.config)))].filter(k => k !== 'schema');
  const text = v => v === undefined ? '' : Array.isArray(v) ? v.join(', ') : typeof v === 'object' ? JSON.stringify(v) : String(v);
  const body = keys.map(k => {
    const values = runs.map(r => text(r.config[k]));
    return el('tr', {class: values.some(v => v !== values[0]) ? 'differs' : null}, el('th', {scope: 'row'}, k), ...values.map(v => el('td', {}, v)));
  });
  const head = el('tr', {}, el('th', {scope: 'col'}, 'setting'), ...runs.map(r => el('th', {scope: 'col'}, r.name)));
  return el('section', {}, el('h2', {}, 'settings'), el('div', {class: 'scroll'}, el('table', {}, el('thead', {}, head), el('tbody', {}, ...body))));
}

// summaryCard shows the last numbers of each run.
function summaryCard() {
  const holder = el('div', {class: 'scroll'}), section = el('section', {}, el('h2', {}, 'numbers'), holder);
  function draw() {
    const keys = [...new Set(state.runs.flatMap(r => r.metrics.flatMap(l => Object.keys(l))))];
    const rows = keys.map(key => {
      const cells = state.runs.map(r => {
        const line = r.metrics.findLast(l => key in l);
        const se = line && line[key + '_standard_error'];
        return el('td', {class: 'number'}, line ? measured(line[key], se) : '');
      });
      return key.endsWith('_standard_error') ? null : el('tr', {}, el('th', {scope: 'row'}, key.replaceAll('_', ' ')), ...cells);
    });
    for (const ref of references()) {
      rows.push(el('tr', {}, el('th', {scope: 'row'}, 'held out: ' + ref.name), ...state.runs.map(r => {
        const mine = r.summary && r.summary.held_out && (r.summary.held_out.references || []).find(o => o.name === ref.name);
        return el('td', {class: 'number'}, mine ? measured(mine.mean, mine.standard_error) : '');
      })));
    }
    const head = el('tr', {}, el('th', {scope: 'col'}, 'last of'), ...state.runs.map(r => el('th', {scope: 'col', class: 'number'}, r.name)));
    holder.replaceChildren(el('table', {}, el('thead', {}, head), el('tbody', {}, ...rows.filter(r => r))));
  }
  return {section, draw};
}

// moreCard shows any other metric.
function moreCard() {
  const select = el('select', {'aria-label': 'metric', change: () => { build(); }}), holder = el('div', {});
  const section = el('section', {}, el('h2', {}, 'other curves'), el('div', {class: 'tools'}, select), holder);
  let card = null, known = '';
  function build() { card = curveCard(select.value, select.value.replaceAll('_', ' '), {}); card.section.firstChild.remove(); holder.replaceChildren(...card.section.children); card.draw(); }
  function draw() {
    const keys = [...new Set(state.runs.flatMap(r => r.metrics.flatMap(l => Object.keys(l))))]
      .filter(k => !HIDDEN.includes(k) && k !== 'loss' && k !== 'held_out' && !k.endsWith('_standard_error'));
    section.hidden = !keys.length;
    if (keys.join() !== known) {
      const chosen = select.value;
      known = keys.join();
      select.replaceChildren(...keys.map(k => el('option', {value: k}, k.replaceAll('_', ' '))));
      if (keys.includes(chosen)) select.value = chosen;
      if (keys.length) build();
    } else if (card) card.draw();
  }
  return {section, draw};
}

function build() {
  const cards = [
    curveCard('loss', 'loss', {log: true}),
    curveCard('held_out', 'held-out measure', {errors: true, references}),
    noticesCard(),
    ...state.runs.flatMap((_, k) => Object.keys(KINDS).map(kind => picturesCard(k, kind))),
  ];
  if (state.live) {
    for (let k = 0; k < state.runs.length; k++) {
      const card = latentCard(k);
      cards.push(card);
      card.ask();
    }
  }
  cards.push(moreCard(), summaryCard());
  document.getElementById('main').replaceChildren(...cards.map(c => c.section), settingsCard());
  view = cards;
}

function draw() {
  for (const c of view) c.draw();
  document.getElementById('status').textContent = state.runs.map(r => {
    const last = r.metrics[r.metrics.length - 1], steps = r.config.steps;
    const step = last ? last.step : 0;
    return `${r.name}: step ${step}` + (steps ? ` of ${steps}` : '') + (r.summary ? ', done' : '');
  }).join(' · ');
}

function follow() {
  const source = new EventSource('events');
  source.addEventListener('state', e => {
    state = JSON.parse(e.data);
    for (const r of state.runs) r.metrics = r.metrics || [];
    build();
    draw();
  });
  let due = false;
  source.addEventListener('update', e => {
    const u = JSON.parse(e.data), r = state.runs[u.run];
    if (u.reset) r.metrics = [];
    r.metrics.push(...(u.metrics || []));
    r.pictures = u.pictures;
    r.notices = u.notices;
    r.summary = u.summary;
    if (!due) {
      due = true;
      requestAnimationFrame(() => { due = false; draw(); });
    }
  });
  source.onerror = () => {
    const status = document.getElementById('status');
    if (!status.textContent.endsWith('(not connected)')) status.textContent += ' (not connected)';
  };
}

const embedded = document.getElementById('state');
if (embedded) {
  state = JSON.parse(embedded.textContent);
  for (const r of state.runs) r.metrics = r.metrics || [];
  build();
  draw();
} else {
  follow();
}
