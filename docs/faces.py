"""The sheet of faces on the README's page: python docs/faces.py"""

from pathlib import Path

import torch
from PIL import Image

from lecturelib.data import load

ROWS, COLUMNS, SIZE = 3, 10, 96

x = load("faces", n=ROWS * COLUMNS, size=2 * SIZE, seed=21, keep=False).x
x = torch.nn.functional.interpolate(x, SIZE, mode="area")  # twice as large, then averaged: smoother still
sheet = x.view(ROWS, COLUMNS, 3, SIZE, SIZE).permute(0, 3, 1, 4, 2).reshape(ROWS * SIZE, COLUMNS * SIZE, 3)
Image.fromarray((sheet * 255).round().byte().numpy()).save(Path(__file__).with_name("faces.png"), optimize=True)
