"""Draw the picture on the README's front page: `python docs/front_page.py` writes docs/front_page.png.

An autoencoder squeezes drawn digits into two numbers; the picture is what its decoder makes of a grid of codes.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib import colormaps

import lecturelib
from lecturelib.models.autoencoder import CrossEntropy, dense
from lecturelib.training import cosine

ROWS, COLUMNS = 12, 32


def main() -> None:
    """Train for a few minutes, then decode a grid that covers the codes of the data evenly."""
    lecturelib.seed(1)
    data = lecturelib.load("glyphs", n=40_000, seed=1)
    model = dense((1, 28, 28), 2, (512, 256, 64), error=CrossEntropy()).to(lecturelib.device())
    lecturelib.fit(model, data.only("x").to(model.device), 8_000, batch_size=128, schedule=cosine(0.02),
                   precision="auto")  # fmt: skip
    with torch.no_grad():
        codes = model.encode(data.x.to(model.device)).cpu()
        # quantiles, so that every part of the plane holds about as many digits
        across = codes[:, 0].quantile(torch.linspace(0.01, 0.99, COLUMNS))
        rows = []
        for k in range(COLUMNS):
            near = (codes[:, 0] - across[k]).abs().argsort()[: len(codes) // COLUMNS]
            down = codes[near, 1].quantile(torch.linspace(0.97, 0.03, ROWS))
            rows.append(torch.stack([across[k].expand(ROWS), down], 1))
        grid = torch.stack(rows, 1).reshape(-1, 2)
        pictures = model.decode(grid.to(model.device)).cpu().reshape(ROWS, COLUMNS, 28, 28)
    sheet = pictures.permute(0, 2, 1, 3).reshape(ROWS * 28, COLUMNS * 28)
    shade = torch.linspace(0.35, 1.0, COLUMNS * 28).expand_as(sheet)
    coloured = torch.from_numpy(colormaps["viridis"](shade.numpy())[..., :3]) * sheet[..., None]
    plt.imsave(Path(__file__).with_name("front_page.png"), coloured.clamp(0, 1).numpy())


if __name__ == "__main__":
    main()
