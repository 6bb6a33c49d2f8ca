"""Pictures, animations, sliders and source code, shown in a notebook."""

from lecturelib.show import plots
from lecturelib.show.live import Live
from lecturelib.show.output import animate, show
from lecturelib.show.source import show_source
from lecturelib.show.widgets import explore

__all__ = ["Live", "animate", "explore", "plots", "show", "show_source"]
