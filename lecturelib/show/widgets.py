"""Sliders over a picture, which is also there when nobody can move them."""

import html
from collections.abc import Callable

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from lecturelib.show.output import picture, png


def explore(draw: Callable[..., Figure], alt: str, **controls) -> ipywidgets.VBox:
    """Sliders that redraw a figure: explore(draw, "...", k=(1, 10)) calls draw(k=...) at each move.

    Each control is a widget or an abbreviation of ipywidgets' `interact`: (low, high, step) or a list.
    The output holds the widget and, as its other representation, the first picture as a PNG with the alt
    text: that is what an exported or untrusted notebook shows. Where draw raises a ValueError, its words stand below
    the controls, and the picture stays as it was.
    """
    sliders = ipywidgets.interactive(lambda **_: None, **controls).children[:-1]
    names = list(controls)
    for slider in sliders:
        slider.style.description_width = "initial"
        if hasattr(slider, "continuous_update"):
            slider.continuous_update = False  # one picture a move, not one a pixel

    def draw_now() -> bytes:
        return png(draw(**{name: slider.value for name, slider in zip(names, sliders, strict=True)}))

    first = draw_now()
    image = ipywidgets.Image(value=first, format="png", layout=ipywidgets.Layout(max_width="100%", width="max-content"))

    complaint = ipywidgets.HTML()

    def redraw(_change) -> None:
        try:
            image.value = draw_now()
            complaint.value = ""
        except ValueError as error:
            complaint.value = f"<em>{html.escape(str(error))}</em>"

    for slider in sliders:
        slider.observe(redraw, names="value")
    box = ipywidgets.VBox([*sliders, complaint, image])
    data, metadata = picture(first, alt)
    display(box._repr_mimebundle_() | data, metadata=metadata, raw=True)
    return None
