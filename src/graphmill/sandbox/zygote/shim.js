// What authors expect of Node and QuickJS does not bring: console, time zones, locales, bytes, timers.
// What cannot be done as in Node throws: QuickJS alone would ignore an option and answer wrongly.
(function (g) {
  'use strict';
  const unsupported = what => {
    const error = new RangeError(what + ' are not there in the embedded JavaScript engine; a dify-sandbox runs JavaScript in Node (config sandbox.remote.endpoint)');
    // Its frames are lines of this file.
    error.stack = '';
    throw error;
  };
  const only = (options, names) => { for (const name in options) if (!names.includes(name)) unsupported(`Options "${name}"`); };

  // --- console ---------------------------------------------------------------------------------
  const LINES = 1000;
  const json = value => { try { return JSON.stringify(value); } catch { return undefined; } };
  const shown = value => typeof value === 'string' || value instanceof Error ? String(value) : json(value) ?? String(value);
  const write = lines => (...values) => { if (lines.length < LINES) lines.push(values.map(shown).join(' ')); };
  g.__logs = [];
  g.__errors = [];
  g.console = { log: write(g.__logs), info: write(g.__logs), debug: write(g.__logs), table: write(g.__logs),
                warn: write(g.__errors), error: write(g.__errors) };

  // --- dates -----------------------------------------------------------------------------------
  const two = number => String(number).padStart(2, '0');
  const clock = p => `${two(p.hour)}:${two(p.minute)}:${two(p.second)}`;
  const american = {
    date: p => `${p.month}/${p.day}/${p.year}`, between: ', ',
    time: (p, twelve) => twelve === false
      ? clock({ ...p, hour: p.hour || 24 })
      : `${p.hour % 12 || 12}:${two(p.minute)}:${two(p.second)} ${p.hour < 12 ? 'AM' : 'PM'}`,
  };
  const day = (date, between, time = clock) => ({ date, between, time: (p, twelve) => twelve ? unsupported('Hours up to 12 in this locale') : time(p) });
  const british = day(p => `${two(p.day)}/${two(p.month)}/${p.year}`, ', ');
  const chinese = day(p => `${p.year}/${p.month}/${p.day}`, ' ');
  const japanese = day(chinese.date, ' ', p => `${p.hour}:${two(p.minute)}:${two(p.second)}`);
  const german = day(p => `${p.day}.${p.month}.${p.year}`, ', ');
  const french = day(british.date, ' ');
  const swedish = day(p => `${p.year}-${two(p.month)}-${two(p.day)}`, ' ');
  const DATES = {
    'en': american, 'en-us': american, 'en-gb': british, 'zh': chinese, 'zh-cn': chinese, 'ja': japanese, 'ja-jp': japanese,
    'de': german, 'de-de': german, 'de-at': german, 'fr': french, 'fr-fr': french, 'sv': swedish, 'sv-se': swedish,
  };
  const language = locale => String(locale ?? 'en-US').toLowerCase();
  const dated = text => function (locale, options = {}) {
    only(options, ['timeZone', 'hour12']);
    const form = DATES[language(locale)] ?? unsupported('Dates of locale ' + locale);
    if (isNaN(this)) return 'Invalid Date';
    return text(form, JSON.parse(__zone_parts(this.getTime(), options.timeZone ?? 'UTC')), options.hour12);
  };
  Date.prototype.toLocaleDateString = dated((form, p) => form.date(p));
  Date.prototype.toLocaleTimeString = dated((form, p, twelve) => form.time(p, twelve));
  Date.prototype.toLocaleString = dated((form, p, twelve) => form.date(p) + form.between + form.time(p, twelve));

  // --- numbers ---------------------------------------------------------------------------------
  const POINTS = { 'de': ['.', ','], 'de-de': ['.', ','] };
  for (const name of ['en', 'en-us', 'en-gb', 'zh', 'zh-cn', 'ja', 'ja-jp']) POINTS[name] = [',', '.'];
  const SIGNS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', CNY: 'CN¥', INR: '₹', KRW: '₩', CAD: 'CA$' };
  const WITHOUT_CENTS = ['JPY', 'KRW'];
  const MOST_PLACES = 20;

  // value × 10^places as a whole number. Halves go up by the digits that are shown: 1.005 is one.
  const rounded = (value, places) => {
    const [, whole, fraction = '', power = 0] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
    const digits = BigInt(whole + fraction), shift = places + Number(power) - fraction.length;
    if (shift >= 0) return digits * 10n ** BigInt(shift);
    const unit = 10n ** BigInt(-shift);
    return (digits + unit / 2n) / unit;
  };
  const places = (value, otherwise) => {
    if (value === undefined) return otherwise;
    if (!(value >= 0 && value <= MOST_PLACES)) throw new RangeError(`${value} is no number of digits up to ${MOST_PLACES}`);
    return Math.floor(value);
  };
  const counted = (value, locale, options) => {
    only(options, ['minimumFractionDigits', 'maximumFractionDigits', 'style', 'currency', 'useGrouping']);
    const style = options.style ?? 'decimal', name = language(locale), currency = options.currency?.toUpperCase();
    const [group, point] = POINTS[name] ?? unsupported('Numbers of locale ' + locale);
    const isMoney = style === 'currency', isShare = style === 'percent';
    if (isMoney && !(currency in SIGNS && ['en', 'en-us'].includes(name))) unsupported(`Amounts of ${currency} in this locale`);
    if (isShare && point !== '.') unsupported('Percentages in this locale');
    if (!isMoney && !isShare && style !== 'decimal') unsupported(`Numbers of style "${style}"`);
    const cents = isMoney && !WITHOUT_CENTS.includes(currency) ? 2 : 0;
    const given = places(options.maximumFractionDigits, undefined);
    const least = places(options.minimumFractionDigits, Math.min(cents, given ?? cents));
    const most = given ?? Math.max(least, isMoney || isShare ? cents : 3);
    if (least > most) throw new RangeError('maximumFractionDigits value is out of range.');
    const framed = text => (value < 0 || Object.is(value, -0) ? '-' : '') + (isMoney ? SIGNS[currency] : '') + text + (isShare ? '%' : '');
    if (Number.isNaN(value)) return framed('NaN');
    const size = value < 0 ? -value : value;
    if (size === Infinity) return framed('∞');
    const digits = String(rounded(size, most + (isShare ? 2 : 0))).padStart(most + 1, '0');
    let whole = digits.slice(0, digits.length - most), fraction = digits.slice(digits.length - most);
    while (fraction.length > least && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
    if (options.useGrouping !== false) whole = whole.replace(/\B(?=(\d{3})+(?!\d))/g, group);
    return framed(fraction ? whole + point + fraction : whole);
  };
  Number.prototype.toLocaleString = function (locale, options = {}) { return counted(Number(this), locale, options); };
  BigInt.prototype.toLocaleString = function (locale, options = {}) { return counted(BigInt(this), locale, options); };

  // --- bytes -----------------------------------------------------------------------------------
  const codes = text => Array.from(text, character => character.charCodeAt(0));
  const characters = bytes => {
    let text = '';
    // An array is spread on the stack.
    for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
    return text;
  };
  const UTF8 = {
    bytes: text => codes(unescape(encodeURIComponent(text.toWellFormed()))),
    text: bytes => decodeURIComponent(escape(characters(bytes))),
  };
  const LATIN1 = { bytes: text => text.split('').map(unit => unit.charCodeAt(0) & 255), text: characters };
  const BASE64 = {
    // As forgiving as Node: no padding, the letters for URLs, spaces.
    bytes: text => codes(atob(text.replace(/=[^]*/, '').replace(/-/g, '+').replace(/_/g, '/').replace(/[^A-Za-z0-9+/]/g, '')
      .replace(/^((?:.{4})*)(..?.?)$/, (all, whole, rest) => whole + rest.padEnd(4, '=')))),
    text: bytes => btoa(characters(bytes)),
  };
  const HEX = {
    bytes: text => (/^(?:[0-9a-f]{2})*/i.exec(text)[0].match(/../g) ?? []).map(pair => parseInt(pair, 16)),
    text: bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(''),
  };
  const ENCODINGS = { 'utf8': UTF8, 'utf-8': UTF8, 'latin1': LATIN1, 'binary': LATIN1, 'base64': BASE64, 'hex': HEX };
  const encoding = (name = 'utf8') => ENCODINGS[String(name).toLowerCase()] ?? unsupported(`Texts in encoding "${name}"`);
  g.Buffer = class Buffer extends Uint8Array {
    constructor(...values) {
      if (typeof values[0] === 'string') unsupported('Buffers by "new Buffer"');
      super(...values);
    }
    static from(value, name) {
      if (typeof value === 'string') return new Buffer(encoding(name).bytes(value));
      return new Buffer(value instanceof ArrayBuffer ? value : Array.from(value));
    }
    toString(name, start = 0, end = this.length) { return encoding(name).text(this.subarray(start, end)); }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
  };
  g.TextEncoder = class { encode(value = '') { return new Uint8Array(UTF8.bytes(String(value))); } };
  g.TextDecoder = class {
    constructor(label = 'utf-8') { if (encoding(label) !== UTF8) unsupported(`Decoders of "${label}"`); }
    decode(bytes = []) { return UTF8.text(new Uint8Array(bytes)).replace(/^\uFEFF/, ''); }
  };

  // --- copies ----------------------------------------------------------------------------------
  const copied = (value, known) => {
    if (typeof value === 'function' || typeof value === 'symbol') unsupported('Clones of functions and symbols');
    if (value === null || typeof value !== 'object') return value;
    if (known.has(value)) return known.get(value);
    const keep = copy => { known.set(value, copy); return copy; };
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (kind === 'Date') return keep(new Date(value));
    if (kind === 'RegExp') return keep(new RegExp(value.source, value.flags));
    if (ArrayBuffer.isView(value) || kind === 'ArrayBuffer') return keep(value.slice(0));
    if (kind === 'Map') {
      const copy = keep(new Map());
      value.forEach((item, key) => copy.set(copied(key, known), copied(item, known)));
      return copy;
    }
    if (kind === 'Set') {
      const copy = keep(new Set());
      value.forEach(item => copy.add(copied(item, known)));
      return copy;
    }
    if (kind !== 'Array' && kind !== 'Object') unsupported('Clones of ' + kind);
    const copy = keep(kind === 'Array' ? new Array(value.length) : {});
    for (const key of Object.keys(value)) copy[key] = copied(value[key], known);
    return copy;
  };
  g.structuredClone = value => copied(value, new Map());

  // --- timers: nothing waits, but what is due first comes first ----------------------------------
  const timers = new Map();
  let now = 0, last = 0;
  g.setTimeout = (call, delay, ...values) => {
    timers.set(++last, { due: now + (delay > 1 ? Number(delay) : 1), call, values });
    return last;
  };
  g.clearTimeout = number => { timers.delete(number); };
  g.__run_timers = function __run_timers() {
    let next;
    for (const [number, timer] of timers) if (next === undefined || timer.due < timers.get(next).due) next = number;
    if (next === undefined) return false;
    const { due, call, values } = timers.get(next);
    timers.delete(next);
    now = due;
    call(...values);
    return true;
  };
})(globalThis);
