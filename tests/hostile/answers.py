"""Submissions whose functions answer with what is no plain value, is far too much, or was learnt by heart."""

import base64
import io

import torch
from exhaustion import function
from submission import COURSE, PROOF, Case, cell, from_notebook, in_functions

from lecturelib.grading.calling import Caller
from lecturelib.grading.exercises import exercises_of, generator, run


def answers(name: str, returned: dict[str, str], start: str = "", lost: dict[str, str] | None = None, **more) -> Case:
    """exercise -> the expression that its function returns; none of them is right."""
    sources = {exercise: function(exercise, f"return {value}") for exercise, value in returned.items()}
    expected = {"earned": dict.fromkeys(returned, 0.0), "lost": lost or {}} | more
    return in_functions(name, "answers", sources, start=start, **expected)


EQUAL = f"""
class Equal:
    shape, dtype, ndim, device, requires_grad = (1,), None, 0, "cpu", True
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
    def __float__(self): return 0.0
    def __array__(self, *_, **__): return self
    def __getattr__(self, name): return Equal()
    def __call__(self, *_, **__): return Equal()
    def __iter__(self): return iter([Equal(), Equal()])
    def __len__(self): return 2
    def __getitem__(self, key): return Equal()
    def __reduce__(self): return __import__("os").system, ("touch {PROOF} /tmp/{PROOF}",)
    def __deepcopy__(self, memo): return Equal()
    @classmethod
    def __torch_function__(cls, *_, **__): return True
    __le__ = __lt__ = __ge__ = __gt__ = __contains__ = __eq__
    __sub__ = __add__ = __mul__ = __matmul__ = __rsub__ = __abs__ = __call__

class Chameleon(Equal):
    @property
    def __class__(self): return torch.Tensor

class EqualTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        return True if "eq" in str(function) or "le" in str(function) else super().__torch_function__(
            function, types, arguments, options or {{}})

class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return hash("symmetric")

class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return Number(0)
    def __abs__(self): return Number(0)

class Dict(dict):
    def __getitem__(self, key): return "symmetric"
    def __contains__(self, key): return True
    def __iter__(self): return iter("ABC")
    def items(self): return iter([(letter, Text("scale")) for letter in "ABC"])

class List(list):
    def __len__(self): return 2
    def __iter__(self): return iter([Equal()] * 2)

class Meta(type):
    @property
    def __name__(cls): raise ValueError("no name")
    def __instancecheck__(cls, other): return True
    def __eq__(cls, other): return True
    __hash__ = type.__hash__

class Nameless(metaclass=Meta):
    pass
"""

STRANGE = [
    answers("always-equal", {"pca": "Equal()", "sparse": "Equal()", "angles": "Chameleon()", "diagnosis": "Equal()",
                             "corrupt": "EqualTensor(torch.zeros_like(x))", "contractive": "Number(0)"}, EQUAL),
    answers("subclasses-of-plain-types", {
        "pca": "List([1, 2])", "diagnosis": "Dict(A='scale', B='scale', C='scale')", "sparse": "Number(1)",
        "angles": "Text('x')", "repair": "type('Int', (int,), {})(3)"}, EQUAL),
    answers("texts-that-equal-all", {"diagnosis": "{letter: Text('scale') for letter in 'ABC'}"}, EQUAL),
    answers("nothing-has-a-name", {"pca": "Nameless()", "sparse": "Nameless", "corrupt": "(Nameless(), Nameless)"},
            EQUAL),
    answers("mocks", {"pca": "MagicMock()", "sparse": "MagicMock()", "corrupt": "MagicMock(spec=torch.Tensor)",
                      "diagnosis": "MagicMock(spec=dict)", "repair": "AsyncMock()"},
            "from unittest.mock import AsyncMock, MagicMock"),
    answers("things-that-cannot-travel", {
        "pca": "(x, torch.nn.Linear(2, 2))", "sparse": "(i for i in iter(int, 1))", "angles": "__import__('os')",
        "corrupt": "open('/dev/zero', 'rb')", "denoising": "lambda: 1", "diagnosis": "{...}", "contractive": "type",
        "repair": "NotImplemented"}),
    answers("tensors-of-other-kinds", {
        "pca": "(x.mean(0).to_sparse(), x[:k].to_sparse())", "angles": "torch.zeros(3, device='meta')",
        "sparse": "torch.zeros(()).to(torch.float8_e4m3fn)", "repair": "torch.tensor(1 + 1j).conj().imag",
        "corrupt": "torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)", "denoising": "torch.tensor(1j).conj()",
        "contractive": "torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])"}),
    answers("numbers-of-other-kinds", {
        "pca": "(10**5000, 10**5000)", "sparse": "float('nan')", "angles": "float('inf')", "corrupt": "-10**400",
        "denoising": "complex('nan')", "contractive": "__import__('fractions').Fraction(1, 3)",
        "repair": "__import__('decimal').Decimal(1)", "diagnosis": "{float('nan'): 10**300, True: -0.0}"}),
    answers("arrays-of-other-kinds", {
        "pca": "(numpy.array(['a']), numpy.array([{}], dtype=object))", "sparse": "numpy.zeros(1, 'f4,i4')",
        "angles": "numpy.zeros(3, 'M8[s]')", "corrupt": "numpy.zeros(x.shape, '>f4')", "repair": "numpy.float128(1)",
        "denoising": "numpy.ma.masked", "contractive": "numpy.matrix([[1]])", "diagnosis": "numpy.array({})"},
        "import numpy"),
    answers("empty-and-not-a-number", {
        "pca": "(torch.zeros(0), torch.zeros(0, 0))", "sparse": "h.sum() * torch.nan", "angles": "torch.zeros(0)",
        "corrupt": "x * torch.nan", "denoising": "torch.tensor(torch.inf)", "contractive": "(h.sum() + W.sum()) / 0",
        "repair": "torch.tensor(-torch.inf)", "diagnosis": "{}"}),
    answers("views-of-nothing", {
        "pca": "(torch.zeros(1).expand(10**11), x)", "sparse": "torch.zeros(1).expand(2**62)",
        "angles": "torch.zeros(*[1] * 60)", "corrupt": "torch.zeros(0, 2**40)",
        "repair": "torch.empty(2**31, 0, 2**31)"}),
    answers("nested-without-end", {
        "pca": "nested", "sparse": "deep(list)", "angles": "deep(tuple)", "corrupt": "deep(dict)",
        "diagnosis": "{'A': nested, 'B': deep(list), 'C': deep(dict)}"}, """
nested = []
nested.append(nested)

def deep(kind):
    value = 1
    for _ in range(100_000):
        value = {0: value} if kind is dict else kind([value])
    return value
"""),
    answers("too-large-to-travel", {
        "pca": "'x' * 10**8", "sparse": "bytes(10**8)", "angles": "torch.zeros(2 * 10**7)", "corrupt": "[0] * 10**6",
        "diagnosis": "{'A': 'x' * 2 * 10**7, 'B': 'y', 'C': 'z'}", "repair": "dict.fromkeys(range(3 * 10**5))"}),
    answers("long-causes", {"diagnosis": "{'A': 'x' * 10**7, 'B': 'y', 'C': 'z'}"}),
    answers("strange-causes", {"diagnosis": r"{'A': '\ud800\x00\u202e\x1b[2J', 'B': '', 'C': ''}"}),
    answers("strange-keys", {"diagnosis": r"""{"A": "symmetric", "B": "noisy target", "C": "two sigmoids", "\ud800": 1,
        None: 1, b"x": 1, 1.5: 1, "x" * 10**5: 1}"""}),
    answers("causes-of-other-kinds", {"diagnosis": "{'A': torch.zeros(2), 'B': [], 'C': {}}"}),
    answers("pickles", {
        "pca": "(packed, packed)", "sparse": "packed", "diagnosis": "{'A': packed, 'B': Evil(), 'C': Evil()}",
        "angles": "numpy.array([Evil()])", "repair": "memory.getvalue()"}, f"""
import io, numpy, os, pickle, torch

class Evil:
    def __reduce__(self):
        return os.system, ("touch {PROOF} /tmp/{PROOF}",)

packed, memory = pickle.dumps(Evil()), io.BytesIO()
torch.save([Evil()], memory)
with open("{PROOF}.pkl", "wb") as file:
    file.write(packed)
"""),
    answers("handles-of-its-own", {
        "pca": "(Handle(0, 'tensor'), Handle(-1, 'tensor'))", "diagnosis": "Handle(10**9, 'dict')",
        "sparse": "Handle('0', None)", "repair": "Handle(0, 'x' * 10**6)"},
            "from lecturelib.grading.calling import Handle"),
    answers("mistakes-of-its-own", {
        "pca": "throw(Mistake('passed'))", "sparse": "throw(Won('passed', 1000))",
        "diagnosis": "throw(NotWritten('passed'))", "repair": "throw(Won('\\n' * 10**5))"}, """
from lecturelib.grading.mistakes import Mistake, NotWritten

class Won(Mistake):
    status = "passed"

def throw(error):
    raise error
"""),
    answers("endless-class-property", {"angles": "Endless()"}, """
class Endless:
    @property
    def __class__(self):
        while True:
            pass
"""),
]  # fmt: skip

# answers learnt by heart: right on the inputs of the check that students see, which others do not have


def _by_heart(notebook) -> None:
    solved, seen = {}, {}
    for one in notebook.cells:
        if one.id in ("imports", "layers") or one.id.startswith("write-"):
            exec(one.source, solved)

    class Recorder(Caller):
        def __call__(self, name, *arguments):
            seen.setdefault(name, []).append((arguments, super().__call__(name, *arguments)))
            return seen[name][-1][1]

    for check in exercises_of(COURSE / "solutions" / "lab02" / "checks.py"):
        if check.name in ("pca", "linear", "angles") and not check.hidden:
            assert run(check, Recorder(solved), generator(check.name, check.hidden, "visible")).status == "passed"
    packed = io.BytesIO()
    torch.save(seen, packed)
    cell(notebook, "write-pca").source = LOOK_UP.replace("PACKED", repr(base64.b64encode(packed.getvalue()).decode()))
    two = "linear_loss, linear_gradients = known('linear_loss'), known('linear_gradients')"
    cell(notebook, "write-linear").source = two
    cell(notebook, "write-angles").source = "principal_angles = known('principal_angles')"


LOOK_UP = """
import base64, io
SEEN = torch.load(io.BytesIO(base64.b64decode(PACKED)))

def known(name):
    def look_up(*arguments):
        for given, answer in SEEN[name]:
            if all(a.shape == b.shape and (a == b).all() if isinstance(a, Tensor) else a == b
                   for a, b in zip(arguments, given)):
                return answer
        return SEEN[name][0][1]
    return look_up

pca = known("pca")
""".strip()

LEARNT = [
    from_notebook("answers-by-heart", "learnt", _by_heart, earned={"pca": 0, "linear": 0, "angles": 0}),
    in_functions("always-one-answer", "learnt", {
        "sparse": function("sparse", "return h.sum() * 0 + 0.1234"), "repair": function("repair", "return x.sum()"),
    }, earned={"sparse": 0, "repair": 0}),
    in_functions("a-library-s-own", "learnt", {"pca": """
def pca(x: Tensor, k: int):
    from sklearn.decomposition import PCA
    found = PCA(k).fit(x.numpy())
    return torch.from_numpy(found.mean_), torch.from_numpy(found.components_)
"""}, earned={"pca": (0.0, 3.0)}),  # right numbers are right; importing it may be too slow
]  # fmt: skip

CASES = [*STRANGE, *LEARNT]
