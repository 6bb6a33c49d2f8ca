"""The library under an executable course on deep generative models.

The names that a notebook needs stand here and are fetched when first used, so that
`import lecturelib` costs no more than `import torch`.
"""

from importlib import import_module

_WHERE = {
    "Data": "data",
    "Model": "model",
    "Turn": "model",
    "choose": "runtime",
    "claim": "claims",
    "datasets": "data",
    "device": "runtime",
    "fit": "training",
    "glossary": "terms",
    "load": "data",
    "pretrained": "shipping",
    "profile": "runtime",
    "seed": "runtime",
    "show_source": "show.source",
    "train": "training",
}
__all__ = sorted(_WHERE)
__version__ = "0.1.0"


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"lecturelib has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"lecturelib.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
