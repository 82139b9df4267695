"""What templates may try; those that are rendered in the sandbox."""

from tests.sandbox.attack import Attack, contains

JINJA = [
    Attack("range-bomb", "{% for i in range(1000000000) %}x{% endfor %}"),
    Attack(
        "nested-range",
        """{% for i in range(99999) %}
{% for j in range(99999) %}
{% for k in range(99999) %}
{% endfor %}
{% endfor %}
{% endfor %}""",
    ),
    Attack("str-mul", "{{ 'a'*10000000000 }}"),
    Attack("str-mul2", "{{ ('a'*100000000)|length }}"),
    Attack("list-mul", "{{ ([1]*10000000000)|length }}"),
    Attack("pow", "{{ 10**10**9 }}"),
    Attack("pow2", "{{ (9**9**9)|string|length }}"),
    Attack(
        "concat-double",
        """{% set ns=namespace(s='aaaaaaaaaa') %}
{% for i in range(40) %}
{% set ns.s=ns.s~ns.s %}
{% endfor %}
{{ ns.s|length }}""",
    ),
    Attack(
        "list-double",
        """{% set ns=namespace(s=[1]) %}
{% for i in range(40) %}
{% set ns.s=ns.s+ns.s %}
{% endfor %}
{{ ns.s|length }}""",
    ),
    Attack("lipsum", "{{ lipsum(10000000) }}"),
    Attack("format-pad", "{{ '%1000000000d'|format(1)|length }}"),
    Attack("str.format-pad", "{{ '{:>3000000000}'.format(1)|length }}"),
    Attack("center", "{{ x|center(3000000000)|length }}"),
    Attack("indent", "{{ x|indent(3000000000,true)|length }}"),
    Attack("ljust", "{{ x.ljust(3000000000)|length }}"),
    Attack(
        "replace-blowup",
        """{% set a=x*1000 %}
{% set b=a.replace('a',a).replace('b',a) %}
{{ b.replace('a',b)|length }}""",
    ),
    Attack("batch", "{{ xs|batch(100000000,'x')|list|length }}"),
    Attack("slice", "{{ xs|slice(1000000000)|list|length }}"),
    Attack("class-mro", "{{ ''.__class__.__mro__ }}", leaks=contains("object")),
    Attack("attr-filter", "{{ ''|attr('__class__') }}", leaks=contains("class")),
    Attack("item-class", "{{ ''['__class__'] }}", leaks=contains("class")),
    Attack("format-escape", "{{ '{0.__class__}'.format(x) }}", leaks=contains("class")),
    Attack("format-map", "{{ '{a.__class__}'.format_map({'a':x}) }}", leaks=contains("class")),
    Attack(
        "indirect-format",
        "{{ ['{0.__class__.__mro__}']|map('format',x)|list }}",
        leaks=contains("class"),
    ),
    Attack(
        "attr-format", "{{ ('{0.__class__.__mro__}'|attr('format'))(x) }}", leaks=contains("class")
    ),
    Attack("cycler-globals", "{{ cycler.__init__.__globals__ }}", leaks=contains("os")),
    Attack(
        "joiner-os",
        "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
        leaks=contains("uid"),
    ),
    Attack("self-globals", "{{ self.__init__.__globals__ }}", leaks=contains("builtins")),
    Attack(
        "lipsum-globals", "{{ lipsum.__globals__['os'].popen('id').read() }}", leaks=contains("uid")
    ),
    Attack("map-attribute", "{{ [x]|map(attribute='__class__')|list }}", leaks=contains("class")),
    Attack("xmlattr", "{{ {'a b':1}|xmlattr }}"),
    Attack("include", "{% include '/etc/passwd' %}", leaks=contains("root")),
    Attack("import", "{% import 'os' as o %}{{ o }}"),
    Attack("extends", "{% extends '/etc/passwd' %}", leaks=contains("root")),
    Attack("macro-recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    Attack("recursive-loop", "{% for i in xs recursive %}{{ loop(xs) }}{% endfor %}"),
    Attack("mutate-input", "{% do xs.append(1) %}"),
    Attack("mutate-input2", "{{ xs.append(1) }}{{ xs }}"),
    Attack("deep-parse", "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}"),
    Attack("deep-if", "{% if x %}" * 2000 + "{% endif %}" * 2000),
    Attack("big-template", "{{ x }}" * 15_000),
    Attack("syntax", "{% if %}"),
    Attack("undefined", "{{ nope }}-{{ nope.attr }}"),
    Attack("div0", "{{ 1/0 }}"),
    Attack(
        "while-iter",
        """{% for a in xs %}{% for b in xs %}{{ "x"*10000000 }}{% endfor %}{% endfor %}""",
    ),
    Attack("tojson-big", "{{ (xs*1000000)|tojson|length }}"),
    Attack("sort-cpu", "{{ range(99999)|list|sort|length }}"),
    Attack("huge-int-format", "{{ '%.1000000000f'|format(1.5)|length }}"),
    Attack("urlize-redos", "{{ ('a.'*50000)|urlize|length }}"),
    Attack("wordwrap", "{{ ('x '*500000)|wordwrap(1)|length }}"),
    Attack("striptags", "{{ ('<'*100000)|striptags|length }}"),
]
