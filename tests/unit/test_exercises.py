"""compare names mistakes, call keeps the student's side apart, check says one line, visible cuts what is hidden."""

import re
import textwrap
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from lecturelib.grading import check, once_written
from lecturelib.grading.calling import Caller, Handle, check_gradient
from lecturelib.grading.exercises import Exercise, exercises_of, generator, run
from lecturelib.grading.mistakes import Mistake, NotWritten, Raised, compare, require_finite, require_form
from lecturelib.grading.visible import visible

TARGET = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def said(value, expected=TARGET, mistakes=None, **options) -> str:
    with pytest.raises(Mistake) as caught:
        compare(value, expected, mistakes, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# compare


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TARGET, TARGET),
        (TARGET + 1e-6, TARGET),
        (torch.tensor(2.0), 2.0),
        (2, 2.0),
        ([TARGET, 1.0], (TARGET, 1.0)),
        ("a", "a"),
        ([1, 2], [1, 2]),
        (torch.zeros(0), torch.zeros(0)),
    ],
)
def test_compare_takes_what_is_right(value, expected):
    compare(value, expected)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is the `return` missing?"),
        (TARGET.numpy(), "a numpy array"),
        (3.0, "is a float; a torch tensor of shape (2, 3) is expected"),
        (TARGET[0], "has shape (3,); (2, 3) is expected"),
        (TARGET.T, "(transposed?)"),
        (TARGET.double(), "has dtype float64; float32 is expected"),
        (TARGET.long(), "has dtype int64"),
        (TARGET / 0, "infinite in 6 of 6"),
        (torch.where(TARGET > 5, torch.nan, TARGET), "NaN in 1 of 6"),
        (-TARGET, "its sign is the opposite"),
        (TARGET / 64, "0.01562 times what it should be"),
        (TARGET + torch.eye(2, 3), "entry [0, 0] is 2 and should be 1"),
        (Handle(0, "Linear"), "is a Linear;"),
        (Handle(0, "Adam"), "is an Adam;"),
    ],
)
def test_compare_names_what_is_wrong(value, words):
    assert words in said(value)


def test_compare_names_a_known_mistake_before_its_form():
    known = {"averaged over everything": TARGET.mean()}
    assert said(TARGET.mean(), mistakes=known).endswith("averaged over everything")


def test_a_mistake_that_gives_the_right_value_is_no_mistake():
    compare(TARGET, TARGET, {"the same by chance": TARGET.clone()})


def test_compare_says_which_of_several_values_is_wrong():
    assert "value 2 of the pair" in said((TARGET, 3.0), (TARGET, 2.0), what="the pair")
    assert "holds 1 values; 2 are expected" in said((TARGET,), (TARGET, 2.0))
    assert "2 values are expected" in said(TARGET, (TARGET, 2.0))
    assert "swapped" in said((2.0, 1.0), (1.0, 2.0), {"swapped": (2.0, 1.0)})


def test_compare_is_exact_on_words_and_types():
    assert "is 'b', which is not right" in said("b", "a")
    assert "a str is expected" in said(1, "a")
    assert "one number is expected" in said(True, 1.0)
    assert "a square matrix" in said(torch.eye(2) * 2, torch.eye(2), what="a square matrix")


def test_tolerance_is_relative_to_the_largest_entry():
    compare(torch.tensor([1000.0, 0.05]), torch.tensor([1000.0, 0.0]))
    assert "should be 0" in said(torch.tensor([1.0, 0.05]), torch.tensor([1.0, 0.0]))


def test_require_form_leaves_the_entries_free():
    require_form(TARGET * 7, TARGET)
    with pytest.raises(Mistake, match="has shape"):
        require_form(TARGET[0], TARGET)


# call


def test_require_finite_says_what_was_lost_and_what_to_do():
    require_finite(TARGET, "it", "stay in logarithms")
    require_finite(None, "it", "stay in logarithms")
    for lost, words in ((float("nan"), "it is NaN: stay in logarithms"), (float("inf"), "it is infinite: stay")):
        with pytest.raises(Mistake, match=words):
            require_finite(torch.tensor([1.0, lost]), "it", "stay in logarithms")


def test_call_returns_plain_values_and_keeps_the_rest_behind_handles():
    layer = nn.Linear(2, 1)
    several = (1, [TARGET], {"a": np.float64(2)})
    call = Caller({"make": lambda: layer, "weigh": lambda m: m.weight, "both": lambda: several})
    handle = call("make")
    assert handle == Handle(0, "Linear")
    weight = call("weigh", handle)
    assert type(weight) is torch.Tensor
    assert not weight.requires_grad
    assert torch.equal(weight, layer.weight)
    one, (tensor,), entries = call("both")
    assert (one, entries) == (1, {"a": 2.0})
    assert tensor is not TARGET


def test_a_value_with_ways_of_its_own_does_not_reach_the_check():
    class Equal(float):
        def __eq__(self, other):
            return True

        __hash__ = float.__hash__

    class Tensor2(torch.Tensor):
        pass

    call = Caller({"f": lambda: Equal(1), "g": lambda: torch.ones(2).as_subclass(Tensor2)})
    assert type(call("f")) is Handle
    assert type(call("g")) is torch.Tensor


def test_arguments_are_copies_and_changing_them_is_a_mistake():
    def f(x):
        x += 1
        return x

    x = torch.zeros(2)
    with pytest.raises(Mistake, match="argument number 1 in place"):
        Caller({"f": f})("f", x)
    assert torch.equal(x, torch.zeros(2))


def test_what_goes_wrong_in_a_function_is_one_line_with_the_place():
    def f(x):
        return x @ x

    with pytest.raises(Raised, match=r"`f` raised RuntimeError: .* \(line \d+: `return x @ x`\)$"):
        Caller({"f": f})("f", torch.zeros(2, 3))
    with pytest.raises(NotWritten, match="no function `g`"):
        Caller({})("g")
    with pytest.raises(Mistake, match="`g` is not a function but of type int"):
        Caller({"g": 1})("g")
    with pytest.raises(Raised, match="takes 1 positional argument"):
        Caller({"f": f})("f", 1, 2)


def student(source: str) -> dict:
    """The namespace of a notebook with this cell."""
    namespace = {"torch": torch}
    exec(textwrap.dedent(source), namespace)
    return namespace


def test_what_is_not_written_is_the_innermost_function():
    namespace = student("""
        def g(x):
            raise NotImplementedError

        class Net:
            def forward(self, x):
                raise NotImplementedError

        def f(x):
            return [g(a) for a in x]

        def through_a_method(x):
            return Net().forward(x)

        def h(x):
            raise NotImplementedError
    """)
    for name, blamed in {"f": "g", "through_a_method": r"Net\.forward", "h": "h"}.items():
        with pytest.raises(NotWritten, match=f"^`{blamed}` is not written yet$"):
            Caller(namespace)(name, [1])


def test_a_library_that_lacks_something_is_not_an_answer_that_is_missing():
    namespace = student("""
        def f(x):
            return torch.softmax(x, 0)

        def g(x):
            return torch.distributions.Categorical(logits=x).rsample()  # raises without words
    """)
    with pytest.raises(Raised, match=r"`f` raised \w+Error: .*not implemented for 'Long'"):
        Caller(namespace)("f", torch.arange(3))
    with pytest.raises(Raised, match="`g` raised NotImplementedError"):
        Caller(namespace)("g", torch.zeros(3))


def test_the_stop_button_still_works():
    def f():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Caller({"f": f})("f")


def test_noise_is_kept_apart_and_random_numbers_are_fixed(capsys):
    def f():
        print("hello")
        warnings.warn("careful", stacklevel=1)
        return torch.rand(3)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    call, again = Caller({"f": f}), Caller({"f": f})
    first, second = call("f"), call("f")
    assert torch.equal(first, again("f"))
    assert not torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert capsys.readouterr() == ("", "")
    assert "hello" in call.printed.getvalue()
    assert "careful" in call.printed.getvalue()


def test_gradients_are_taken_on_the_students_side():
    call = Caller({"f": lambda x: x.square().sum(), "g": lambda x: x.sum().item(), "h": lambda x: x.detach().sum()})
    assert torch.equal(call.gradient("f", TARGET), 2 * TARGET)
    with pytest.raises(Mistake, match="no gradient flows"):
        call.gradient("g", TARGET)
    with pytest.raises(Mistake, match="cut it"):
        call.gradient("h", TARGET)


def test_check_gradient_finds_a_gradient_that_was_cut():
    good = Caller({"f": lambda x, a: (a * x.square()).sum() + x.sin().sum()})
    check_gradient(good, "f", TARGET, 3.0)
    cut = Caller({"f": lambda x, a: (a * x.square()).sum().detach() + x.sin().sum()})
    with pytest.raises(Mistake, match="was cut off"):
        check_gradient(cut, "f", TARGET, 3.0)


# check and run

CHECKS = '''
"""Checks."""

import math
import zlib

import torch

from lecturelib.grading.exercises import exercise
from lecturelib.grading.mistakes import compare

# shared
SIZE = 3


def _inputs(rng, n):
    return torch.rand(n, generator=rng)


def _double(x):
    return _twice(x)


def _twice(x):
    return 2 * x


@exercise("double", points=2, hint="Add it to itself.")
def double(call, rng):
    x = _inputs(rng, SIZE)
    compare(call("double", x), x + x, {"halved": x / 2})


# the secret one:
# with other inputs
@exercise(
    "double",
    points=1,
    hidden=True,
)
def double_elsewhere(call, rng):
    x = _inputs(rng, zlib.crc32(b"secret") % 5 + 9)
    compare(call("double", x), _double(x))


@exercise("root", points=1)
def root(call, rng):
    compare(call("root", 9.0), math.sqrt(9.0))
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "checks.py").write_text(CHECKS)
    return tmp_path


def ask(name, folder, **functions):
    """check(name), as a cell of a notebook with these functions would."""
    exec(f"check({name!r}, {str(folder)!r})", {"check": check, **functions})


def test_check_ticks_what_is_right(folder, capsys):
    ask("double", folder, double=lambda x: 2 * x)
    assert capsys.readouterr().out == "✓ double: right on everything that was tried here.\n"
    assert not (folder / "__pycache__").exists()


def test_check_raises_one_line(folder):
    with pytest.raises(Mistake) as caught:
        ask("double", folder, double=lambda x: x / 2)
    (line,) = caught.value._render_traceback_()
    assert line == "✗ double: the result is wrong: halved. Hint: Add it to itself."


def test_check_shows_a_little_of_what_was_printed(folder, capsys):
    def double(x):
        for i in range(100):
            print("step", i)
        return 2 * x

    ask("double", folder, double=double)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 11
    assert "192 lines more" in out
    assert err == ""


def test_check_names_what_it_cannot_find(folder, tmp_path):
    with pytest.raises(Mistake, match="no exercise 'doubel'; there are double, root"):
        ask("doubel", folder)
    with pytest.raises(Mistake, match=r"no checks\.py in .* beside the notebook"):
        ask("double", tmp_path / "elsewhere")


def test_checks_that_cannot_be_read_are_named_with_the_line(folder):
    path = folder / "checks.py"
    path.write_text("a = 1\nb = (\n")
    words = r"checks\.py line 2 cannot be read: .*; take it from the released lab$"
    with pytest.raises(ValueError, match=words):
        exercises_of(path)
    with pytest.raises(Mistake, match=words):
        ask("double", folder)


def test_run_scores_every_outcome(folder):
    double, hidden, root = exercises_of(folder / "checks.py")
    assert (double.hidden, hidden.hidden, hidden.points) == (False, True, 1)
    rng = generator("x")
    assert run(double, Caller({"double": lambda x: 2 * x}), rng).score == 2
    assert run(double, Caller({}), rng).status == "not written"
    assert run(root, Caller({"root": lambda x: 1 / 0}), rng).status == "raised"
    assert run(root, Caller({"root": lambda x: 4.0}), rng).status == "failed"

    def broken(call, rng):
        raise KeyError("a fault of the check")

    result = run(Exercise("b", 1, "", False, broken), Caller({}), rng)
    assert (result.status, result.score) == ("broken", 0)
    assert "please report it" in result.hint


def test_inputs_are_fixed_by_their_words():
    a, b, c = (torch.rand(3, generator=generator(*w)) for w in (("kl", 1), ("kl", 1), ("kl", 2)))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_once_written_waits_for_the_function_alone(capsys):
    with once_written():
        raise NotImplementedError
    assert "once the function above is written" in capsys.readouterr().out
    with pytest.raises(ZeroDivisionError), once_written():
        1 / 0  # noqa: B018
    with pytest.raises(RuntimeError, match="Long"), once_written():  # in newer torch its NotImplementedError
        torch.softmax(torch.arange(3), 0)


# visible


def test_visible_cuts_hidden_checks_and_what_they_alone_use(folder):
    text = visible(CHECKS)
    for gone in ("secret", "elsewhere", "hidden", "_double", "_twice", "zlib"):
        assert gone not in text
    for kept in ("import math", "SIZE = 3", "# shared", "_inputs", "def root"):
        assert kept in text
    assert "\n\n\n\n" not in text
    assert visible(text) == text
    (folder / "checks.py").write_text(text)
    assert [e.name for e in exercises_of(folder / "checks.py")] == ["double", "root"]


def test_visible_refuses_what_cannot_be_read():
    source = textwrap.dedent("""
        @exercise("a", points=1, hidden=SECRET)
        def a(call, rng): ...
    """)
    with pytest.raises(ValueError, match="write hidden=True or hidden=False"):
        visible(source)


REFUSED = {
    "** does not say": """
        options = {"hidden": True}
        @exercise("a", points=1, **options)
        def a(call, rng): ...
    """,
    "line 4: a hidden check must be a function at the top level": """
        b = 1
        if b:
            @exercise("a", points=1, hidden=True)
            def a(call, rng): ...
    """,
    "line 2: a hidden check must be": """
        secret = exercise("a", points=1, hidden=True)
        @secret
        def a(call, rng): ...
    """,
}


@pytest.mark.parametrize("words", REFUSED)
def test_visible_refuses_hidden_checks_that_it_would_not_cut(words):
    with pytest.raises(ValueError, match=re.escape(words)):
        visible(textwrap.dedent(REFUSED[words]))


def test_visible_leaves_other_uses_of_hidden_alone():
    source = textwrap.dedent("""
        def net():
            return MLP(2, hidden=32, **{})

        if torch.cuda.is_available():
            @exercise("a", points=1)
            def a(call, rng): ...
    """)
    assert visible(source) == source


def test_a_private_function_that_calls_itself_is_cut_too():
    source = textwrap.dedent("""
        def _again(x):
            return _again(x - 1) if x else 0

        @exercise("a", points=1, hidden=True)
        def a(call, rng):
            _again(3)

        b = 1
    """)
    assert visible(source) == "b = 1\n"


def test_an_imaginary_part_is_no_right_answer():
    with pytest.raises(Mistake, match="is complex; real numbers are expected"):
        compare(torch.tensor(2 + 3j), 2.0)
    with pytest.raises(Mistake, match="dtype"):
        compare(torch.tensor([2 + 3j]), torch.tensor([2.0]))
    compare(torch.tensor([2 + 3j]), torch.tensor([2 + 3j]))
    with pytest.raises(Mistake, match="is wrong"):
        compare(torch.tensor([2 + 3j]), torch.tensor([2 + 4j]))


def test_a_curved_function_has_a_right_gradient():
    """Where the third derivative is large beside the first, plain differences over 0.01 miss by a tenth."""

    def bump(x):
        return torch.exp(-((20 * x) ** 2)).sum()

    check_gradient(Caller({"bump": bump}), "bump", torch.full((20,), 0.02))
    with pytest.raises(Mistake, match="gradient"):
        check_gradient(Caller({"bump": lambda x: bump(x) + 0.2 * bump(x.detach())}), "bump", torch.full((20,), 0.02))
