// What authors expect of Node and QuickJS does not bring: console, time zones, locales, base64, timers.
// An option that cannot be honoured throws: QuickJS alone would ignore it and answer wrongly.
globalThis.__logs = [];
globalThis.__errors = [];
(function (g) {
  'use strict';
  const LINES = 1000;
  const shown = value => typeof value === 'string' ? value : JSON.stringify(value);
  const write = lines => (...values) => { if (lines.length < LINES) lines.push(values.map(shown).join(' ')); };
  g.console = { log: write(g.__logs), info: write(g.__logs), debug: write(g.__logs), table: write(g.__logs),
                warn: write(g.__errors), error: write(g.__errors) };

  const two = number => String(number).padStart(2, '0');
  const parts = (date, options) => JSON.parse(__zone_parts(date.getTime(), (options && options.timeZone) || 'UTC'));
  const language = locale => (locale || 'en-US').toLowerCase();
  const unsupported = what => { throw new RangeError(what + ' is not supported by the embedded JavaScript engine; an administrator can choose javascript.backend=node'); };
  const only = (options, names) => { for (const name in options || {}) if (!names.includes(name)) unsupported('option "' + name + '"'); };
  const dateText = (date, locale, options) => {
    const p = parts(date, options), l = language(locale);
    if (l.startsWith('zh') || l.startsWith('ja')) return `${p.year}/${p.month}/${p.day}`;
    if (l === 'en-gb' || l.startsWith('fr')) return `${two(p.day)}/${two(p.month)}/${p.year}`;
    if (l.startsWith('de')) return `${p.day}.${p.month}.${p.year}`;
    if (l.startsWith('sv')) return `${p.year}-${two(p.month)}-${two(p.day)}`;
    if (l === 'en' || l === 'en-us') return `${p.month}/${p.day}/${p.year}`;
    return unsupported('locale ' + locale);
  };
  const timeText = (date, locale, options) => {
    const p = parts(date, options), l = language(locale), hm = `${two(p.minute)}:${two(p.second)}`;
    if ((l === 'en' || l === 'en-us') && !(options && options.hour12 === false))
      return `${p.hour % 12 || 12}:${hm} ${p.hour < 12 ? 'AM' : 'PM'}`;
    return `${two(p.hour)}:${hm}`;
  };
  const DATE_OPTIONS = ['timeZone', 'hour12'];
  Date.prototype.toLocaleDateString = function (locale, options) { only(options, DATE_OPTIONS); return dateText(this, locale, options); };
  Date.prototype.toLocaleTimeString = function (locale, options) { only(options, DATE_OPTIONS); return timeText(this, locale, options); };
  Date.prototype.toLocaleString = function (locale, options) {
    only(options, DATE_OPTIONS);
    const between = /^(zh|ja|sv)/.test(language(locale)) ? ' ' : ', ';
    return dateText(this, locale, options) + between + timeText(this, locale, options);
  };

  const SIGNS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', CNY: 'CN¥' };
  Number.prototype.toLocaleString = function (locale, options) {
    const o = options || {};
    only(o, ['minimumFractionDigits', 'maximumFractionDigits', 'style', 'currency']);
    const money = o.style === 'currency', percent = o.style === 'percent';
    const least = o.minimumFractionDigits ?? (money ? 2 : 0);
    const most = o.maximumFractionDigits ?? (money ? 2 : percent ? 0 : Math.max(least, 3));
    const value = Number(this) * (percent ? 100 : 1);
    let [whole, fraction = ''] = Math.abs(value).toFixed(most).split('.');
    while (fraction.length > least && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
    whole = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
    const sign = money ? SIGNS[o.currency] || o.currency + ' ' : '';
    return (value < 0 ? '-' : '') + sign + whole + (fraction ? '.' + fraction : '') + (percent ? '%' : '');
  };

  const utf8 = text => Array.from(unescape(encodeURIComponent(text)), c => c.charCodeAt(0));
  const text = bytes => decodeURIComponent(escape(String.fromCharCode(...bytes)));
  g.TextEncoder = class { encode(value = '') { return new Uint8Array(utf8(value)); } };
  g.TextDecoder = class { decode(bytes = []) { return text(bytes); } };
  g.structuredClone = value => JSON.parse(JSON.stringify(value));
  const DECODE = {
    base64: value => Array.from(atob(value), c => c.charCodeAt(0)),
    hex: value => (value.match(/../g) || []).map(pair => parseInt(pair, 16)),
  };
  const ENCODE = {
    base64: bytes => btoa(String.fromCharCode(...bytes)),
    hex: bytes => bytes.map(byte => byte.toString(16).padStart(2, '0')).join(''),
  };
  g.Buffer = {
    from(value, encoding) {
      const bytes = typeof value === 'string' ? (DECODE[encoding] || utf8)(value) : Array.from(value);
      return { length: bytes.length, toString: name => (ENCODE[name] || text)(bytes) };
    },
  };

  const timers = [];
  g.setTimeout = (call, delay, ...values) => timers.push(() => call(...values));
  g.clearTimeout = number => { if (timers[number - 1]) timers[number - 1] = null; };
  let next = 0;
  g.__run_timers = () => {
    while (next < timers.length) { const call = timers[next++]; if (call) { call(); return true; } }
    return false;
  };
})(globalThis);
