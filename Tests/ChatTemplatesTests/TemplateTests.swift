import Foundation
import Testing

@testable import ChatTemplates

@Suite("Jinja of chat templates")
struct TemplateTests {
    private func render(_ source: String, _ variables: [ChatValue.Member] = []) throws -> String {
        try ChatTemplate(source).render(variables, now: Date(timeIntervalSince1970: 1_721_952_000 + 43_200)).text
    }

    private static let data: [ChatValue.Member] = [
        .init("name", .string("Ünal")), .init("numbers", .list([.integer(3), .integer(1), .integer(2)])),
        .init("person", .mapping([.init("name", .string("Ada")), .init("items", .integer(7)), .init("age", .null)])),
        .init(
            "messages",
            .list([
                .message(role: "user", content: "Hi"), .message(role: "assistant", content: "Hello"),
                .message(role: "user", content: "Bye"),
            ])),
    ]

    @Test(
        "White space follows trim_blocks, lstrip_blocks and the signs of the tags",
        arguments: [
            ("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"),
            ("a  {%- if true -%}  b  {%- endif -%}  c", "abc"),
            ("a\n  {%+ if true %}\nb{% endif %}", "a\n  b"),
            ("{{ 1 }}\n{{ 2 }}\n\n", "1\n2\n"),
            ("  {# note #}\nx", "x"),
            ("a {#- note -#} b", "ab"),
            ("{% if true +%}\nx{% endif %}", "\nx"),
            ("x {% if true %}y{% endif %}\n z", "x y z"),
            ("a\r\nb", "a\nb"),
            ("  {{- 'x' -}}  ", "x"),
            ("{{ {'a': {'b': 1}}.a.b }}", "1"),
        ])
    func whitespace(source: String, expected: String) throws {
        #expect(try render(source) == expected)
    }

    @Test(
        "Expressions",
        arguments: [
            ("1 + 2 * 3 - 4 // 3", "6"), ("-7 // 2 ~ ',' ~ -7 % 3", "-4,2"), ("7 / 2", "3.5"), ("2 ** 3", "8"),
            ("'a' 'b' ~ 1 ~ none ~ true", "ab1NoneTrue"), ("not 1 == 2 and 'x' or 'y'", "x"),
            ("1 < 2 <= 2 != 3", "True"), ("'b' in 'abc' and 'k' not in person", "True"),
            ("'yes' if numbers else 'no'", "yes"), ("numbers[-1] ~ numbers[0:2] ~ numbers[::-1]", "2[3, 1][2, 1, 3]"),
            ("name[1:] ~ name[::-1] ~ name[0]", "nallanÜÜ"), ("person.name ~ person['name']", "AdaAda"),
            ("person.items() | list | length", "3"), ("person['items']", "7"), ("missing", ""),
            ("missing is defined, person.age is none, person.x is undefined", "[False, True, True]"),
            ("(1, 2)[1]", "2"), ("[1, 'a', 2.0, none, {'k': \"it's\"}]", "[1, 'a', 2.0, None, {'k': \"it's\"}]"),
            ("\"\\n\\t\\\"\\u00e9\\x41\" | length", "5"), ("'%s' | replace('s', 't')", "%t"), ("'ab' * 2", "abab"),
            ("true + 1", "2"), ("1e3 ~ 0.1 ~ 1e-7 ~ 1e22", "1000.00.11e-071e+22"), ("numbers.0", "3"),
            ("'\u{E9}' == 'e\u{301}'", "False"), ("1 == 1.0 == true", "True"), ("'a' if false", ""),
        ])
    func expressions(expression: String, expected: String) throws {
        #expect(try render("{{ \(expression) }}", Self.data) == expected)
    }

    @Test(
        "Filters, tests and methods",
        arguments: [
            ("' x ' | trim ~ '|' ~ 'xxay'.strip('x')", "x|ay"), ("numbers | sort | join(', ')", "1, 2, 3"),
            ("messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(',')", "Hi,Bye"),
            ("messages | rejectattr('role', 'in', ['user']) | list | length", "1"),
            ("numbers | select('odd') | list", "[3, 1]"), ("missing | default('d') ~ ('' | d('e', true))", "de"),
            ("numbers | first ~ numbers | last", "32"), ("'3' | int + 1", "4"), ("'x' | int(9)", "9"),
            ("[1.26, 2] | map('round', 1) | list", "[1.3, 2.0]"), ("'aB c' | upper ~ 'aB' | lower", "AB Cab"),
            ("'hello wORLD' | capitalize ~ 'hello wORLD' | title", "Hello worldHello World"),
            ("person | items | first | first", "name"), ("person | dictsort | first | last", "None"),
            ("[1, 1, 2] | unique | list ~ [1, 2] | sum", "[1, 2]3"), ("'a\nb' | indent(2)", "a\n  b"),
            ("'a,b,,c'.split(',') ~ ' a  b '.split()", "['a', 'b', '', 'c']['a', 'b']"),
            ("'a-b-c'.split('-', 1) ~ 'a-b-c'.rsplit('-', 1)", "['a', 'b-c']['a-b', 'c']"),
            ("'abc'.startswith(('x', 'a')) and 'abc'.endswith('bc')", "True"),
            ("'a\nb\n'.splitlines()", "['a', 'b']"), ("'aXbX'.replace('X', '', 1) ~ 'ab'.find('b')", "abX1"),
            ("person.get('name') ~ person.get('zip') ~ person.get('zip', 0)", "AdaNone0"),
            ("person.keys() | list", "['name', 'items', 'age']"), ("3 is odd and 4 is divisibleby 2", "True"),
            ("'x' is string and {} is mapping and [] is iterable and 'x' is not number", "True"),
            ("{'b': [1, 'é\"'], 'a': none} | tojson", "{\"b\": [1, \"é\\\"\"], \"a\": null}"),
            ("{'b': [], 'a': [1]} | tojson(indent=2)", "{\n  \"b\": [],\n  \"a\": [\n    1\n  ]\n}"),
            ("[1] | tojson(indent=-1)", "[\n1\n]"),
            ("'<a>' | tojson | safe", "\"<a>\""), ("range(1, 6, 2) | list", "[1, 3, 5]"),
            ("strftime_now('%d %b %Y')", "26 Jul 2024"), ("[[2, 'b'], [1, 'a']] | sort | first | last", "a"),
            ("'abc' | reverse ~ 'title'.removeprefix('ti')", "cbatle"), ("' - '.join(['a', 'b'])", "a - b"),
        ])
    func filters(expression: String, expected: String) throws {
        #expect(try render("{{ \(expression) }}", Self.data) == expected)
    }

    @Test(
        "Statements",
        arguments: [
            ("{% for n in numbers %}{{ loop.index }}{{ n }}{% if not loop.last %},{% endif %}{% endfor %}", "13,21,32"),
            ("{% for n in [] %}x{% else %}none{% endfor %}", "none"),
            ("{% for n in numbers if n > 1 %}{{ loop.length }}{{ n }}{% endfor %}", "2322"),
            ("{% for k, v in person.items() %}{{ k }}={{ v }};{% endfor %}", "name=Ada;items=7;age=None;"),
            ("{% set x = 1 %}{% for n in numbers %}{% set x = n %}{% endfor %}{{ x }}", "1"),
            ("{% set ns = namespace(x=0) %}{% for n in numbers %}{% set ns.x = ns.x + n %}{% endfor %}{{ ns.x }}", "6"),
            ("{% for n in numbers %}{% if n == 1 %}{% continue %}{% endif %}{{ n }}{% endfor %}", "32"),
            ("{% for n in numbers %}{% if n == 1 %}{% break %}{% endif %}{{ n }}{% endfor %}", "3"),
            ("{% if true %}{% set y = 2 %}{% endif %}{{ y }}", "2"),
            ("{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"),
            ("{% set t | upper %}x{{ 1 }}y{% endset %}[{{ t }}]", "[X1Y]"),
            ("{% macro m(a, b='!') %}{{ a }}{{ b }}{% endmacro %}{{ m('x') }}{{ m('y', b='?') }}", "x!y?"),
            ("{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210"),
            ("{% if 0 %}a{% elif '' %}b{% else %}c{% endif %}", "c"),
            ("{% for m in messages %}{{ loop.cycle('a', 'b') }}{{ loop.previtem.role }}{% endfor %}", nil),
            ("{% for m in messages %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
        ])
    func statements(source: String, expected: String?) throws {
        if let expected {
            #expect(try render(source, Self.data) == expected)
        } else {
            #expect(throws: ChatTemplateError.self) { try render(source, Self.data) }
        }
    }

    @Test("What the assistant wrote is reported in bytes of the text")
    func generation() throws {
        let source = """
            {% for m in messages %}é{{ m.role }}:
            {%- if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}
            {%- else %}{{ m.content }}{% endif %}|{% endfor %}
            """
        let chat = try ChatTemplate(source).render(messages: Self.data[3].value, addGenerationPrompt: false)
        #expect(chat.text == "éuser:Hi|éassistant:Hello|éuser:Bye|")
        let written = chat.assistantRanges.map { String(decoding: Array(chat.text.utf8)[$0], as: UTF8.self) }
        #expect(written == ["Hello"])
    }

    @Test(
        "Errors name the line and the construct",
        arguments: [
            ("\n{% include 'x' %}", ChatTemplateError.Kind.unsupported, 2, "'include'"),
            ("{{ 1 | wordwrap }}", .unsupported, 1, "'wordwrap'"), ("{{ 1 is sized }}", .unsupported, 1, "'sized'"),
            ("{{ 'a'.format(1) }}", .unsupported, 1, "'format'"), ("{{ '%s' % 1 }}", .unsupported, 1, "'%'"),
            ("{{ lipsum() }}", .unsupported, 1, "'lipsum'"), ("{{ [].append(1) }}", .unsupported, 1, "'append'"),
            ("a\n\n{{ x.y }}", .evaluation, 3, "'x' is undefined"), ("{{ x + 'a' }}", .evaluation, 1, "undefined"),
            ("{{ 1 + 'a' }}", .evaluation, 1, "'+'"), ("{{ 1 // 0 }}", .evaluation, 1, "zero"),
            ("{% for a in none %}{% endfor %}", .evaluation, 1, "none"), ("{% set a.b = 1 %}", .evaluation, 1, "'a'"),
            ("{{ raise_exception('no ' ~ 1) }}", .raised, 1, "no 1"), ("{% if x %}", .syntax, 1, "endif"),
            ("{{ 1 +}}", .syntax, 1, "the end of the tag"), ("{{ (1 }}", .syntax, 1, "does not end"), 
            ("{{ 'a }}", .syntax, 1, "string"), ("{# a", .syntax, 1, "comment"),
            ("{% endif %}", .syntax, 1, "'endif'"), ("{{ a b }}", .syntax, 1, "'b'"),
            ("{{ ? }}", .syntax, 1, "'?'"), ("{{ {1: 2} }}", .unsupported, 1, "key"),
        ])
    func errors(source: String, kind: ChatTemplateError.Kind, line: Int, word: String) {
        let error = #expect(throws: ChatTemplateError.self) { try render(source) }
        #expect(error?.kind == kind, "\(String(describing: error))")
        #expect(error?.line == line)
        #expect(error?.message.contains(word) == true, "\(String(describing: error))")
    }

    @Test(
        "A template cannot work without end",
        arguments: [
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ range(1000000) }}", "{{ 'a' * 100000000 }}",
            "{% set n = namespace(x='aa') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
            "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
            "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
            "{% set n = namespace(x=[]) %}{% for i in range(90000) %}{% set n.x = [n.x] %}{% endfor %}",
            "{{ 2 ** 64 }}", "{{ 9223372036854775807 + 1 }}", "{{ [1] | tojson(indent=9223372036854775807) }}",
        ])
    func limits(source: String) {
        let error = #expect(throws: ChatTemplateError.self) { try render(source) }
        #expect(error?.kind == .limit, "\(String(describing: error))")
    }

    @Test(
        "Nesting without end is refused",
        arguments: [("(", ")"), ("not ", ""), ("[", "]"), ("- + ", ""), ("a[", "]"), ("f(", ")")])
    func nesting(opening: String, closing: String) {
        let depth = 20_000
        let source = String(repeating: opening, count: depth) + "1" + String(repeating: closing, count: depth)
        #expect(throws: ChatTemplateError.self) { try ChatTemplate("{{ \(source) }}") }
        let blocks = String(repeating: "{% if 1 %}", count: depth) + String(repeating: "{% endif %}", count: depth)
        #expect(throws: ChatTemplateError.self) { try ChatTemplate(blocks) }
    }

    @Test(
        "A long chain is not nesting", arguments: ["1 + ", "'a' ~ ", "true and ", "false or ", "1 | abs + "])
    func chains(link: String) throws {
        #expect(throws: ChatTemplateError.self) { try render("{{ " + String(repeating: link, count: 20_000) + "1 }}") }
    }

    @Test("A namespace that holds itself can be printed")
    func selfReference() throws {
        #expect(try render("{% set n = namespace() %}{% set n.n = n %}{{ n }}") == "<Namespace>")
    }
}
