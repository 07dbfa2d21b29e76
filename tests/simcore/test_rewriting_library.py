"""Real code rewritten: modules of the standard library compute what they computed, under hooks that record."""

from __future__ import annotations

import gc
import importlib.util
import sys
import types
import unittest
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from weft.simcore.rewriting import rewrite

from .rewriting_kit import Row, installed, recording


def copy_of(name: str, *, plain: bool = False) -> types.ModuleType:
    """A second copy of a module, rewritten, that nobody else sees but what it imports itself."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_bytes()
    module = types.ModuleType(name)
    module.__file__ = spec.origin
    module.__package__ = name if spec.submodule_search_locations else name.rpartition(".")[0]
    module.__path__ = list(spec.submodule_search_locations or [])
    code = compile(source, spec.origin, "exec", dont_inherit=True) if plain else rewrite(source, spec.origin).code
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return module


def parsed(argparse: Any) -> Any:
    parser = argparse.ArgumentParser(prog="shop", description="A shop.")
    parser.add_argument("-n", "--number", type=int, default=3, choices=range(9))
    parser.add_argument("names", nargs="*")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-v", action="count")
    return vars(parser.parse_args(["-n4", "a", "b", "-vv"])), parser.format_help()


def configured(configparser: Any) -> Any:
    parser = configparser.ConfigParser()
    parser.read_string("[a]\nx = 1\ny = %(x)s2\n[b]\nz: yes\n")
    return {name: dict(section) for name, section in parser.items()}, parser.getboolean("b", "z")


def made_dataclass(dataclasses: Any) -> Any:
    point = dataclasses.make_dataclass("Point", [("x", int), ("y", list, dataclasses.field(default_factory=list))])
    return repr(point(1)), point(1) == point(1), dataclasses.asdict(point(2, [3])), dataclasses.replace(point(1), x=5).x


def made_enum(enum: Any) -> Any:
    color = enum.Enum("Color", ["RED", "GREEN"])
    flag = enum.IntFlag("Flag", ["A", "B"])
    return [str(each) for each in color], color(1).name, str(flag(3)), color["GREEN"].value


def cached(functools: Any) -> Any:
    class Box:
        @functools.cached_property
        def value(self) -> int:
            return 7

        @functools.singledispatchmethod
        def shown(self, x: Any) -> str:
            return "any"

        @shown.register
        def _(self, x: int) -> str:
            return "int"

    counted = functools._lru_cache_wrapper(lambda n: n * 2, 2, False, functools._CacheInfo)
    return (
        Box().value,
        Box().shown(1),
        Box().shown(""),
        [counted(n) for n in (1, 2, 1)],
        str(counted.cache_info()),
        functools.reduce(max, [1, 5, 2]),
        functools.cmp_to_key(lambda a, b: a - b)(2) < functools.cmp_to_key(lambda a, b: a - b)(3),
    )


def shown_tree(ast: Any) -> Any:
    tree = ast.parse("def f(x, *a, y=1): return [x for x in a if y] + f'{x!r:>3}'")
    return ast.unparse(tree), ast.dump(tree)[:200], [type(node).__name__ for node in ast.walk(tree)]


WORK: dict[str, Callable[[Any], Any]] = {
    "argparse": parsed,
    "ast": shown_tree,
    "base64": lambda m: (m.b85encode(b"hello"), m.b32decode(m.b32encode(b"abc")), m.b64encode(b"x" * 10)),
    "bisect": lambda m: [m.bisect(list(range(9)), n) for n in (1, 5)],
    "calendar": lambda m: (m.TextCalendar().formatyear(2024), m.monthrange(2024, 2)),
    "collections": lambda m: (
        m.Counter("abca").most_common(),
        m.ChainMap({1: 2}, {3: 4})[3],
        m.namedtuple("P", "x y")(1, 2),
        m.UserList([1, 2]) * 2,
    ),
    "colorsys": lambda m: m.rgb_to_hls(0.1, 0.5, 0.9),
    "configparser": configured,
    "contextlib": lambda m: [type(m.ExitStack().__enter__()).__name__, m.suppress(KeyError)._exceptions],
    "copy": lambda m: m.deepcopy({"a": [1, {2: 3}], "b": (1, [2])}),
    "csv": lambda m: (m.Sniffer().sniff("a;b;c\n1;2;3\n").delimiter, list(m.DictReader(["a,b", "1,2"]))),
    "dataclasses": made_dataclass,
    "difflib": lambda m: (
        list(m.unified_diff(["a", "b", "c"], ["a", "x", "c"], lineterm="")),
        list(m.ndiff(["one", "two"], ["one", "too"])),
        m.get_close_matches("appel", ["ape", "apple"]),
    ),
    "dis": lambda m: [each.opname for each in m.get_instructions("x + 1")],
    "enum": made_enum,
    "filecmp": lambda m: m.cmp(__file__, __file__, shallow=False),
    "fnmatch": lambda m: m.filter(["a.py", "b.c"], "*.py"),
    "fractions": lambda m: (
        m.Fraction(3, 4) + m.Fraction("0.1"),
        m.Fraction(1.5).limit_denominator(3),
        -m.Fraction(7, 3) // 2,
    ),
    "functools": cached,
    "gettext": lambda m: m.c2py("n%10==1 && n%100!=11 ? 0 : 1")(21),
    "graphlib": lambda m: list(m.TopologicalSorter({"d": {"c"}, "c": {"a"}}).static_order()),
    "heapq": lambda m: (m.nsmallest(2, [3, 1, 2]), list(m.merge([1, 4], [2, 3])), m.nlargest(1, "abc")),
    "html": lambda m: (m.escape("<a & 'b'>"), m.unescape("&lt;&eacute;&#x41;")),
    "inspect": lambda m: str(m.signature(parsed)),
    "ipaddress": lambda m: [str(each) for each in m.ip_network("10.0.0.0/30").hosts()],
    "json.decoder": lambda m: m.JSONDecoder().decode('{"a": [1, 2.5, null, "x\\u0041"]}'),
    "json.encoder": lambda m: m.JSONEncoder(indent=2, sort_keys=True).encode({"b": [1, (2,)], "a": None}),
    "locale": lambda m: m.normalize("de_DE.utf8"),
    "numbers": lambda m: m.Integral.__abstractmethods__ >= set(),
    "optparse": lambda m: m.OptionParser("usage").format_help(),
    "pprint": lambda m: m.pformat({"a": list(range(40)), "b": {"c": ("x" * 50, "y" * 50)}}, width=40),
    "queue": lambda m: [m.PriorityQueue().empty(), m.LifoQueue(1).full()],
    "random": lambda m: (m.Random(3).sample(range(99), 5), m.Random(3).choices("abc", k=4), m.Random(1).gauss(0, 1)),
    "reprlib": lambda m: m.repr(list(range(100))),
    "sched": lambda m: m.scheduler().enter(1, 1, print).time > 0,
    "shlex": lambda m: (m.split("a 'b c' \"d\" # e", comments=True), m.quote("it's")),
    "statistics": lambda m: (m.mean([1, 2, 4]), m.median([3, 1, 2]), m.stdev([1, 2, 3.5]), m.quantiles(range(10))),
    "string": lambda m: (
        m.Template("$a ${b}").substitute(a=1, b=2),
        m.Formatter().format("{0!r:>4}{x[1]}", "a", x=[1, 2]),
    ),
    "tempfile": lambda m: len(next(m._RandomNameSequence())),
    "textwrap": lambda m: (m.fill("one two three four " * 9, 30), m.dedent("  a\n   b"), m.shorten("a b c d", 6)),
    "timeit": lambda m: m.Timer("pass").timeit(1) >= 0,
    "tokenize": lambda m: [each.string for each in m.generate_tokens(iter(["x = 'a' + 1\n"]).__next__)],
    "traceback": lambda m: m.format_exception_only(ValueError("x")),
    "types": lambda m: m.new_class("A", (), {}).__name__,
    "typing": lambda m: (str(m.Optional[m.List[int]]), m.get_type_hints(parsed), m.NamedTuple("P", [("x", int)])(1)),
    "urllib.parse": lambda m: (
        m.urlsplit("http://a:b@c:1/d?e=f#g").port,
        m.quote("a b/c"),
        m.urljoin("http://a/b/c", "../d"),
    ),
    "uuid": lambda m: str(m.uuid5(m.NAMESPACE_DNS, "example.org")),
    "weakref": lambda m: len(m.WeakValueDictionary()),
    "xml.etree.ElementTree": lambda m: m.tostring(m.fromstring("<a><b c='1'>x</b></a>")),
    "zipfile": lambda m: m.ZipInfo("x").filename,
}


def result_of(work: Callable[[Any], Any], module: Any) -> str:
    """What a module computes, as text: two copies of one module have different classes."""
    return repr(work(module))


LARGE = frozenset(
    {"argparse", "ast", "calendar", "collections", "configparser", "dataclasses", "difflib", "dis", "enum", "inspect"}
    | {"ipaddress", "locale", "optparse", "random", "statistics", "traceback", "typing", "urllib.parse", "uuid"}
    | {"xml.etree.ElementTree", "zipfile", "functools", "tokenize", "weakref", "pprint", "tempfile", "contextlib"}
)
"""Modules that take a good part of a second to rewrite."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in WORK])
def test_a_library_module_computes_the_same(name: str) -> None:
    expected = result_of(WORK[name], copy_of(name, plain=True))
    made = copy_of(name)
    assert result_of(WORK[name], made) == expected
    log: list[Row] = []
    with installed(recording(log)):
        assert result_of(WORK[name], made) == expected


CPYTHON = [
    *("test_augassign", "test_scope", "test_named_expressions", "test_class", "test_descr", "test_generators"),
    *("test_listcomps", "test_unpack_ex", "test_with", "test_super", "test_property", "test_patma", "test_raise"),
    *("test_dataclasses", "test_fstring", "test_extcall", "test_metaclass", "test_iter", "test_except_star"),
    *("test_yield_from", "test_grammar", "test_compare", "test_contains", "test_global", "test_keywordonlyarg"),
]


@pytest.fixture
def _little_garbage() -> Generator[None]:
    """Some of CPython's tests collect garbage hundreds of times; what this process holds already is none."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.usefixtures("_little_garbage")
@pytest.mark.parametrize("name", CPYTHON)
@pytest.mark.filterwarnings("default")
def test_cpythons_own_tests_pass_rewritten(name: str) -> None:
    """The tests of the language itself, their own source rewritten: each failure they have, they have unrewritten too."""
    failing: list[set[str]] = []
    for plain in (True, False):
        module = copy_of(f"test.{name}", plain=plain)
        before = sys.modules.get(module.__name__)
        sys.modules[module.__name__] = module
        try:
            suite = unittest.defaultTestLoader.loadTestsFromModule(module)
            result = unittest.TestResult()
            suite.run(result)
        finally:
            sys.modules.pop(module.__name__)
            if before is not None:
                sys.modules[module.__name__] = before
        assert result.testsRun
        failing.append({str(case) for case, _ in (*result.failures, *result.errors)})
    assert failing[1] <= failing[0]
