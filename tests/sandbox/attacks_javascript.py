"""What JavaScript may try, inside an engine inside the sandbox."""

from tests.sandbox.attack import Attack, contains, differs_from, equals, longer_than

JAVASCRIPT = [
    Attack(
        "inf-loop",
        """function main(inp){
while(true){}
}""",
    ),
    Attack(
        "inf-loop-catch",
        """function main(inp){
while(true){try{while(true){}}catch(e){}}
}""",
    ),
    Attack(
        "redos",
        """function main(inp){
return {v:/(a+)+$/.test('a'.repeat(50)+'b')}
}""",
    ),
    Attack(
        "mem-array",
        """function main(inp){
let a=[];while(true)a.push(new Array(1000).fill(1))
}""",
    ),
    Attack(
        "mem-string",
        """function main(inp){
let s='a';while(true)s+=s
}""",
    ),
    Attack(
        "mem-repeat",
        """function main(inp){
return {v:'a'.repeat(2**29).length}
}""",
    ),
    Attack(
        "mem-buffer",
        """function main(inp){
let a=[];while(true)a.push(new ArrayBuffer(1<<28))
}""",
    ),
    Attack(
        "mem-catch",
        """function main(inp){
let a=[];while(true){try{while(true)a.push(new Array(100000).fill(1))}catch(e){}}
}""",
    ),
    Attack(
        "recursion",
        """function main(inp){
function f(){return f()+1} return {v:f()}
}""",
    ),
    Attack(
        "json-deep",
        """function main(inp){
return {v:JSON.parse('['.repeat(1e6))}
}""",
    ),
    Attack(
        "nested-result",
        """function main(inp){
let o={};for(let i=0;i<100000;i++)o={a:o};return o
}""",
    ),
    Attack(
        "cyclic",
        """function main(inp){
let o={};o.o=o;return o
}""",
    ),
    Attack(
        "require",
        """function main(inp){
return {v:typeof require+typeof process+typeof Deno+typeof std+typeof os}
}""",
        leaks=differs_from("undefined" * 5),
    ),
    Attack(
        "require-fs",
        """function main(inp){
return {v:require('fs').readFileSync('/etc/passwd','utf8').slice(0,20)}
}""",
        leaks=contains("root"),
    ),
    Attack(
        "fn-ctor",
        """function main(inp){
if (this === undefined) return {v: 'u'};
return {v: String((0,eval)('this').constructor.constructor('return typeof process')())}
}""",
        leaks=equals("object"),
    ),
    Attack(
        "process-env",
        """function main(inp){
return {v:String(this.constructor.constructor('return process')().env.SECRET_KEY)}
}""",
        leaks=contains("sk-"),
    ),
    Attack(
        "child-process",
        """function main(inp){
return {v:require('child_process').execSync('id').toString()}
}""",
        leaks=contains("uid"),
    ),
    Attack(
        "dyn-import",
        """function main(inp){
return {v:typeof import('fs')}
}""",
    ),
    Attack(
        "fetch",
        """function main(inp){
return {v:typeof fetch}
}""",
    ),
    Attack(
        "xhr-net",
        """function main(inp){
return {v:typeof XMLHttpRequest+typeof WebSocket}
}""",
    ),
    Attack(
        "wasm",
        """function main(inp){
return {v:typeof WebAssembly}
}""",
    ),
    Attack(
        "atomics-wait",
        """function main(inp){
return {v:Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,100000)}
}""",
    ),
    Attack(
        "proto-pollute",
        """function main(inp){
Object.prototype.x=1;JSON.stringify=()=>'{"v":"h"}';return {v:1}
}""",
    ),
    Attack(
        "persist-check",
        """function main(inp){
return {v:({}).x===1}
}""",
        leaks=equals(True),
    ),
    Attack(
        "tojson-loop",
        """function main(inp){
return {toJSON(){while(true){}}}
}""",
    ),
    Attack(
        "getter-bomb",
        """function main(inp){
return {get a(){throw 1}}
}""",
    ),
    Attack(
        "proxy",
        """function main(inp){
return new Proxy({}, {ownKeys(){while(true){}}})
}""",
    ),
    Attack(
        "huge-output",
        """function main(inp){
return {v:'x'.repeat(1<<26)}
}""",
        leaks=longer_than(10_000_000),
    ),
    Attack(
        "huge-log",
        """function main(inp){
for(let i=0;i<1e7;i++)console.log('x'.repeat(100));return {v:1}
}""",
    ),
    Attack(
        "undefined",
        """function main(inp){
return undefined
}""",
    ),
    Attack(
        "nondict",
        """function main(inp){
return [1]
}""",
    ),
    Attack(
        "bigint",
        """function main(inp){
return {v:10n}
}""",
    ),
    Attack(
        "nan",
        """function main(inp){
return {v:NaN,w:Infinity}
}""",
    ),
    Attack(
        "async-never",
        """function main(inp){
return new Promise(()=>{})
}""",
    ),
    Attack(
        "async-ok",
        """function main(inp){
return Promise.resolve({v:1})
}""",
    ),
    Attack(
        "microtask-loop",
        """function main(inp){
return new Promise(r=>{const f=()=>Promise.resolve().then(f);f()})
}""",
    ),
    Attack(
        "settimeout",
        """function main(inp){
return {v:typeof setTimeout}
}""",
    ),
    Attack("syntax", "function main({"),
    Attack("no-main", "var x=1"),
    Attack("top-loop", "while(1){}"),
]
