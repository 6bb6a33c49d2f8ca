"""The sheet of scenes on the README's page: python docs/scenes.py"""

from pathlib import Path

import torch
from PIL import Image

from lecturelib.data import load
from lecturelib.data.scenes import changed, draw_scenes

COLUMNS, SIZE = 8, 120
WORLDS = [{"time": time, "season": season} for season in ("summer", "winter") for time in ("day", "night")]

drawn = load("scenes", n=COLUMNS, seed=9)
rows = torch.stack([draw_scenes(changed(drawn.factors, **world), drawn.looks, size=2 * SIZE) for world in WORLDS])
rows = torch.nn.functional.avg_pool2d(rows.flatten(0, 1), 2).view(len(WORLDS), COLUMNS, 3, SIZE, SIZE)
sheet = rows.permute(0, 3, 1, 4, 2).reshape(len(WORLDS) * SIZE, COLUMNS * SIZE, 3)
Image.fromarray((sheet * 255).round().byte().numpy()).save(Path(__file__).with_name("scenes.png"), optimize=True)
