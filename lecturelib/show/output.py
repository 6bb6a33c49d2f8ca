"""From a figure to an output of the notebook, always with a text for those who do not see it."""

import base64
import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image


def png(figure: Figure, dpi: int = 90, colours: int | None = 256) -> bytes:
    """The figure as PNG, cropped to its content; the figure is closed.

    A palette of `colours` halves the file; None keeps them all, for photographs.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    if colours is None:
        return buffer.getvalue()
    smaller = io.BytesIO()
    image = Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    image.save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


def picture(content: bytes, alt: str, kind: str = "image/png") -> tuple[dict, dict]:
    """The display data of a picture and its metadata: the alt text stands in both."""
    if not alt.strip():
        raise ValueError("a picture needs an alt text: say in one sentence what it shows")
    data = {kind: base64.b64encode(content).decode(), "text/plain": alt}
    return data, {kind: {"alt": alt}}


def show(figure: Figure, alt: str, dpi: int = 90, colours: int | None = 256) -> None:
    """Display a figure with its alt text (one sentence on what it shows), and close it; `colours` as in `png`."""
    data, metadata = picture(png(figure, dpi, colours), alt)
    display(data, metadata=metadata, raw=True)


def gif(frames: Sequence[Figure], fps: float = 8, dpi: int = 70, hold: float = 1.5) -> bytes:
    """Figures of one size as an endless GIF of at most 128 colours; the last frame stays for `hold` seconds."""
    if not frames:
        raise ValueError("an animation needs at least one frame")
    images = []
    for figure in frames:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")  # not cropped: frames must agree in size
        plt.close(figure)
        images.append(Image.open(buffer).convert("RGB"))
    # the last frame is the fullest: its colours serve all, so that nothing flickers
    palette = images[-1].quantize(128)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    times = [int(1000 / fps)] * (len(images) - 1) + [int(1000 * hold)]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0, optimize=True)
    return buffer.getvalue()


def animate(frames: Sequence[Figure], alt: str, fps: float = 8, dpi: int = 70) -> None:
    """Display figures one after the other as a GIF with its alt text, and close them."""
    data, metadata = picture(gif(frames, fps, dpi), alt, "image/gif")
    display(data, metadata=metadata, raw=True)
