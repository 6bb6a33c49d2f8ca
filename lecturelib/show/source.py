"""show_source(thing): the library's code where a reader should see it."""

import inspect
import textwrap

from IPython.display import display


def show_source(thing) -> None:
    """Display the source code of a function, method or class; TypeError for what has none."""
    try:
        code = textwrap.dedent(inspect.getsource(thing)).rstrip()
    except (TypeError, OSError):
        raise TypeError(f"{thing!r} has no Python source to show: give a function, a method or a class") from None
    display({"text/markdown": f"```python\n{code}\n```", "text/plain": code}, raw=True)
