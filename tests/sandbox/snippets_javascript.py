"""JavaScript that people write into code nodes, with what Node answers to it."""

from graphmill.variables.values import Value

JAVASCRIPT: dict[str, tuple[str, Value]] = {
    "tz": (
        "new Date(0).toLocaleString('en-US',{timeZone:'Asia/Shanghai'})",
        "1/1/1970, 8:00:00 AM",
    ),
    "locale-date": ("new Date(0).toLocaleDateString('zh-CN')", "1970/1/1"),
    "num-locale": ("(1234567.891).toLocaleString()", "1,234,567.891"),
    "num-locale-opts": (
        "(1234.5).toLocaleString('en-US',{style:'currency',currency:'USD'})",
        "$1,234.50",
    ),
    "buffer": ("Buffer.from('hi').toString('base64')", "aGk="),
    "atob": ("atob('aGk=')+btoa('hi')", "hiaGk="),
    "structuredClone": ("structuredClone({a:[1]}).a[0]", 1),
    "setTimeout": ("typeof setTimeout", "function"),
    "textenc": ("new TextEncoder().encode('你').length", 3),
    "lookbehind": ("'a1b2'.replace(/(?<=a)\\d/,'X')", "aXb2"),
    "named": ("'2024-01'.match(/(?<y>\\d+)-(?<m>\\d+)/).groups.y", "2024"),
    "uniprop": ("'你好a'.match(/\\p{Script=Han}+/u)[0]", "你好"),
    "at": ("[1,2,3].at(-1)", 3),
    "groupBy": ("JSON.stringify(Object.groupBy([1,2,3],x=>x%2?'o':'e'))", '{"o":[1,3],"e":[2]}'),
    "replaceAll": ("'aaa'.replaceAll('a','b')", "bbb"),
    "bigint": ("String(2n**64n)", "18446744073709551616"),
    "date-parse": (
        "[new Date('2024-01-02').getTime(),new Date('2024-01-02T03:04:05Z').getTime(),"
        "new Date('Jan 2, 2024').getFullYear(),new Date('2024/01/02').getDate()]",
        [1704153600000, 1704164645000, 2024, 2],
    ),
    "date-iso": ("new Date(0).toISOString()", "1970-01-01T00:00:00.000Z"),
    "normalize": ("'ｱ'.normalize('NFKC')", "ア"),
    "private": (
        "(()=>{class A{#x=1;get x(){return this.#x}static{A.y=2}};return new A().x+A.y})()",
        3,
    ),
    "optional": ("({a:null})?.a?.b??'d'", "d"),
    "gen": ("[...(function*(){yield 1;yield* [2]})()]", [1, 2]),
    "iter-helpers": ("[1,2,3].values().map(x=>x*2).toArray()", [2, 4, 6]),
    "set-union": ("[...new Set([1]).union(new Set([2]))]", [1, 2]),
    "flatMap": ("[[1],[2]].flatMap(x=>x)", [1, 2]),
    "fromEntries": ("Object.fromEntries([['a',1]])", {"a": 1}),
    "padStart": ("'5'.padStart(3,'0')", "005"),
    "tagged": ("String.raw`a\\n`", "a\\n"),
    "label": ("(()=>{o:for(let i=0;i<3;i++)for(;;){continue o}return 1})()", 1),
    "destruct": ("(({a,...r})=>r)({a:1,b:2})", {"b": 2}),
    "toSorted": ("[3,1].toSorted()", [1, 3]),
    "symbol-iter": ("[...'😀a'].length", 2),
    "sort-num": ("[10,9,1].sort((a,b)=>a-b)", [1, 9, 10]),
    "math": ("[Math.hypot(3,4),Math.trunc(1.7),Math.sign(-2)]", [5, 1, -1]),
    "json-err": ("(()=>{try{JSON.parse('{bad')}catch(e){return e.name}})()", "SyntaxError"),
    "err-msg": ("(()=>{try{null.x}catch(e){return e instanceof TypeError}})()", True),
    "promise-all-type": ("typeof Promise.all", "function"),
    "console.table": ("(console.log('x'),1)", 1),
    "weakref": ("typeof WeakRef", "function"),
    "float-fmt": (
        "[(0.1+0.2),1e21,(1.005).toFixed(2),(255).toString(16),parseFloat('3.14abc'),Number('')]",
        [0.30000000000000004, 1e21, "1.00", "ff", 3.14, 0],
    ),
    "encodeURI": (
        "encodeURIComponent('你 a&')+decodeURIComponent('%E4%BD%A0')+escape('ü')",
        "%E4%BD%A0%20a%26你%FC",
    ),
    "DateUTC": ("Date.UTC(2024,1,29)", 1709164800000),
    "date-en": ("new Date(46800000).toLocaleString('en')", "1/1/1970, 1:00:00 PM"),
    "date-midnight": ("new Date(0).toLocaleString()", "1/1/1970, 12:00:00 AM"),
    "date-24": (
        "[new Date(0), new Date(46800000)].map(d => d.toLocaleTimeString('en-US', {hour12: "
        "false}))",
        ["24:00:00", "13:00:00"],
    ),
    "date-gb": ("new Date(32400000).toLocaleString('en-GB')", "01/01/1970, 09:00:00"),
    "date-zh": ("new Date(32400000).toLocaleString('zh-CN', {hour12: false})", "1970/1/1 09:00:00"),
    "date-ja": ("new Date(32400000).toLocaleString('ja-JP')", "1970/1/1 9:00:00"),
    "date-de": ("new Date(32400000).toLocaleString('de-DE')", "1.1.1970, 09:00:00"),
    "date-fr": ("new Date(32400000).toLocaleString('fr-FR')", "01/01/1970 09:00:00"),
    "date-sv": ("new Date(32400000).toLocaleString('sv-SE')", "1970-01-01 09:00:00"),
    "date-none": ("new Date(NaN).toLocaleString()", "Invalid Date"),
    "num-de": ("[1234567.5, -0.25].map(n => n.toLocaleString('de-DE'))", ["1.234.567,5", "-0,25"]),
    "num-zh": ("(1234567.5).toLocaleString('zh-CN')", "1,234,567.5"),
    "num-half": (
        "[1.0005, -2.0015, 1e21, 1e-7].map(n => n.toLocaleString())",
        ["1.001", "-2.002", "1,000,000,000,000,000,000,000", "0"],
    ),
    "num-places": (
        "[1.005, 5].map(n => n.toLocaleString('en-US', {minimumFractionDigits: 1, "
        "maximumFractionDigits: 2}))",
        ["1.01", "5.0"],
    ),
    "num-few-places": (
        "(1234.56).toLocaleString('en-US', {style: 'currency', currency: 'EUR', "
        "maximumFractionDigits: 0})",
        "€1,235",
    ),
    "num-none": (
        "[NaN, Infinity, -Infinity, -0].map(n => n.toLocaleString())",
        ["NaN", "∞", "-∞", "-0"],
    ),
    "num-percent": (
        "[0.256, 1.005].map(n => n.toLocaleString('en', {style: 'percent', "
        "maximumFractionDigits: 1}))",
        ["25.6%", "100.5%"],
    ),
    "num-plain": ("(1234567.5).toLocaleString('en-US', {useGrouping: false})", "1234567.5"),
    "money": (
        "['EUR', 'gbp', 'JPY', 'CNY', 'INR', 'KRW'].map(c => "
        "(-1234.5).toLocaleString('en-US', {style: 'currency', currency: c}))",
        ["-€1,234.50", "-£1,234.50", "-¥1,235", "-CN¥1,234.50", "-₹1,234.50", "-₩1,235"],
    ),
    "bigint-locale": ("(-12345678901234567890n).toLocaleString()", "-12,345,678,901,234,567,890"),
    "buffer-parts": (
        "[...Buffer.from('aé')].concat(Buffer.from('abc')[1], Buffer.from('é').length)",
        [97, 195, 169, 98, 2],
    ),
    "buffer-json": ("JSON.stringify(Buffer.from([1, 2]))", '{"type":"Buffer","data":[1,2]}'),
    "buffer-names": (
        "['utf8', 'hex', 'base64', 'latin1'].map(name => Buffer.from('é').toString(name))",
        ["é", "c3a9", "w6k=", "Ã©"],
    ),
    "buffer-odd": (
        "[Buffer.from('YQ', 'base64').toString(), Buffer.from('_-8', "
        "'base64').toString('hex'), Buffer.from('6z', 'hex').length]",
        ["a", "ffef", 0],
    ),
    "buffer-long": ("Buffer.from('a'.repeat(300000)).toString('base64').length", 400000),
    "buffer-array": ("Buffer.from(new Uint8Array([104, 105]).buffer).toString()", "hi"),
    "text-decoder": ("new TextDecoder().decode(new TextEncoder().encode('你好').buffer)", "你好"),
    "clone-kinds": (
        "(c => [c.d instanceof Date, c.m.get('a'), c.s.has(1), 'u' in c, c.self === c])((o "
        "=> { o.self = o; return structuredClone(o) })({d: new Date(0), m: new Map([['a', "
        "1]]), s: new Set([1]), u: undefined}))",
        [True, 1, True, True, True],
    ),
}

NODE_ONLY = {
    "intl": "new Intl.NumberFormat('en-US').format(1234.5)",
    "intl-dtf": "Intl.DateTimeFormat().resolvedOptions().timeZone",
    "url": "new URL('https://a.com/p?x=1').searchParams.get('x')",
    "usp": "new URLSearchParams({a:'b c'}).toString()",
    "require-crypto": "require('crypto').createHash('md5').update('a').digest('hex')",
    "crypto-uuid": "typeof crypto.randomUUID()",
    "localeCompare": "['b','a','C'].sort((x,y)=>x.localeCompare(y))",
    "fetch": "typeof fetch",
    "process": "typeof process",
}
"""What the embedded engine has not, or has otherwise."""
