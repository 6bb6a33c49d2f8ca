"""Data sets: `load(name)` fetches or draws one, `datasets()` lists them all."""

from lecturelib.data.catalogue import datasets, load
from lecturelib.data.tensors import Data, DataError

__all__ = ["Data", "DataError", "datasets", "load"]
