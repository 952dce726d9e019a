"""Verdicts on programs: what forges one is refused, and right programs pass in all the shapes that they and their tests come in."""

from __future__ import annotations

import pytest

from rephrase.verifiers.kinds import Verifier

# Programs that are wrong, and tests that they would pass if they could reach them.
FORGED = {
    "frame token": (
        """
import sys
def f(x):
    print(sys._getframe(1).f_locals)
    import os; os._exit(0)
""",
        "assert f(1) == 2",
    ),
    "exit in call": (
        """
import sys
def f(x): sys.exit(0)
""",
        "assert f(1) == 2",
    ),
    "exit at load": (
        "raise SystemExit(0)",
        "assert f(1) == 2",
    ),
    "shadow all": (
        """
def all(x): return True
def f(x): return x
""",
        "assert all(f(x) == x + 1 for x in range(3))",
    ),
    "shadow abs": (
        """
abs = lambda x: 0
def f(x): return x
""",
        "assert abs(f(1.0) - 2.0) < 1e-9",
    ),
    "isclose patched no import": (
        """
import math
math.isclose = lambda *a, **k: True
def f(x): return x
""",
        "assert math.isclose(f(1), 2.0)",
    ),
    "class math": (
        """
class math:
    isclose = staticmethod(lambda *a, **k: True)
def f(x): return x
""",
        "assert math.isclose(f(1), 2.0)",
    ),
    "eq true": (
        """
class T:
    def __eq__(self, o): return True
def f(x): return T()
""",
        "assert f(1) == 2",
    ),
    "int eq true": (
        """
class T(int):
    def __eq__(self, o): return True
    __hash__ = int.__hash__
def f(x): return T(7)
""",
        "assert f(1) == 2",
    ),
    "eq in list": (
        """
class T:
    def __eq__(self, o): return True
def f(x): return [T(), T()]
""",
        "assert f(1) == [2, 3]",
    ),
    "eq true named": (
        """
class Vector:
    def __init__(self, *a): pass
    def __eq__(self, o): return True
    def __add__(self, o): return Vector()
""",
        """
assert Vector(1, 2) + Vector(1, 1) == Vector(2, 3)
assert Vector(1,2) == 3
""",
    ),
    "class as function": (
        """
class f:
    def __init__(self, *a): pass
    def __eq__(self, o): return True
    def __sub__(self, o): return 0
    __rsub__ = __sub__
""",
        "assert abs(f(1) - 2) < 1e-9",
    ),
    "named bool liar": (
        """
class Money:
    def __init__(s, *a): pass
    def __eq__(s, o): return s
    def __bool__(s): return True
    def __add__(s,o): return s
""",
        "assert Money(1) + Money(2) == Money(4)",
    ),
    "box is liar": (
        """
class Box:
    def __init__(s, v): pass
    def get(s): return Box(1)
    def __eq__(s, o): return True
""",
        "assert Box(3).get() == 3",
    ),
    "ne liar": (
        """
class Box:
    def __init__(s, v): pass
    def __eq__(s, o): return True
    def __ne__(s, o): return False
""",
        "assert not (Box(3) != Box(4))",
    ),
    "subset": (
        """
class T(set):
    def __eq__(s, o): return True
    def issubset(s, o): return True
    def __le__(s, o): return True
def f(): return T([9])
""",
        "assert f() <= {1, 2}",
    ),
    "contains": (
        """
class T:
    def __contains__(self, o): return True
    def __iter__(self): return iter(())
def f(x): return T()
""",
        "assert 2 in f(1)",
    ),
    "unittest exit=False": (
        "def f(x): return x",
        """
import unittest
class A(unittest.TestCase):
    def test_f(self): self.assertEqual(f(1), 2)
if __name__ == '__main__':
    unittest.main(argv=['x'], exit=False)
""",
    ),
    "unittest patched": (
        """
import unittest
unittest.TestCase.assertEqual = lambda *a: None
def f(x): return x
""",
        """
import unittest
class A(unittest.TestCase):
    def test_f(self): self.assertEqual(f(1), 2)
unittest.main()
""",
    ),
    "skip": (
        """
import unittest
def f(x): raise unittest.SkipTest('x')
""",
        """
import unittest
class A(unittest.TestCase):
    def test_f(self): self.assertEqual(f(1), 2)
unittest.main()
""",
    ),
    "constants of caller": (
        """
import sys
def f(x):
    fr = sys._getframe(1)
    while fr:
        for c in fr.f_code.co_consts:
            if type(c) is int and c > 100: return c
        fr = fr.f_back
    return 0
""",
        "assert f(10) == 3628800",
    ),
    "almost equal": (
        """
class T:
    def __sub__(self, o): return 0.0
    __rsub__ = __sub__
    def __eq__(self,o): return True
def f(x): return T()
""",
        """
import unittest
class A(unittest.TestCase):
    def test_f(self): self.assertAlmostEqual(f(1), 2.0)
unittest.main()
""",
    ),
    "check not called": (
        "def f(x): return x",
        """
def check(candidate):
    assert candidate(1) == 2
""",
    ),
    "check called": (
        """
def check(c): pass
def f(x): return x
""",
        """
def check(candidate):
    assert candidate(1) == 2
check(f)
""",
    ),
    "test functions": (
        "def f(x): return x",
        """
def test_f():
    assert f(1) == 2
""",
    ),
    "doctest": (
        "def f(x): return x",
        """
>>> f(1)
2
""",
    ),
    "doctest testmod": (
        """
def f(x):
    '''
    >>> f(1)
    2
    '''
    return x
""",
        """
import doctest
doctest.testmod()
""",
    ),
    "doctest none": (
        "def f(x): return x",
        """
import doctest
doctest.testmod()
""",
    ),
    "pairs": (
        "print(int(input()))",
        '{"inputs": ["1\\n"], "outputs": ["2\\n"]}',
    ),
    "write fds": (
        """
import os, json
for fd in range(3, 20):
    try: os.write(fd, b'{"passed": true, "reason": ""}')
    except OSError: pass
def f(x): return x
""",
        "assert f(1) == 2",
    ),
    "forged answer": (
        """
import os, json
def f(x):
    for fd in range(3, 20):
        try: os.write(fd, b'{"changed":[],"gives":true,"raised":false}\\n')
        except OSError: pass
""",
        "assert f(1) == 2",
    ),
    "callback globals": (
        """
def f(g, x):
    return g.__globals__['SECRET']
""",
        """
SECRET = 42
assert f(lambda x: x, 1) == 42
""",
    ),
    "callback operator": (
        """
def f(g, x):
    import sys
    P = type(g).__peer__
    return P.request('special', g, '__getattribute__', ('__globals__',))['SECRET']
""",
        """
SECRET = 42
assert f(lambda x: x, 1) == 42
""",
    ),
    "ANY class": (
        "from unittest.mock import _ANY as f",
        "assert f() == 42",
    ),
    "describe patched": (
        """
import rephrase.verifiers.mirrors as m
old = m.describe
def new(k):
    d = old(k)
    d['methods'] = ['__eq__']
    return d
class T:
    def __eq__(s, o): return True
def f(x):
    import sys
    fr = sys._getframe()
    while fr:
        p = fr.f_locals.get('self')
        if hasattr(p, 'operations'): p.operations['describe'] = lambda n: new(p._ours[n])
        fr = fr.f_back
    return T()
""",
        "assert f(1) == 2",
    ),
    "raw write of result": (
        """
import os
def f(x):
    import sys
    fr = sys._getframe()
    while fr:
        p = fr.f_locals.get('self')
        if hasattr(p, '_to'):
            p._to.write(b'{"changed": [], "gives": ["standard", "unittest.mock", "_ANY"]}\\n'); p._to.flush()
        fr = fr.f_back
    return 1
""",
        "assert f(1)() == 2",
    ),
    "json tests": (
        "def f(x): return x",
        '{"a": 1}',
    ),
    "no tests": (
        "def f(x): return x",
        "# nothing",
    ),
    "pytest approx": (
        """
class T:
    def __eq__(s, o): return True
    def __sub__(s,o): return 0
    __rsub__=__sub__
def f(x): return T()
""",
        """
import pytest
def test_f():
    assert f(1) == pytest.approx(2.0)
    
""",
    ),
    "pytest wrong": (
        "def f(x): return x",
        """
import pytest
@pytest.mark.parametrize('a,b', [(1, 2)])
def test_f(a, b): assert f(a) == b
""",
    ),
    "numpy array ufunc": (
        """
class T:
    __array_priority__ = 1e9
    def __array_ufunc__(s, *a, **k): return True
    def __array_function__(s, *a, **k): return True
    def __array__(s, *a): raise ValueError
    def __eq__(s,o): return True
def f(x): return T()
""",
        """
import numpy as np
assert np.allclose(f(1), [2.0])
""",
    ),
    "thread kills": (
        """
import os, threading
threading.Timer(0.0, lambda: os._exit(0)).start()
def f(x): return x
""",
        """
import time
time.sleep(0.2)
assert f(1) == 2
""",
    ),
    "raises swallowed by exit": (
        """
import os
def f(x): os._exit(0)
""",
        """
try:
    f(1)
except BaseException: pass
""",
    ),
    "StopIteration": (
        """
def f(x):
    raise StopIteration
""",
        "assert all(f(x) == 1 for x in [1])",
    ),
    "wrong corrected worse": (
        """
```python
def f(x):
    return x + 1
```
Better:
```python
def f(x):
    return x
```
""",
        "assert f(1) == 2",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_verdicts_are_refused(name):
    verdict = Verifier("python", seconds=60).verify(*FORGED[name])
    assert not verdict.right
    assert verdict.reason


# Programs that are right, with tests as data sets have them.
RIGHT = {
    "class": (
        """
class Stack:
    def __init__(self):
        self.items = []
    def push(self, x): self.items.append(x)
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    @property
    def empty(self): return not self.items
""",
        """
s = Stack()
s.push(1); s.push([2])
assert len(s) == 2 and s.items == [1, [2]]
assert s.pop() == [2]
assert not s.empty
s.items.append(5)
assert s.pop() == 5
assert isinstance(s, Stack)
""",
    ),
    "types of generators": (
        """
def g():
    x = yield 1
    yield x
""",
        """
import types, inspect
it = g()
assert isinstance(it, types.GeneratorType) and inspect.isgenerator(it)
assert next(it) == 1 and it.send(5) == 5
it.close()
""",
    ),
    "stdin function": (
        """
def main():
    n = int(input())
    print(sum(map(int, input().split())), n)
if __name__ == '__main__':
    main()
""",
        """
import io, sys
sys.stdin = io.StringIO('3\\n1 2 3\\n')
out = io.StringIO()
old, sys.stdout = sys.stdout, out
main()
sys.stdout = old
assert out.getvalue() == '6 3\\n', out.getvalue()
""",
    ),
    "stdin input top level": (
        """
def solve(a): return sum(a)
n = int(input())
print(solve([n]))
""",
        "assert solve([1, 2]) == 3",
    ),
    "mock input": (
        """
def ask():
    name = input('Name? ')
    print(f'Hello {name}')
""",
        """
from unittest.mock import patch
import io, contextlib
with patch('builtins.input', return_value='Ann'):
    b = io.StringIO()
    with contextlib.redirect_stdout(b): ask()
assert b.getvalue() == 'Hello Ann\\n'
""",
    ),
    "pairs buffer": (
        """
import sys
input = sys.stdin.buffer.readline
n = int(input())
sys.stdout.buffer.write(b'%d\\n' % n)
""",
        '[{"input": "3\\n", "output": "3\\n"}]',
    ),
    "deep recursion": (
        """
import sys
sys.setrecursionlimit(20000)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
""",
        "assert f(9000) == 9000",
    ),
    "big ints": (
        "def p(n): return 2 ** n",
        "assert p(20000) == 1 << 20000",
    ),
    "in place nested": (
        """
def rotate(m):
    m[:] = [list(r) for r in zip(*m[::-1])]
""",
        """
m = [[1,2],[3,4]]
rotate(m)
assert m == [[3,1],[4,2]]
""",
    ),
    "same object": (
        """
def f(x):
    x.append(1)
    return x
""",
        """
a = []
assert f(a) is a
assert a == [1]
""",
    ),
    "exceptions": (
        """
class MyError(ValueError):
    def __init__(self, code):
        super().__init__(f'code {code}')
        self.code = code
def f(x):
    if x < 0: raise MyError(x)
    if x == 0: raise ZeroDivisionError('zero')
    return x
""",
        """
import unittest
class T(unittest.TestCase):
    def test(self):
        with self.assertRaises(ValueError): f(-1)
        with self.assertRaises(MyError) as c: f(-2)
        self.assertEqual(c.exception.code, -2)
        self.assertEqual(str(c.exception), 'code -2')
        self.assertRaisesRegex(ZeroDivisionError, 'ze', f, 0)
if __name__ == '__main__':
    unittest.main()
""",
    ),
    "raise own": (
        """
class E(Exception): pass
def guard(g):
    try: return g()
    except E as e: return ('caught', str(e))
""",
        """
def bad(): raise E('x')
assert guard(bad) == ('caught', 'x')
""",
    ),
    "pytest fixture": (
        """
class A:
    def __init__(self): self.n = 0
    def inc(self): self.n += 1
""",
        """
import pytest
@pytest.fixture
def a(): return A()
def test_inc(a):
    a.inc()
    assert a.n == 1
class TestA:
    def test_x(self, a, capsys):
        assert a.n == 0
""",
    ),
    "pytest top": (
        """
def f(x):
    if x < 0: raise ValueError('negative')
""",
        """
import pytest
with pytest.raises(ValueError):
    f(-1)
""",
    ),
    "isclose": (
        "def mean(xs): return sum(xs) / len(xs)",
        """
import math
assert math.isclose(mean([0.1, 0.2]), 0.15)
assert abs(mean([1, 2]) - 1.5) < 1e-9
""",
    ),
    "dataclass": (
        """
from dataclasses import dataclass, field
@dataclass(order=True)
class P:
    x: int
    y: int = 0
    tags: list = field(default_factory=list)
    def moved(self, dx): return P(self.x + dx, self.y)
""",
        """
from dataclasses import asdict
p = P(1)
assert p == P(1, 0)
assert p != P(2)
assert p.moved(2) == P(3, 0)
assert repr(p) == 'P(x=1, y=0, tags=[])', repr(p)
assert P(1) < P(2)
assert sorted([P(2), P(1)])[0].x == 1
p.x = 7
assert p.x == 7
assert asdict(p) == {'x': 7, 'y': 0, 'tags': []}
p.tags.append('a')
assert p.tags == ['a']
match p:
    case P(x=7): pass
    case _: assert False
""",
    ),
    "frozen": (
        """
from dataclasses import dataclass
@dataclass(frozen=True)
class P:
    x: int
""",
        """
from dataclasses import FrozenInstanceError
try:
    P(1).x = 2
    assert False
except FrozenInstanceError: pass
assert {P(1): 3}[P(1)] == 3
assert len({P(1), P(1), P(2)}) == 2
""",
    ),
    "decorator": (
        """
import functools, time
def memo(g):
    cache = {}
    @functools.wraps(g)
    def wrapper(*a):
        if a not in cache: cache[a] = g(*a)
        return cache[a]
    return wrapper
@functools.lru_cache
def fib(n): return n if n < 2 else fib(n-1) + fib(n-2)
""",
        """
calls = []
@memo
def sq(x):
    calls.append(x)
    return x * x
assert sq(3) == 9 and sq(3) == 9
assert calls == [3]
assert sq.__name__ == 'sq'
assert fib(30) == 832040
assert fib.cache_info().hits > 0
""",
    ),
    "count decorator": (
        """
import functools
def count(f):
    @functools.wraps(f)
    def w(*a, **k):
        w.calls += 1
        return f(*a, **k)
    w.calls = 0
    return w
@count
def hi(): 'Say hi.'; return 'hi'
""",
        """
hi(); hi()
assert hi.calls == 2 and hi.__name__ == 'hi' and hi.__doc__ == 'Say hi.'
@count
def mine(x, y=2): return x + y
assert mine(1) == 3 and mine(1, y=5) == 6 and mine.calls == 2
import inspect
assert list(inspect.signature(hi).parameters) == []
""",
    ),
    "retry": (
        """
import functools
def retry(times=3, exceptions=(Exception,)):
    def deco(f):
        @functools.wraps(f)
        def w(*a, **k):
            for i in range(times):
                try: return f(*a, **k)
                except exceptions:
                    if i == times - 1: raise
        return w
    return deco
""",
        """
n = []
@retry(times=3, exceptions=(ValueError,))
def flaky():
    n.append(1)
    if len(n) < 3: raise ValueError('x')
    return 'ok'
assert flaky() == 'ok' and len(n) == 3
class Mine(Exception): pass
@retry(2, (Mine,))
def bad(): raise Mine('m')
try: bad(); assert False
except Mine as e: assert str(e) == 'm'
""",
    ),
    "context": (
        """
from contextlib import contextmanager
@contextmanager
def tag(log):
    log.append('in')
    try: yield 5
    finally: log.append('out')
class CM:
    def __enter__(self): return self
    def __exit__(self, t, v, tb): return t is ValueError
""",
        """
log = []
with tag(log) as v:
    assert v == 5
with CM():
    raise ValueError('x')
""",
    ),
    "callbacks": (
        """
def apply(g, xs): return [g(x) for x in xs]
def compose(*fs):
    def h(x):
        for g in reversed(fs): x = g(x)
        return x
    return h
def make_adder(n): return lambda x: x + n
""",
        """
assert apply(lambda x: x * 2, [1, 2]) == [2, 4]
assert compose(str, abs)(-3) == '3'
assert make_adder(3)(4) == 7
assert list(map(make_adder(1), [1, 2])) == [2, 3]
""",
    ),
    "curry": (
        """
import inspect
def curry(f):
    n = len(inspect.signature(f).parameters)
    def g(*a):
        return f(*a) if len(a) >= n else lambda *b: g(*a, *b)
    return g
""",
        "assert curry(lambda a, b, c: a + b + c)(1)(2)(3) == 6",
    ),
    "foreign nodes": (
        """
def depth(t): return 0 if t is None else 1 + max(depth(t.left), depth(t.right))
def invert(t):
    if t: t.left, t.right = invert(t.right), invert(t.left)
    return t
""",
        """
class T:
    def __init__(self, v, l=None, r=None): self.v, self.left, self.right = v, l, r
t = T(1, T(2, T(3)), None)
assert depth(t) == 3
assert invert(t) is t
assert t.left is None and t.right.v == 2
""",
    ),
    "subclass": (
        """
from abc import ABC, abstractmethod
class Shape(ABC):
    def __init__(self, name): self.name = name
    @abstractmethod
    def area(self): ...
    def describe(self): return f'{self.name}: {self.area()}'
""",
        """
class Sq(Shape):
    def __init__(self, s):
        super().__init__('sq')
        self.s = s
    def area(self): return self.s ** 2
q = Sq(3)
assert q.describe() == 'sq: 9'
assert isinstance(q, Shape) and issubclass(Sq, Shape)
assert q.area() == 9
try:
    Shape('x'); assert False
except TypeError: pass
""",
    ),
    "enum": (
        """
from enum import Enum, IntEnum
class Color(Enum):
    RED = 1
    GREEN = 2
class Level(IntEnum):
    LOW = 1
    HIGH = 2
def nxt(c): return Color.GREEN if c is Color.RED else Color.RED
""",
        """
assert nxt(Color.RED) is Color.GREEN
assert nxt(Color.RED) == Color.GREEN
assert Color.RED.value == 1 and Color['RED'] is Color.RED and Color(2) is Color.GREEN
assert [c.name for c in Color] == ['RED', 'GREEN']
assert len(Color) == 2
assert Level.HIGH > Level.LOW and Level.LOW == 1
""",
    ),
    "namedtuple": (
        """
from collections import namedtuple
from typing import NamedTuple
Point = namedtuple('Point', 'x y')
class Q(NamedTuple):
    a: int
def mk(): return Point(1, 2)
def mq(): return Q(1)
""",
        """
p = mk()
assert p == (1, 2) and p.x == 1
a, b = p
assert (a, b) == (1, 2)
assert mk() == mk()
assert mq() == (1,) and mq()[0] == 1
assert Point(1, 2)._asdict() == {'x': 1, 'y': 2}
""",
    ),
    "operators": (
        """
class V:
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, o): return V(self.x + o.x, self.y + o.y)
    def __mul__(self, k): return V(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __eq__(self, o): return isinstance(o, V) and (self.x, self.y) == (o.x, o.y)
    def __repr__(self): return f'V({self.x}, {self.y})'
    def __iadd__(self, o):
        self.x += o.x; self.y += o.y
        return self
    def __iter__(self): return iter((self.x, self.y))
    def __abs__(self): return (self.x**2 + self.y**2) ** .5
    def __bool__(self): return bool(self.x or self.y)
    def __getitem__(self, i): return (self.x, self.y)[i]
    def __matmul__(self, o): return self.x * o.x + self.y * o.y
    def __neg__(self): return V(-self.x, -self.y)
    def __contains__(self, v): return v in (self.x, self.y)
""",
        """
a = V(1, 2)
assert a + a == V(2, 4)
assert a * 3 == V(3, 6) == 3 * a
assert repr(a) == 'V(1, 2)' == str(a)
a += V(1, 1)
assert list(a) == [2, 3] and a[0] == 2
assert abs(V(3, 4)) == 5.0
assert not V(0, 0) and V(1, 0)
assert V(1, 2) @ V(3, 4) == 11
assert -a == V(-2, -3)
assert 3 in a and 9 not in a
assert a != V(0, 0)
""",
    ),
    "money": (
        """
import functools
@functools.total_ordering
class Money:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == (o.n if isinstance(o, Money) else o)
    def __lt__(self, o): return self.n < (o.n if isinstance(o, Money) else o)
    def __hash__(self): return hash(self.n)
    def __add__(self, o): return Money(self.n + (o.n if isinstance(o, Money) else o))
    __radd__ = __add__
""",
        """
assert Money(5) == 5
assert Money(5) == Money(5)
assert Money(5) < 6 and Money(7) >= Money(7)
assert sum([Money(1), Money(2)]) == Money(3)
assert len({Money(1), Money(1)}) == 1
assert max([Money(1), Money(4)]) == 4
""",
    ),
    "unittest setUp": (
        """
class C:
    total = 0
    def __init__(self): self.v = 0
    def add(self, x=1, *, times=1):
        self.v += x * times
        return self
    @classmethod
    def make(cls, v):
        c = cls(); c.v = v
        return c
    @staticmethod
    def double(x): return 2 * x
""",
        """
import unittest
class T(unittest.TestCase):
    def setUp(self): self.c = C()
    def test_a(self): self.assertEqual(self.c.add(2).add(3, times=2).v, 8)
    def test_b(self): self.assertEqual(C.make(4).v, 4)
    def test_c(self):
        self.assertEqual(C.double(4), 8)
        self.assertIsInstance(self.c, C)
        self.assertEqual(C.total, 0)
unittest.main()
""",
    ),
    "unguarded unittest in program": (
        """
import unittest
def f(x): return x + 1
class T(unittest.TestCase):
    def test(self): self.assertEqual(f(1), 2)
unittest.main()
""",
        "assert f(1) == 2",
    ),
    "doctest in program": (
        """
def f(x):
    '''
    >>> f(1)
    2
    '''
    return x + 1
if __name__ == '__main__':
    import doctest
    doctest.testmod()
""",
        "assert f(1) == 2",
    ),
    "doctest": (
        "def f(x): return x + 1",
        """
>>> f(1)
2
>>> f('a')
Traceback (most recent call last):
...
TypeError: can only concatenate str (not "int") to str
""",
    ),
    "doctest testmod": (
        """
def f(x):
    '''
    >>> f(1)
    2
    '''
    return x + 1
""",
        """
import doctest
assert doctest.testmod().failed == 0
""",
    ),
    "helper usage block": (
        """
```python
def f(x):
    return x + 1
```
Use:
```python
print(f(3))
assert f(3) == 4
```
prints
```
4
```
""",
        "assert f(1) == 2",
    ),
    "check not called": (
        """
def helper(x): return x
def f(x): return helper(x) + 1
""",
        """
METADATA = {'author': 'x'}


def check(candidate):
    assert candidate(1) == 2
    assert candidate(2) == 3
""",
    ),
    "test functions": (
        "def f(x): return x + 1",
        """
def test_f():
    assert f(1) == 2
class TestG:
    def setup_method(self): self.x = 3
    def test_g(self): assert f(self.x) == 4
""",
    ),
    "sum": (
        """
def sum(a, b):
    return a + b
""",
        "assert sum(10, 15) == 25",
    ),
    "async context": (
        """
import asyncio
class R:
    async def __aenter__(self): return self
    async def __aexit__(self, *a): self.closed = True
    async def get(self, x):
        await asyncio.sleep(0.001)
        return x
async def gather(n):
    r = R()
    return await asyncio.gather(*(r.get(i) for i in range(n)))
""",
        """
import asyncio, unittest
class T(unittest.IsolatedAsyncioTestCase):
    async def test(self):
        async with R() as r:
            self.assertEqual(await r.get(3), 3)
        self.assertTrue(r.closed)
        self.assertEqual(await gather(3), [0, 1, 2])
""",
    ),
    "types": (
        """
from collections import Counter, defaultdict, deque, OrderedDict
from decimal import Decimal
from fractions import Fraction
import datetime
def f():
    d = defaultdict(list)
    d['a'].append(1)
    return [Counter('aab'), d, deque([1, 2], 3), OrderedDict(a=1), Decimal('1.10'), Fraction(1, 3), datetime.date(2020, 1, 2), datetime.datetime(2020,1,2,3, tzinfo=datetime.timezone.utc), datetime.timedelta(1), 1+2j, b'\\xff', bytearray(b'x'), {1, 2}, frozenset([3]), range(3), None, ..., float('inf'), (1, (2,)), '\\ud800', {(1, 2): 'x'}]
def keys(d): return d.keys()
""",
        """
from collections import *
from decimal import Decimal
from fractions import Fraction
import datetime
r = f()
assert r[0] == Counter(a=2, b=1) and r[0].most_common(1) == [('a', 2)]
assert r[1] == {'a': [1]} and r[1]['z'] == []
assert r[2] == deque([1, 2]) and r[2].maxlen == 3
assert r[3] == OrderedDict(a=1)
assert r[4] == Decimal('1.10') and str(r[4]) == '1.10'
assert r[5] == Fraction(1, 3)
assert r[6] == datetime.date(2020, 1, 2)
assert r[7] == datetime.datetime(2020,1,2,3, tzinfo=datetime.timezone.utc)
assert r[8].days == 1
assert r[9:] == [1+2j, b'\\xff', bytearray(b'x'), {1, 2}, frozenset([3]), range(3), None, ..., float('inf'), (1, (2,)), '\\ud800', {(1, 2): 'x'}]
assert keys({1: 2}) == {1} and list(keys({'a': 1})) == ['a']
""",
    ),
    "uses program imports": (
        """
import math
from typing import List
from collections import deque
def area(r: float) -> float: return math.pi * r * r
""",
        """
x: List[int] = [1]
assert math.isclose(area(1), math.pi)
assert deque([1])[0] == 1
""",
    ),
    "solution class": (
        """
from typing import List
class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
        seen = {}
        for i, n in enumerate(nums):
            if target - n in seen: return [seen[target - n], i]
            seen[n] = i
        return []
""",
        """
assert Solution().twoSum([2, 7, 11], 9) == [0, 1]
s = Solution()
assert s.twoSum(nums=[3, 3], target=6) == [0, 1]
""",
    ),
    "numpy unimported": (
        """
import numpy as np
def f(): return np.eye(2)
""",
        """
assert np.allclose(f(), [[1, 0], [0, 1]])
assert f().shape == (2, 2)
""",
    ),
    "import solution": (
        "def f(x): return x + 1",
        """
from solution import f
assert f(1) == 2
""",
    ),
    "sys.exit tests": (
        "def f(x): return x + 1",
        """
import sys
ok = f(1) == 2
sys.exit(0 if ok else 1)
""",
    ),
    "text runner": (
        "def f(x): return x + 1",
        """
import unittest
class T(unittest.TestCase):
    def test(self): self.assertEqual(f(1), 2)
suite = unittest.TestLoader().loadTestsFromTestCase(T)
r = unittest.TextTestRunner().run(suite)
assert r.wasSuccessful()
""",
    ),
    "tree children": (
        """
class Tree:
    def __init__(self, v): self.v, self.children = v, []
def total(t): return t.v + sum(map(total, t.children))
""",
        """
r = Tree(1)
r.children.append(Tree(2))
r.children[0].children.append(Tree(3))
assert total(r) == 6
""",
    ),
    "observer": (
        """
class Bus:
    def __init__(self): self.h = {}
    def on(self, e, f): self.h.setdefault(e, []).append(f)
    def emit(self, e, *a, **k): return [f(*a, **k) for f in self.h.get(e, [])]
""",
        """
from unittest.mock import Mock
b = Bus(); got = []
b.on('x', got.append)
m = Mock(return_value=5)
b.on('x', m)
assert b.emit('x', 3) == [None, 5]
assert got == [3]
m.assert_called_once_with(3)
assert len(b.h['x']) == 2
""",
    ),
    "patch object": (
        """
class S:
    def fetch(self): raise OSError
    def run(self): return self.fetch() + 1
""",
        """
from unittest.mock import patch
with patch.object(S, 'fetch', return_value=2):
    assert S().run() == 3
try:
    S().run(); assert False
except OSError: pass
""",
    ),
    "inheritance": (
        """
class A:
    def __init__(self, n): self.n = n
    def hi(self): return 'A' + self.n
class B(A):
    def hi(self): return 'B' + super().hi()
class M:
    def m(self): return 1
class C(B, M): pass
""",
        """
c = C('x')
assert c.hi() == 'BAx' and c.m() == 1
assert isinstance(c, A) and issubclass(C, M) and not isinstance(A('y'), B)
assert type(c).__name__ == 'C' and c.__class__ is C
assert vars(c) == {'n': 'x'} and c.__dict__ == {'n': 'x'}
assert hasattr(c, 'n') and not hasattr(c, 'q')
assert [k.__name__ for k in C.__mro__][:4] == ['C', 'B', 'A', 'M']
""",
    ),
    "sorting objects": (
        """
class P:
    def __init__(self, n, a): self.n, self.a = n, a
    def __repr__(self): return self.n
def oldest(ps): return max(ps, key=lambda p: p.a)
def by_age(ps): return sorted(ps, key=lambda p: p.a)
""",
        """
a, b = P('a', 3), P('b', 2)
assert oldest([a, b]) is a
assert by_age([a, b]) == [b, a]
assert [p.n for p in by_age([a, b])] == ['b', 'a']
ps = [a, b]
ps.sort(key=lambda p: p.a)
assert ps[0] is b
""",
    ),
    "deep copy": (
        """
import copy
def dc(x): return copy.deepcopy(x)
class N:
    def __init__(self, v): self.v = v
""",
        """
a = [[1], [2]]
b = dc(a)
b[0].append(9)
assert a == [[1], [2]] and b == [[1, 9], [2]]
import copy
n = N([1])
m = copy.deepcopy(n)
assert m is not n and m.v == [1]
k = copy.copy(n)
assert k.v == [1]
""",
    ),
    "lru": (
        """
from collections import OrderedDict
class LRUCache:
    def __init__(self, c): self.c, self.d = c, OrderedDict()
    def get(self, k):
        if k not in self.d: return -1
        self.d.move_to_end(k); return self.d[k]
    def put(self, k, v):
        self.d[k] = v; self.d.move_to_end(k)
        if len(self.d) > self.c: self.d.popitem(last=False)
    def __contains__(self, k): return k in self.d
""",
        """
c = LRUCache(2)
c.put(1, 1); c.put(2, 2)
assert c.get(1) == 1
c.put(3, 3)
assert c.get(2) == -1 and 3 in c and 2 not in c
""",
    ),
    "error attributes": (
        """
class E(Exception):
    def __init__(self, a, b):
        self.a, self.b = a, b
    def __str__(self): return f'{self.a}/{self.b}'
def f(): raise E(1, [2])
""",
        """
try:
    f()
except E as e:
    assert e.a == 1 and e.b == [2] and str(e) == '1/[2]'
else: assert False
""",
    ),
    "unittest in tests only mentions program import": (
        """
import unittest
def f(x): return x + 1
""",
        """
class T(unittest.TestCase):
    def test(self): self.assertEqual(f(1), 2)
""",
    ),
    "re match": (
        """
import re
def m(s): return re.match(r'(\\w+)@', s)
""",
        """
r = m('ann@x')
assert r and r.group(1) == 'ann' and m('x') is None
""",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_pass(name):
    verdict = Verifier("python", seconds=60).verify(*RIGHT[name])
    assert verdict.right, verdict.reason
