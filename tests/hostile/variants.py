"""Other right ways to write the answers of lab 02, as source text: whole cells, by exercise."""

import ast
import functools
import io
import keyword
import random
import tokenize
from pathlib import Path

from submission import POINTS, cell, honest

ANSWERS = Path(__file__).parents[1] / "labs" / "lab02_answers.py"

# beside those of tests/labs: styles in which students write
OWN = {
    "pca": ["""
def pca(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    '''Über die Kovarianzmatrix, in doppelter Genauigkeit.'''
    x64 = x.to(torch.float64)  # größere Genauigkeit
    Mittelwert = x64.mean(dim=0)
    werte, vektoren = torch.linalg.eigh(torch.cov((x64 - Mittelwert).T))
    order = torch.argsort(werte, descending=True)[:k]
    return Mittelwert.to(x.dtype), vektoren[:, order].T.contiguous().to(x.dtype)
""", """
import numpy as np

def pca(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    a = x.numpy()
    m = a.mean(axis=0)
    U, S, Vt = np.linalg.svd(a - m, full_matrices=False)
    return torch.from_numpy(m), torch.tensor(Vt[:k])
""", """
@torch.no_grad()
def pca(x, k):
    centered = x - (mean := x.mean(0, keepdim=True))
    *_, Vh = torch.linalg.svd(centered, full_matrices=True)
    assert Vh.shape[1] == x.shape[1], "wrong shape"
    return mean.squeeze(0), Vh[range(k)]
"""],
    "codes": ["""
encode = lambda x, mean, components: torch.matmul(x.sub(mean), components.t())
decode = lambda z, mean, components: torch.addmm(mean, z, components)
""", """
def encode(x: Tensor, mean: Tensor, components: Tensor) -> Tensor:
    z = []
    for i in range(x.shape[0]):  # one example at a time
        z.append(components.mv(x[i] - mean))
    return torch.stack(z)


def decode(z: Tensor, mean: Tensor, components: Tensor) -> Tensor:
    print("decode:", z.shape)
    return (z.unsqueeze(2) * components.unsqueeze(0)).sum(dim=1) + mean
""", """
class Linear:
    def __init__(self, mean, components):
        self.mean, self.components = mean, components

    def down(self, x):
        return torch.einsum("nd,kd->nk", x - self.mean, self.components)

    def up(self, z):
        return torch.einsum("nk,kd->nd", z, self.components) + self.mean


def encode(x, mean, components):
    return Linear(mean, components).down(x)


def decode(z, mean, components):
    return Linear(mean, components).up(z)
"""],
    "linear": ["""
def linear_loss(x: Tensor, W: Tensor, V: Tensor) -> Tensor:
    return torch.linalg.matrix_norm(x - x @ (V @ W).mT).pow(2) / x.size(0)


def linear_gradients(x: Tensor, W: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
    n = x.size(0)
    S = x.T @ x / n
    R = V @ W - torch.eye(x.size(1))
    return 2 * V.T @ R @ S, 2 * R @ S @ W.T
""", """
import numpy as np

def linear_loss(x, W, V):
    x, W, V = (np.asarray(t.detach(), dtype=np.float64) for t in (x, W, V))
    return torch.tensor(np.square(x @ W.T @ V.T - x).sum() / len(x), dtype=torch.float32)

def linear_gradients(x, W, V):
    W, V = W.detach().clone().requires_grad_(), V.detach().clone().requires_grad_()
    with torch.enable_grad():
        ((x @ W.T @ V.T - x) ** 2).sum().div(len(x)).backward()
    return W.grad, V.grad
"""],
    "angles": ["""
def principal_angles(A: Tensor, B: Tensor) -> Tensor:
    def basis(M):
        return torch.linalg.svd(M.double(), full_matrices=False)[2]

    s = torch.linalg.svd(basis(A) @ basis(B).T)[1]
    return (torch.arccos(torch.clip(s, -1.0, 1.0)) * 180 / torch.pi).to(A.dtype)
""", """
import math

def principal_angles(A, B):
    Qa = torch.linalg.qr(A.T).Q
    Qb = torch.linalg.qr(B.T).Q
    cos = torch.linalg.svdvals(Qa.T @ Qb).tolist()
    return torch.tensor([math.degrees(math.acos(min(1.0, max(-1.0, c)))) for c in cos])
"""],
    "sparse": ["""
def sparsity(h: Tensor, rho: float) -> Tensor:
    rho_hat = torch.clamp(torch.mean(h, dim=0), 1e-6, 1 - 1e-6)
    rho = torch.full_like(rho_hat, rho)
    return torch.sum(rho * (rho.log() - rho_hat.log()) + (1 - rho) * (torch.log1p(-rho) - torch.log1p(-rho_hat)))
""", """
def sparsity(h, rho):
    used = h.mean(0).clamp(min=1e-6, max=1 - 1e-6)
    p, q = torch.tensor([rho, 1 - rho]), torch.stack([used, 1 - used], dim=1)
    return F.kl_div(q.log(), p.expand_as(q), reduction="sum")
"""],
    "corrupt": ["""
def corrupt(x: Tensor, share: float) -> Tensor:
    mask = torch.rand(x.shape) < share
    return x.masked_fill(mask, 0.0)
""", """
import numpy as np

def corrupt(x, share):
    keep = np.random.random(tuple(x.shape)) >= share
    return torch.from_numpy(np.where(keep, x.numpy(), 0)).to(x.dtype)
""", """
import random

def corrupt(x, share):
    rows = [[0.0 if random.random() < share else v for v in row] for row in x.tolist()]
    return torch.tensor(rows)
"""],
    "denoising": ["""
def denoising_loss(clean: Tensor, noisy: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    h = torch.sigmoid(F.linear(noisy, W, b))
    xhat = torch.sigmoid(F.linear(h, W.t(), c))
    return F.mse_loss(xhat, clean, reduction="none").sum(dim=-1).mean(dim=0)
""", """
def _forward(x, W, b, c):
    h = hidden(x, W, b)
    return output(h, W, c)

def denoising_loss(clean, noisy, W, b, c):
    rebuilt = torch.vmap(lambda one: _forward(one.unsqueeze(0), W, b, c).squeeze(0))(noisy)
    return torch.cdist(rebuilt.unsqueeze(1), clean.unsqueeze(1)).pow(2).mean()
"""],
    "contractive": ["""
def contractive(h: Tensor, W: Tensor) -> Tensor:
    J = (h * (1 - h)).unsqueeze(-1) * W  # (n, m, d)
    return (J ** 2).sum(dim=(1, 2)).mean()
""", """
def contractive(h, W):
    derivative = h - h ** 2
    return torch.diagonal(derivative @ (W @ W.T * torch.eye(W.shape[0])) @ derivative.T).sum() / h.shape[0]
"""],
    "diagnosis": ["""
import functools

@functools.cache
def diagnosis() -> dict[str, str]:
    total = sum(i * i for i in range(2_000_000))  # slow for no reason
    return dict(A="symmetric", B="noisy target", C="two sigmoids")
""", """
def diagnosis():
    import time
    time.sleep(0.3)
    causes = ["symmetric", "noisy target", "two sigmoids"]
    return {letter: cause for letter, cause in zip("ABC", causes)}
"""],
    "repair": ["""
def repaired_loss(x: Tensor, W: Tensor, b: Tensor, c: Tensor) -> Tensor:
    z = F.linear(hidden(x, W, b), W.T, c)
    # max(z, 0) - x z + log(1 + exp(-|z|))
    loss = z.clamp(min=0) - z * x + torch.log1p(torch.exp(-z.abs()))
    return loss.sum(1).mean()
""", """
def repaired_loss(x, W, b, c):
    a = torch.sigmoid(x @ W.T + b) @ W + c
    criterion = nn.BCEWithLogitsLoss(reduction="sum")
    return criterion(a, x) / x.shape[0]
"""],
}  # fmt: skip


@functools.cache
def _module() -> ast.Module:
    return ast.parse(ANSWERS.read_text(encoding="utf-8"))


@functools.cache
def _from_the_tests() -> dict[str, list[str]]:
    """The entries of RIGHT in tests/labs/lab02_answers.py, with the helpers that each needs."""
    text = ANSWERS.read_text(encoding="utf-8")
    functions = {node.name: node for node in _module().body if isinstance(node, ast.FunctionDef)}
    (table,) = (n.value for n in _module().body if isinstance(n, ast.Assign) and n.targets[0].id == "RIGHT")

    def helpers(node: ast.AST, known: dict[str, str]) -> dict[str, str]:
        for name in sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & functions.keys() - known.keys()):
            known[name] = ""
            helpers(functions[name], known)
            known[name] = ast.get_source_segment(text, functions[name])
        return known

    found: dict[str, list[str]] = {}
    for key, entries in zip(table.keys, table.values, strict=True):
        for entry in entries.elts:
            parts = ["import math"]
            for name, value in zip(entry.keys, entry.values, strict=True):
                needed, words = helpers(value, {}), ast.unparse(value)
                parts += needed.values()
                if name.value in needed:  # a lambda over the helper whose name it takes
                    parts.append(f"first_{name.value} = {name.value}")
                    words = words.replace(f"{name.value}(", f"first_{name.value}(")
                parts.append(f"{name.value} = {words}")
            found.setdefault(key.value, []).append("\n\n\n".join(parts))
    return found


@functools.cache
def _cell(exercise: str) -> str:
    return cell(honest(), f"write-{exercise}").source


def variants(exercise: str) -> list[str]:
    """Sources of the exercise's cell that are right; the first is the solution's.

    An entry that replaces one of two functions stands behind the solution's cell, whose other one stays.
    """
    own = [text.strip("\n") for text in OWN[exercise]]
    others = [f"{_cell(exercise)}\n\n\n{text}" for text in _from_the_tests()[exercise]]
    return [_cell(exercise), *own, *others]


WORDS = [
    "mu", "nu", "tmp", "res", "out", "val", "aux", "foo", "bar", "data", "arr", "mat",
    "vec", "term", "part", "first", "second", "wert", "summe", "x_hat", "Z1", "α", "β", "größe",
    "moyenne", "média", "result_", "tensor_", "my_var", "a1", "b2", "c3", "d4", "centred", "delta_", "diff_",
    "temp",
]  # fmt: skip


def renamed(source: str, rng: random.Random) -> str:
    """The same cell with other names for the variables that its functions assign; comments and layout stay."""
    tree = ast.parse(source)
    assigned = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    parameters = {a.arg for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda) for a in n.args.args}
    top = {n.id for s in tree.body if isinstance(s, ast.Assign) for n in ast.walk(s) if isinstance(n, ast.Name)}
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    keywords = {k.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords}
    names = sorted(assigned - parameters - top - attributes - keywords - {"_"})
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    fresh = [w for w in WORDS if w not in used and not keyword.iskeyword(w)]
    new = dict(zip(names, rng.sample(fresh, len(names)), strict=True))
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    if any(t.type == tokenize.STRING and t.string[:1] in "fF" for t in tokens):
        return source  # names within would be missed
    lines = source.split("\n")
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string in new:
            row, (start, end) = token.start[0] - 1, (token.start[1], token.end[1])
            lines[row] = lines[row][:start] + new[token.string] + lines[row][end:]
    return "\n".join(lines)


assert set(OWN) == set(POINTS)
