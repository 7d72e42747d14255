"""Expressions: what they give, what they read, what they refuse."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakfix.engine.errors import ExpressionError
from breakfix.engine.expressions import (
    LENGTH_MAX,
    evaluate,
    pieces,
    put_in,
    references,
    references_in,
    render,
)
from breakfix.engine.expressions.sandbox import DEPTH_MAX, TEXT_CHARS_MAX

NAMES: dict[str, Any] = {
    "inputs": {
        "host": "shop", "n": 3, "ratio": 1.5, "on": True, "none": None, "list": [1, 2],
        "large": 1 << 63, "long": "x" * (TEXT_CHARS_MAX // 2 + 1), "tiny": 5e-324,
    },
    "labels": {"team": "blue"},
    "steps": {"noticed": {"result": {"status": 503, "m": {"k": "v"}}, "state": "succeeded"}},
    "unit": {"key": "web"},
}  # fmt: skip
WORDS = st.sampled_from(
    ["inputs", "inputs.n", "inputs.host", "inputs.list", "secrets.A", "self", "x", ".n", "[", "]",
     "(", ")", "{", "}", "'a'", '"', "1", "1e999", "0x1f", "+", "-", "*", "/", "//", "%", "**", "~",
     "|", "|int", "|float", "|length", "|round", "|default", "|map", " is ", "defined", "not ",
     " in ", " and ", " or ", " if ", " else ", "==", "<", ">", ",", ":", "true", "none", "__class__",
     "{{", "}}", "{%", "%}", "{#", "#", "\n", " ", "é", "'inf'"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ inputs.n }}", 3), ("  {{ inputs.n }}\n", 3), ("{{inputs.ratio}}", 1.5),
        ("{{ inputs.on }}", True), ("{{ inputs.none }}", None), ("{{ inputs.list }}", [1, 2]),
        ("{{ inputs.host }}", "shop"), ("{{ steps.noticed.result.m }}", {"k": "v"}),
        ("{{ inputs.n + 1 }}", 4), ("{{ inputs.n / 2 }}", 1.5), ("{{ inputs.n // 2 }}", 1),
        ("{{ inputs.n > 2 }}", True), ("{{ 'n' }}", "n"), ("{{ 2 }}", 2), ("{{ true }}", True),
        ("{{ inputs.list[1] }}", 2), ("{{ steps.noticed.result['m'].k }}", "v"),
        ("{{ inputs.absent | default('x') }}", "x"), ("{{ inputs.host | upper }}", "SHOP"),
        ("{{ '}}' }}", "}}"), ("{{ inputs.ratio | round(0) }}", 2.0),
        ("{{ 'a' if inputs.on else 'b' }}", "a"), ("{{ inputs.n in (1, 3) }}", True),
        ("{{ inputs.host not in ['web'] }}", True), ("{{ inputs.absent is defined }}", False),
    ],
)  # fmt: skip
def test_a_text_that_is_one_expression_keeps_the_type(text: str, value: Any) -> None:
    """A number stays a number, a truth value a truth value; blanks around do not count."""
    found = put_in(text, NAMES)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("http://{{ inputs.host }}:80{{ inputs.n }}/", "http://shop:803/"),
        ("{{ inputs.n }}s", "3s"),
        (" {{ inputs.host }} is {{ inputs.on }} ", " shop is true "),
        ("{{ inputs.host }}{{ unit.key }}", "shopweb"),
        ("{{ inputs.ratio * 2 }} CPUs", "3.0 CPUs"),
        ("no expression, } and {", "no expression, } and {"),
        ("{{ inputs.host + '}}' }}!", "shop}}!"),
        ("", ""),
    ],
)
def test_expressions_in_a_text_are_written_out(text: str, value: str) -> None:
    """What stands around is kept to the blank; truth values are written as YAML writes them."""
    assert put_in(text, NAMES) == value


def test_parameters_are_rendered_wherever_they_stand() -> None:
    """Values in dicts and lists are rendered; keys and everything else stay as they are."""
    value = {"url": "http://{{ inputs.host }}/", "ports": ["{{ inputs.n }}", 80], "{{ x }}": None}

    assert render(value, NAMES) == {"url": "http://shop/", "ports": [3, 80], "{{ x }}": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ secrets.TOKEN }}", "${secret:TOKEN}"),
        ("Bearer {{ secrets.TOKEN }}", "Bearer ${secret:TOKEN}"),
    ],
)
def test_a_secret_stays_a_reference(text: str, value: str) -> None:
    """No expression ever holds the value of a secret, only what stands for it."""
    assert put_in(text, NAMES) == value


@pytest.mark.parametrize(
    "text",
    ["secrets.TOKEN + 'x'", "secrets['TOKEN']", "secrets.TOKEN | upper", "secrets", "secrets.A.b"],
)
def test_nothing_can_be_computed_from_a_secret(text: str) -> None:
    """A reference that was cut or joined would reveal nothing, or something else."""
    with pytest.raises(ExpressionError):
        put_in(f"{{{{ {text} }}}}", NAMES)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("inputs.hots", "there is no inputs.hots"),
        ("input.host", "there is no input"),
        ("inputs.host.name", "there is no inputs.host.name"),
        ("steps.noticed.result.m.x", "there is no steps.noticed.result.m.x"),
        ("inputs.hots + 'x'", "hots"),
        ("nothing + 1", "'nothing' is undefined"),
        ("inputs.list[2]", "2"),
        ("inputs['absent'] == 1", "absent"),
    ],
)
def test_an_unknown_name_is_told(text: str, named: str) -> None:
    """A name that is not there is an error that tells it, alone and with operators."""
    with pytest.raises(ExpressionError, match=named.replace("[", "\\[")):
        put_in(f"{{{{ {text} }}}}", NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("range(9)", "a call cannot stand"), ("inputs.host.upper()", "a call cannot stand"),
        ("2 ** 9", "\\*\\* cannot stand"), ("'a' ~ 'b'", "~ .use \\+. cannot stand"),
        ("{'a': 1}", "a mapping cannot stand"), ("inputs.host[0:2]", "a slice cannot stand"),
        ("[1, 2]", "only behind `in`"), ("(1, 2)", "only behind `in`"),
        ("[1] == inputs.list", "only behind `in`"), ("1 in [[1]]", "only behind `in`"),
        ("inputs.list | map", "there is no filter map"),
        ("inputs.host | attr('x')", "there is no filter attr"),
        ("inputs.host | center(999999999)", "there is no filter center"),
        ("inputs.host | default(inputs.n)", "at most 1 plain value"),
        ("inputs.host | default(1, 2)", "at most 1 plain value"),
        ("inputs.host | default(value=1)", "at most 1 plain value"),
        ("inputs.host | upper('x')", "at most 0 plain value"),
        ("inputs.n | round(10)", "0 to 9 digits"), ("inputs.n | round('1')", "0 to 9 digits"),
        ("inputs.n is divisibleby(3)", "there is no test divisibleby"),
        ("inputs.n is even", "there is no test even"),
        ("inputs.n is none(3)", "there is no test none"),
        ("self.x + 1", "there is no self"), ("(self)", "there is no self"),
        ("1e999", "too large"), ("1 2", "goes on"), ("", "no expression"),
        ("1 +", "no expression"), ("{% x %}", "no expression"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_refused_before_a_run(text: str, message: str) -> None:
    """All but a short list is refused when the names of an expression are read: nothing is called,
    nothing grows beyond bounds."""
    with pytest.raises(ExpressionError, match=message):
        put_in(f"{{{{ {text} }}}}", NAMES)
    with pytest.raises(ExpressionError, match=message):
        references(text)


@pytest.mark.parametrize(
    "text",
    [
        "inputs.__class__", "inputs['__class__']", "inputs.host['__class__'] == 1",
        "inputs.host.__class__.__mro__", "(inputs.host).__len__", "''.__class__",
        "inputs.list.append", "(inputs.list).append", "inputs.keys", "(inputs).keys",
        "inputs.n['real']", "(inputs.n).real",
    ],
)  # fmt: skip
def test_attributes_of_python_are_out_of_reach(text: str) -> None:
    """Only members of mappings are seen, never attributes of objects, with or without Jinja2."""
    with pytest.raises(ExpressionError):
        put_in(f"{{{{ {text} }}}}", NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "inputs.n / 0", "inputs.n % 0", "inputs.n + 'x'", "'x' * 9", "'%s' % 1", "inputs.host > 1",
        "inputs.large + 1", "inputs.list + inputs.list", "inputs.long + inputs.long",
        "1 in inputs.n", "-inputs.host", "inputs.n | length", "inputs[inputs.list]",
        "1e308 * 10", "'inf' | float", "'nan' | float", "1 / inputs.tiny",
    ],
)  # fmt: skip
def test_what_fails_is_an_expression_error_and_does_not_hold(text: str) -> None:
    """An expression that cannot be evaluated raises ExpressionError where its value is needed; as a
    condition it does not hold."""
    with pytest.raises(ExpressionError):
        put_in(f"{{{{ {text} }}}}", NAMES)

    assert evaluate(text, NAMES) is False


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("inputs.on", True), (" inputs.n == 3 ", True), ("not inputs.on", False),
        ("inputs.none", False), ("inputs.list", True), ("inputs.absent", False),
        ("steps.noticed.state == 'succeeded' and inputs.n > 2", True),
        ("steps.other.state == 'succeeded'", False), ("inputs.absent is undefined", True),
        ("inputs.none is none", True), ("1 +", False), ("", False), ("false", False),
        ("exit()", False),
    ],
)  # fmt: skip
def test_a_condition_holds_or_does_not(when: str, holds: bool) -> None:
    """`when` is an expression without braces; one that cannot be evaluated does not hold."""
    assert evaluate(when, NAMES) is holds


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("inputs.n", ["inputs.n"]),
        ("inputs.n > steps.a.result['m'] and inputs.n < 9", ["inputs.n", "steps.a.result.m"]),
        ("inputs.list[unit.key].x", ["inputs.list", "unit.key"]),
        ("inputs.absent | default(3)", ["inputs.absent"]),
        ("secrets.TOKEN", ["secrets.TOKEN"]),
        ("1 if inputs.a else labels.b", ["inputs.a", "labels.b"]),
        ("'inputs.n'", []),
        ("true", []),
    ],
)
def test_the_names_that_an_expression_reads(expression: str, names: list[str]) -> None:
    """Each name once, as far as it is written out: up to a computed index."""
    found = references(expression)

    assert sorted(map(str, found)) == sorted(names)
    assert all(name.root == name.path[0] for name in found)


def test_the_names_that_a_text_reads() -> None:
    """The names of all expressions of a text, in their order."""
    found = references_in("a {{ inputs.n }} b {{ unit.key + labels.team }}")

    assert [str(name) for name in found] == ["inputs.n", "unit.key", "labels.team"]


@pytest.mark.parametrize("text", ["{{", "a {{ b", "{{ b }", "{{ 'a }}", "{{ a }} {{"])
def test_braces_that_do_not_close_are_refused(text: str) -> None:
    """An expression that does not end is an error, and not taken for text."""
    for read in (pieces, references_in, lambda given: put_in(given, NAMES)):
        with pytest.raises(ExpressionError, match="has no }} behind it"):
            read(text)


@pytest.mark.parametrize("name", ["list", "none"])
def test_what_cannot_be_written_into_a_text_is_refused(name: str) -> None:
    """Lists and nothing at all have no text of their own."""
    with pytest.raises(ExpressionError, match="is no text and no number"):
        put_in(f"{{{{ inputs.{name} }}}}/", NAMES)


def test_the_longest_expression() -> None:
    """An expression of as many characters as allowed is evaluated, and one more is refused."""
    longest = "'" + "x" * (LENGTH_MAX - 2) + "'"
    assert put_in(f"{{{{{longest}}}}}", NAMES) == longest[1:-1]
    assert references(longest) == ()

    too_long = longest.replace("x", "xx", 1)
    for read in (references, lambda text: put_in(f"{{{{{text}}}}}", NAMES)):
        with pytest.raises(ExpressionError, match=f"at most {LENGTH_MAX} characters"):
            read(too_long)
    assert evaluate(too_long, NAMES) is False


@pytest.mark.parametrize(
    "around",
    ["(1 if {} else 2)", "-{}", "not {}", "{}|int", "{} + 1", "1+({})", "({}) is defined", "{} == 1",
     "{} and 1", "({})", "inputs['n' if {} else 'on']", "(1 in [{}])"],
)  # fmt: skip
def test_what_can_be_read_can_be_evaluated(around: str) -> None:
    """However deeply an expression is nested: what is accepted beforehand is evaluated, and what is
    too deep is refused beforehand."""
    text, levels = "1", 0
    while len(text) + len(around) <= LENGTH_MAX:
        text = around.format(text)
        try:
            references(text)
        except ExpressionError as error:
            assert "nested too deeply" in str(error)
            assert levels >= 10
            break
        levels += 1
        put_in(f"{{{{{text}}}}}", NAMES)


def test_fifty_terms_are_not_too_deep() -> None:
    """A sum of as many terms as levels are allowed is evaluated."""
    assert put_in("{{" + "+".join(["1"] * DEPTH_MAX) + "}}", NAMES) == DEPTH_MAX


def require_nothing_but_expression_errors(text: str) -> None:
    """Everything that takes a text takes this one, or raises ExpressionError."""
    for read in (pieces, references, references_in, lambda given: render(given, NAMES)):
        try:
            read(text)
        except ExpressionError as error:
            assert str(error)
    assert evaluate(text, NAMES) in (True, False)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60))
@example("ﬁ + 1")
@example("\ud800 + 1")
@example("{{ \ud800 + 1 }}")
def test_any_text_is_evaluated_or_an_expression_error(text: str) -> None:
    """Whatever text stands in a file, nothing but ExpressionError is raised."""
    require_nothing_but_expression_errors(text)
    require_nothing_but_expression_errors(f"{{{{ {text} }}}}")


@settings(deadline=None, max_examples=100)
@given(st.lists(WORDS, max_size=14).map("".join))
@example("(((((1|float)|float)|float)|float)|float)")
def test_anything_like_an_expression_is_evaluated_or_an_expression_error(text: str) -> None:
    """Of the words that expressions are made of: nothing but ExpressionError is raised."""
    require_nothing_but_expression_errors(text)
    require_nothing_but_expression_errors(f"a {{{{ {text} }}}}")
