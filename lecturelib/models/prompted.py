"""A denoiser that is told in words what it should see.

network = PromptedTransformer((4, 16, 16), vocabulary=28, words=18, patch=2)
network(x, t, words)                                # words (n, 18): numbers of the vocabulary, 0 for none
"""

import math

import torch
from torch import Tensor, nn

from lecturelib.models.denoisers import DenoisingTransformer


class TextEncoder(nn.Module):
    """A small transformer over words (n, m): a vector for each word, and one for all of them.

    Vaswani et al. (2017), arXiv 1706.03762, with the norms first. What stands for no word is looked at by no other.
    """

    def __init__(self, vocabulary: int, words: int, width: int, depth: int = 2, heads: int = 4):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(words, width) / math.sqrt(width))
        self.whole = nn.Parameter(torch.randn(1, 1, width) / math.sqrt(width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """(n, m) -> (n, m, width), 0 where there is no word, and (n, width)."""
        x = torch.cat([self.whole.expand(len(words), -1, -1), self.words(words) + self.places], 1)
        none = torch.cat([torch.zeros_like(words[:, :1]), words == 0], 1).bool()
        x = self.layers(x, src_key_padding_mask=none)
        return x[:, 1:] * ~none[:, 1:, None], x[:, 0]


class PromptedTransformer(DenoisingTransformer):
    """A transformer over the words of a prompt and the patches of a picture, all of which look at one another.

    As in U-ViT (Bao et al. 2023, arXiv 2209.12152, section 3), and the prompt as a whole is added to what is known of
    the level. The empty prompt asks for nothing.
    """

    def __init__(self, shape: tuple[int, int, int], *, vocabulary: int, words: int, text_depth: int = 2, **options):
        super().__init__(shape, **options)
        self.conditional = True
        self.text = TextEncoder(vocabulary, words, self.level.width, text_depth)

    def forward(self, x: Tensor, t: Tensor, words: Tensor) -> Tensor:
        """(n, *shape), (n,), (n, words) -> (n, *shape)."""
        each, whole = self.text(words)
        return self.answer(x, self.level(t) + whole, each.to(whole.dtype))

    def nothing(self, condition: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Empty prompts."""
        return (torch.zeros_like(condition[0]),)
