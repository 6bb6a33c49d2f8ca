"""Real or generated? A game for one player: a picture, two buttons, a score; and at the end how others did."""

from collections.abc import Callable, Mapping
from math import sqrt

import ipywidgets
import torch
from IPython.display import display
from matplotlib.figure import Figure
from torch import Tensor

from lecturelib.show import plots
from lecturelib.show.output import picture, png


class Quiz:
    """Pictures of which each is real or generated, by a fair coin; what was answered, and the score.

    real (n, c, h, w), made (m, c, h, w): none is shown twice. ValueError for too few. `judges`: by name, functions
    that say of pictures (k, c, h, w) which are real, as booleans (k,); they are asked about the same pictures.
    """

    def __init__(
        self,
        real: Tensor,
        made: Tensor,
        rounds: int = 20,
        *,
        seed: int = 0,
        judges: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ):
        if rounds < 1 or min(len(real), len(made)) < rounds:
            raise ValueError(f"{rounds} rounds need at least as many real pictures ({len(real)} are there) and as many "
                             f"generated ones ({len(made)})")  # fmt: skip
        rng = torch.Generator().manual_seed(seed)
        self.truth = torch.rand(rounds, generator=rng) < 0.5
        picked = [x[torch.randperm(len(x), generator=rng)[:rounds].to(x.device)] for x in (real, made)]
        self.pictures = torch.where(self.truth[:, None, None, None], *(x.float().cpu() for x in picked))
        self.judges, self.answers = dict(judges or {}), []

    @property
    def over(self) -> bool:
        """Whether all pictures have had their answer."""
        return len(self.answers) == len(self.truth)

    def answer(self, real: bool) -> bool:
        """Say of the next picture whether it is real; returns whether that is right. ValueError at the end."""
        if self.over:
            raise ValueError("this game is over")
        self.answers.append(bool(real))
        return self.right()[-1]

    def right(self) -> list[bool]:
        """Which answers were right so far."""
        return [a == t for a, t in zip(self.answers, self.truth.tolist(), strict=False)]

    @property
    def score(self) -> int:
        """Right answers so far."""
        return sum(self.right())

    @property
    def streak(self) -> int:
        """Right answers since the last wrong one."""
        right = self.right()
        return right[::-1].index(False) if False in right else len(right)

    def shares(self) -> dict[str, float]:
        """The share of right answers on the pictures so far: the player's, then each judge's."""
        n = len(self.answers)
        if not n:
            return {}
        found = {"you": self.score / n}
        for name, judge in self.judges.items():
            found[name] = (judge(self.pictures[:n]).cpu() == self.truth[:n]).float().mean().item()
        return found


def interval(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a share of which `right` of n were seen; z = 1.96 for 95 %. ValueError for n = 0."""
    if n < 1:
        raise ValueError("nothing was counted: n is 0")
    share = right / n
    middle, reach = share + z**2 / (2 * n), z * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - reach) / (1 + z**2 / n)), min(1.0, (middle + reach) / (1 + z**2 / n))


def sheet(quiz: Quiz, solved: bool = False, columns: int = 10) -> Figure:
    """All pictures of a game with their numbers, or solved: what each was, and whether the answer was right."""
    titles = [f"{i + 1}" for i in range(len(quiz.truth))]
    if solved:
        kinds = ["real" if t else "generated" for t in quiz.truth.tolist()]
        marks = [" ✓" if r else " ✗" for r in quiz.right()]
        marks += [""] * (len(kinds) - len(marks))
        titles = [f"{number} {kind}{mark}" for number, kind, mark in zip(titles, kinds, marks, strict=True)]
    return plots.images(quiz.pictures, columns, titles, size=1.1)


def play(
    new_quiz: Callable[[int], Quiz],  # a game for a seed: 0 is the sheet, then 1, 2, ... are played
    alt: str,  # what the sheet of pictures shows that stands in for the game where nobody can click
    closing: str = "",  # said at the end, such as the Fréchet distance of the generated pictures
) -> None:
    """Display the game; its other representation is a PNG of the pictures of game 0, to be guessed on paper."""
    first = png(sheet(new_quiz(0)), colours=None)
    games = [new_quiz(1)]
    image = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%", width="max-content"))
    text = ipywidgets.HTML()
    real, made, again = (ipywidgets.Button(description=words) for words in ("real", "generated", "play again"))

    def refresh(last: str = "") -> None:
        game = games[-1]
        number = len(game.answers)
        real.disabled = made.disabled = game.over
        again.layout.visibility = "visible" if game.over else "hidden"
        if game.over:
            image.value = png(sheet(game, solved=True), colours=None)
            text.value = f"{last} {_verdict(game)} {closing}"
        else:
            image.value = png(plots.images(game.pictures[number : number + 1], size=3), colours=None)
            progress = f"picture {number + 1} of {len(game.truth)}"
            text.value = f"{last} {progress}, score {game.score} of {number}, streak {game.streak}"

    def say(is_real: bool) -> None:
        if games[-1].over:  # a click that was on its way
            return
        truth = "real" if games[-1].truth[len(games[-1].answers)] else "generated"
        right = games[-1].answer(is_real)
        refresh(f"<b>{'Right' if right else 'Wrong'}: it was {truth}.</b>")

    def anew(_button) -> None:
        games.append(new_quiz(len(games) + 1))
        refresh()

    real.on_click(lambda _button: say(True))
    made.on_click(lambda _button: say(False))
    again.on_click(anew)
    refresh()
    box = ipywidgets.VBox([text, image, ipywidgets.HBox([real, made, again])])
    data, metadata = picture(first, alt)
    display(box._repr_mimebundle_() | data, metadata=metadata, raw=True)


def _verdict(game: Quiz) -> str:
    n = len(game.answers)
    low, high = interval(game.score, n)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in game.shares().items())
    return (f"Right answers: {shares}. Of so few pictures yours may stand for anything from {low:.0%} to {high:.0%}; "
            "guessing has 50 %.")  # fmt: skip
