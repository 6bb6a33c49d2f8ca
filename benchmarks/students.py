"""A class that is made up: students who answer lab 02 alone, and copiers who disguise what they took.

An honest student answers with formulas from ANSWERS, where «a ¦ b» are ways to write the same, the usual one first,
and now and then as in tests/labs/lab02_answers.py. Everybody has habits: who writes `dim=1` once mostly writes it
everywhere. Names of variables, comments and the answer in words vary too, some stop early, and some leave a gap.
"""

import ast
import copy
import random
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from lecturelib.grading.records import Open, Record

ROOT = Path(__file__).parents[1]
HABIT = 0.8  # how often a habit decides, and not the moment
TODO = "    # YOUR CODE HERE\n    raise NotImplementedError"
DISGUISES = ("none", "names, comments, layout", "order, splitting too", "other words too")

AXIS = "«(0)¦(dim=0)¦(axis=0)»"
MEAN = f"«mean = x.mean{AXIS}¦mean = torch.mean(x, «0¦dim=0¦axis=0»)¦mean = x.sum(0) / «len(x)¦x.shape[0]»»\n"
EACH = "«1¦dim=1¦-1¦dim=-1¦axis=1»"


def number(x: str) -> str:
    """Ways to write how many rows there are."""
    return f"«len({x})¦{x}.shape[0]¦{x}.size(0)»"


def squares(error: str, x: str = "x") -> str:
    """Ways to write the squared length of the rows, averaged."""
    flat = f"«({error}) ** 2¦({error}).square()¦({error}).pow(2)¦torch.square({error})»"
    return (
        f"«({flat}).sum({EACH}).mean()¦({flat}).sum() / {number(x)}¦torch.mean(torch.sum({flat}, {EACH}))"
        f"¦torch.sum({flat}) / {number(x)}¦torch.linalg.norm({error}, dim=1).pow(2).mean()»"
    )


N = number("x")
ANSWERS = {
    "pca": [
        MEAN
        + "«centred = x - mean\n«_, _, rows¦U, S, rows» = torch.linalg.svd(centred, full_matrices=False)¦"
        + "rows = torch.linalg.svd(x - mean, full_matrices=False)«[2]¦.Vh»¦"
        + "u, s, columns = torch.svd(x - mean)\nrows = columns«.T¦.t()»»\n"
        + "«return mean, rows[:k]¦components = rows[:k«¦, :»]\nreturn mean, components»",
        MEAN
        + "centred = x - mean\n"
        + f"cov = «centred.T @ centred / ({N} - 1)¦(centred.T @ centred) / {N}¦torch.cov(centred.T)¦torch.cov(x.T)»\n"
        + "values, vectors = torch.linalg.eigh(cov)\n"
        + "«order = «torch.argsort(values, descending=True)¦values.argsort(descending=True)»\n"
        + "components = vectors[:, order«[:k]].T¦][:, :k].T»"
        + "¦components = vectors«.flip(1)¦.flip(dims=[1])»[:, :k].T¦components = vectors[:, -k:].flip(1).T"
        + "¦components = vectors.T.flip(0)[:k]»\nreturn mean, components",
    ],
    "encode": [
        "«return (x - mean) @ components«.T¦.t()¦.transpose(0, 1)»¦centred = x - mean\nreturn centred @ components.T"
        "¦return torch.«matmul¦mm»(x - mean, components.T)¦return F.linear(x - mean, components)»"
    ],
    "decode": [
        "«return z @ components + mean¦return mean + z @ components¦return torch.«matmul¦mm»(z, components) + mean"
        "¦rebuilt = z @ components\nreturn rebuilt + mean¦return torch.addmm(mean, z, components)»"
    ],
    "linear_loss": [
        "«error = x @ W.T @ V.T - x¦h = x @ W.T\nrebuilt = h @ V.T\nerror = «x - rebuilt¦rebuilt - x»"
        "¦rebuilt = «(x @ W.T) @ V.T¦F.linear(F.linear(x, W), V)»\nerror = rebuilt - x»\n"
        f"«return {squares('error')}¦loss = {squares('error')}\nreturn loss»",
        f"rebuilt = «x @ W.T @ V.T¦(x @ W.T) @ V.T»\nreturn F.mse_loss(rebuilt, x, reduction='sum') / {N}",
    ],
    "linear_gradients": [
        "«h = x @ W.T\nerror = h @ V.T - x¦h = x @ W.T\nrebuilt = h @ V.T\nerror = rebuilt - x"
        "¦error = x @ W.T @ V.T - x\nh = x @ W.T»\n"
        f"«dW = «2 / {N} * (error @ V).T @ x¦2 * V.T @ error.T @ x / {N}¦2 * (error @ V).T @ x / {N}»\n"
        f"dV = «2 / {N} * error.T @ h¦2 * error.T @ h / {N}¦2 * error.T @ (x @ W.T) / {N}»\nreturn dW, dV"
        f"¦delta = 2 * error / {N}\ndV = delta.T @ h\ndW = (delta @ V).T @ x\nreturn dW, dV»",
    ],
    "principal_angles": [
        "«qa, _ = torch.linalg.qr(A.T)\nqb, _ = torch.linalg.qr(B.T)"
        "¦qa = torch.linalg.qr(A.T)«[0]¦.Q»\nqb = torch.linalg.qr(B.T)«[0]¦.Q»"
        "¦qa, qb = torch.linalg.qr(A.T)[0], torch.linalg.qr(B.T)[0]"
        "¦qa = torch.linalg.svd(A, full_matrices=False)[2].T\nqb = torch.linalg.svd(B, full_matrices=False)[2].T»\n"
        "«s = torch.linalg.svdvals(qa.T @ qb)¦_, s, _ = torch.linalg.svd(qa.T @ qb)"
        "¦M = qa.T @ qb\ns = torch.linalg.svdvals(M)»\n"
        "«s = «s.clamp(-1, 1)¦torch.clamp(s, -1, 1)¦torch.clamp(s, -1.0, 1.0)¦s.clamp(0, 1)¦s.clamp(max=1)»\n"
        "return «torch.rad2deg(torch.acos(s))¦torch.acos(s) * 180 / torch.pi¦s.acos().rad2deg()"
        "¦torch.acos(s).rad2deg()»"
        "¦theta = torch.acos(torch.clamp(s, -1, 1))\nreturn «torch.rad2deg(theta)¦theta * 180 / math.pi»»",
    ],
    "sparsity": [
        f"q = «h.mean{AXIS}¦torch.mean(h, dim=0)»«.clamp(1e-6, 1 - 1e-6)¦\nq = q.clamp(1e-6, 1 - 1e-6)"
        "¦\nq = torch.clamp(q, 1e-6, 1 - 1e-6)¦.clamp(min=1e-6, max=1 - 1e-6)¦.clamp(1e-6, 0.999999)»\n"
        "«return (rho * «torch.log(rho / q)¦(rho / q).log()» + (1 - rho) * «torch.log((1 - rho) / (1 - q))"
        "¦((1 - rho) / (1 - q)).log()»).sum()"
        "¦kl = rho * torch.log(rho / q) + (1 - rho) * torch.log((1 - rho) / (1 - q))\nreturn «kl.sum()¦torch.sum(kl)»"
        "¦a = rho * «torch.log(rho / q)¦(math.log(rho) - torch.log(q))»\n"
        "b = (1 - rho) * «torch.log((1 - rho) / (1 - q))¦(math.log(1 - rho) - torch.log(1 - q))»\nreturn (a + b).sum()"
        "¦p = torch.tensor(rho)\n"
        "return (p * (p.log() - q.log()) + (1 - p) * ((1 - p).log() - (1 - q).log())).sum()»"
    ],
    "corrupt": [
        "«return x * («torch.rand_like(x)¦torch.rand(x.shape)» «>=¦>» share)"
        "¦mask = «torch.rand_like(x) >= share¦(torch.rand_like(x) > share).float()"
        "¦torch.bernoulli(torch.full_like(x, 1 - share))»\nreturn «x * mask¦mask * x»"
        "¦mask = torch.rand_like(x) < share\nreturn «x.masked_fill(mask, 0)¦torch.where(mask, 0, x)¦x * ~mask»"
        "¦noisy = x.clone()\nnoisy[«torch.rand_like(x)¦torch.rand(x.shape)» < share] = 0\nreturn noisy»"
    ],
    "denoising_loss": [
        "«rebuilt = output(hidden(noisy, W, b), W, c)¦h = hidden(noisy, W, b)\nrebuilt = output(h, W, c)"
        "¦h = torch.sigmoid(noisy @ W.T + b)\nrebuilt = torch.sigmoid(h @ W + c)»\n"
        f"«return {squares('rebuilt - clean', 'clean')}"
        f"¦error = «rebuilt - clean¦clean - rebuilt»\nreturn {squares('error', 'clean')}"
        f"¦return F.mse_loss(rebuilt, clean, reduction='sum') / {number('clean')}»"
    ],
    "contractive": [
        "«slope = h * (1 - h)\n«return («slope.square()¦slope ** 2¦slope.pow(2)» @ «W.square()¦(W ** 2)¦W.pow(2)»"
        ".sum(«1¦dim=1¦axis=1»)).mean()"
        "¦rows = «(W ** 2).sum(1)¦W.square().sum(1)¦torch.sum(W ** 2, dim=1)»\n"
        "return «(slope ** 2 * rows).sum(1).mean()¦torch.mean(torch.sum(slope ** 2 * rows, dim=1))"
        "¦(slope ** 2 @ rows).mean()¦(slope ** 2 @ rows).sum() / «len(h)¦h.shape[0]»»»"
        "¦return ((h * (1 - h)) ** 2 @ (W ** 2).sum(1)).mean()"
        "¦J = (h * (1 - h)).unsqueeze(2) * W.unsqueeze(0)\nreturn «(J ** 2).sum((1, 2)).mean()"
        "¦J.square().sum() / h.shape[0]¦J.pow(2).sum(dim=(1, 2)).mean()»"
        "¦J = (h * (1 - h))[:, :, None] * W«[None]¦»\nreturn (J ** 2).sum(«(1, 2)¦dim=(1, 2)»).mean()»"
    ],
    "diagnosis": [
        'return {"A": "«symmetric¦saturated¦scale»", "B": "«noisy target¦too few units»", "C": "«two sigmoids¦scale»"}'
    ],
    "repaired_loss": [
        "«logits = hidden(x, W, b) @ W + c¦h = hidden(x, W, b)\nlogits = h @ W + c"
        "¦h = torch.sigmoid(x @ W.T + b)\nlogits = h @ W + c»\n"
        '«return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()'
        f'¦loss = F.binary_cross_entropy_with_logits(logits, x, reduction="none")\nreturn loss.sum({EACH}).mean()'
        f'¦return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / {N}'
        "¦return (F.softplus(logits) - x * logits).sum(1).mean()"
        "¦return -(x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(1).mean()»"
    ],
}

OPEN = [
    "«With more units than pixels¦If there are more hidden units than pixels¦Since the code is larger than the input"
    "¦Because 100 units are more than 64 pixels», the network can «learn the identity¦just copy its input"
    "¦pass everything through¦copy pixel by pixel», «and a copy has no error¦so the error is small on any picture"
    "¦and then the loss is nearly zero whatever comes in¦which gives a perfect score for nothing».",
    "«In the lab¦In the measurements above¦Above¦In our run», the «plain autoencoder¦one without noise"
    "¦model without penalty» «had the smallest error but removed less noise¦reconstructed best and denoised worst"
    "¦was best at copying and its code moved most¦won on reconstruction only».",
    "I would «measure¦look at¦test¦compare» «the accuracy of a linear classifier on the code"
    "¦how far the code moves when a digit is nudged¦the error after noise was added"
    "¦the reconstruction of pictures that are no digits», «which copying does not improve¦because a copy fails there"
    "¦where the identity is no help¦since this shows what was learned».",
    "«As a remedy¦To mend it¦Then¦Finally» I would «add noise to the input¦train it to denoise"
    "¦add a penalty on the Jacobian¦ask for a sparse code¦use fewer units than pixels», "
    "«so that it must use what pixels say about each other¦because then copying no longer pays"
    "¦which forces it to learn structure¦so copying is not the best answer».",
]
# names that students give to what ANSWERS names
NAMES = {
    "mean": "mean mu m average avg x_mean mean_x center",
    "centred": "centred xc centered x_c X data x0 diff",
    "rows": "rows v Vh vt Vt directions W2 norms",
    "columns": "columns v V Vm right",
    "components": "components comps W top C basis",
    "values": "values vals eigenvalues evals L w",
    "vectors": "vectors vecs eigenvectors evecs Q v",
    "cov": "cov C S sigma covariance",
    "order": "order idx indices perm",
    "rebuilt": "rebuilt x_hat recon xhat reconstruction y out x_rec pred",
    "error": "error diff err e residual r delta d",
    "h": "h z code hid a hidden_units",
    "delta": "delta d grad_out g",
    "dW": "dW grad_W gW dw",
    "dV": "dV grad_V gV dv",
    "qa": "qa Qa Q1 basis_a QA qA a",
    "qb": "qb Qb Q2 basis_b QB qB b",
    "s": "s cosines cos sigma sv S c",
    "M": "M m product",
    "theta": "theta angles ang rad",
    "q": "q rho_hat mean_h used avg p_hat act average",
    "p": "p r target",
    "kl": "kl penalty KL div res",
    "mask": "mask keep m lost drop noise",
    "noisy": "noisy out x_new copy y result",
    "slope": "slope d deriv s dh grad jac",
    "J": "J jac jacobian",
    "logits": "logits z logit a out pre",
    "loss": "loss l bce total res",
    "a": "a first t1 kl1 left",
    "b": "b second t2 kl0 right",
}
VOCABULARY = (
    "network code pixel digit noise error picture train loss small large better unit hidden learn copy penalty sparse "
    "classifier measure input output weight nearly always often because while perhaps example score value result test "
    "shows means gives useful simple much less more robust latent feature edge stroke variance step batch"
)
WORDS = VOCABULARY.split()
COMMENTS = ["centre the data", "the mean", "sum over pixels, mean over examples", "see the formula above", "loss"]


def cells_of(folder: str) -> dict[str, str]:
    """grade_id -> source of the cells to be written, of lab 02 in labs/ or solutions/."""
    notebook = nbformat.read(ROOT / folder / "lab02" / "lab02.ipynb", as_version=4)
    marked = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in notebook.cells]
    return {data["grade_id"]: source for data, source in marked if data.get("solution")}


class Renamed(ast.NodeTransformer):
    """Other names for variables, arguments and functions."""

    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        self.generic_visit(node)
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        return node


def other_answers() -> dict[str, list[tuple[list[str], list[ast.stmt], list[str]]]]:
    """function -> its right answers in tests/labs/lab02_answers.py: arguments, body, helpers that it calls."""
    tree = ast.parse((ROOT / "tests" / "labs" / "lab02_answers.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    right = next(n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "RIGHT")
    found: dict = {}
    for answer in (one for answers in right.values for one in answers.elts):
        for key, value in zip(answer.keys, answer.values, strict=True):
            if isinstance(value, ast.Call):
                continue
            node = functions[value.id] if isinstance(value, ast.Name) else value
            body = node.body if isinstance(node.body, list) else [ast.Return(node.body)]
            helpers, queue = {}, list(body)
            while queue:
                called = {n.id for n in ast.walk(queue.pop()) if isinstance(n, ast.Name)} & functions.keys()
                for name in sorted(called - {"hidden", "output"} - helpers.keys()):
                    helpers[name] = ast.unparse(functions[name])
                    queue += functions[name].body
            if key.value not in helpers:  # it would call itself
                found.setdefault(key.value, []).append(([a.arg for a in node.args.args], body, list(helpers.values())))
    return found


STUBS, SOLUTIONS, OTHERS = cells_of("labs"), cells_of("solutions"), other_answers()


class Student:
    """Writes lab 02 alone: `cells` is grade_id -> source. Students of one book share their habits."""

    def __init__(self, number: int, seed: int, book: int | None = None):
        self.rng = random.Random(f"{seed}/{number}")
        self.learned = random.Random(f"{seed}/book {book}" if book is not None else f"{seed}/habits of {number}")
        self.habits: dict[tuple[str, ...], str] = {}
        done = self.rng.randrange(2, len(STUBS)) if self.rng.random() < 0.1 else len(STUBS)
        self.cells = {g: self.answer(g, stub) if i < done else stub for i, (g, stub) in enumerate(STUBS.items())}

    def choose(self, ways: Sequence[str]) -> str:
        weights = [1 / (i + 1) for i in range(len(ways))]
        if self.rng.random() > HABIT:
            return self.rng.choices(ways, weights)[0]
        return self.habits.setdefault(tuple(ways), self.learned.choices(ways, weights)[0])

    def expand(self, text: str) -> str:
        while found := re.search("«([^«»]*)»", text):
            text = text[: found.start()] + self.choose(found[1].split("¦")) + text[found.end() :]
        return text

    def answer(self, grade_id: str, stub: str) -> str:
        if grade_id == "open":
            return self.words()
        if self.rng.random() < 0.04:
            return stub
        written = [self.function(part) for part in re.split(r"(?m)^(?=def )", stub) if part]
        helpers = dict.fromkeys(helper for _, needed in written for helper in needed)
        return "".join([*(f"{helper}\n\n\n" for helper in helpers), *(source for source, _ in written)])

    def function(self, stub: str) -> tuple[str, list[str]]:
        head = ast.parse(stub).body[0]
        given = [a.arg for a in head.args.args]
        if OTHERS.get(head.name) and self.rng.random() < 0.15:
            theirs, statements, helpers = self.rng.choice(OTHERS[head.name])
            renamed = Renamed(dict(zip(theirs, given, strict=True)))
            body = "\n".join(ast.unparse(renamed.visit(copy.deepcopy(s))) for s in statements)
        else:
            body, helpers = self.expand(self.choose(ANSWERS[head.name])), []
            body = body if head.name == "diagnosis" else self.named(body, given)
        lines = body.split("\n")
        if self.rng.random() < 0.3:
            comment = self.rng.choice([self.rng.choice(COMMENTS), " ".join(self.rng.sample(WORDS, 4))])
            lines.insert(0 if "\n    " in body else self.rng.randrange(len(lines)), f"# {comment}")
        return stub.replace(TODO, "\n".join(f"    {line}" for line in lines)), helpers

    def named(self, body: str, given: list[str]) -> str:
        taken = {*given, *re.findall(r"[A-Za-z_]\w*", body)}
        for name, others in NAMES.items():
            pattern = rf"(?<![.\w]){name}\b(?!=)"
            if name not in given and re.search(pattern, body) and (new := self.choose(others.split())) not in taken:
                taken.add(new)
                body = re.sub(pattern, new, body)
        return body

    def words(self) -> str:
        said = [self.expand(sentence) for sentence in OPEN]
        for _ in range(self.rng.randrange(2, 7)):
            own = " ".join(self.rng.choices(WORDS, k=self.rng.randrange(6, 16)))
            said.insert(self.rng.randrange(len(said) + 1), f"{own}.")
        return " ".join(sentence for sentence in said if self.rng.random() < 0.9)


def made_up(
    students: int, seed: int, copiers: Sequence[tuple[int, int]] = (), books: int | None = None
) -> tuple[list[Record], dict[tuple[str, str], tuple[int, int]]]:
    """A class, and who copied: (a, b) -> (cells, disguise), one pair for each of `copiers`.

    books: how many there are to learn habits from; None: everybody has habits of their own.
    """
    rng = random.Random(seed)
    class_ = [Student(i, seed, None if books is None else rng.randrange(books)) for i in range(students)]
    written = [[g for g in STUBS if one.cells[g] != STUBS[g]] for one in class_]
    sources = rng.sample([i for i, cells in enumerate(written) if len(cells) >= 10], len(copiers))
    thieves = rng.sample([i for i in range(students) if i not in sources], len(copiers))
    pairs = {}
    for (cells, level), source, thief in zip(copiers, sources, thieves, strict=True):
        for grade_id in rng.sample(written[source], min(cells, len(written[source]))):
            change = reworded if grade_id == "open" else disguised
            class_[thief].cells[grade_id] = change(class_[source].cells[grade_id], level, rng)
        a, b = sorted((source, thief))
        pairs[f"s{a:03d}", f"s{b:03d}"] = cells, level
    question = [Open("open", 5, True)]
    return [Record("lab02", f"s{i:03d}", sources=one.cells, open=question) for i, one in enumerate(class_)], pairs


def reworded(text: str, level: int, rng: random.Random) -> str:
    """The text with a word in twenty changed for each level of disguise."""
    words = text.split(" ")
    for _ in range(len(words) * level // 20):
        words[rng.randrange(len(words))] = rng.choice(WORDS)
    return " ".join(words)


def disguised(source: str, level: int, rng: random.Random) -> str:
    """The same answer, made to look different; level is the place in DISGUISES."""
    if level == 0:
        return source
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if ast.get_docstring(function):
            function.body[0] = ast.Expr(ast.Constant(" ".join(rng.sample(WORDS, 5))))
        if level >= 2:
            reorder(function.body)
            rng.choice((split, split, inline))(function.body, rng)
    if level >= 2:
        rng.shuffle(tree.body)
    if level >= 3:
        tree = OtherWords(rng).visit(tree)
    own = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    own |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {f.name for f in functions} - ANSWERS.keys()
    names = {name: f"{rng.choice(WORDS)}_{i}" for i, name in enumerate(sorted(own))}
    text = ast.unparse(ast.fix_missing_locations(Renamed(names).visit(tree)))
    return "\n".join(other_layout(line, rng) for line in text.split("\n"))


def other_layout(line: str, rng: random.Random) -> str:
    """A line of ast.unparse with other spaces, brackets and a comment."""
    indent = line[: len(line) - len(line.lstrip())]
    if rng.random() < 0.5 and '"' not in line and "'" not in line:
        line = indent + re.sub(r" ?([*@/+-]{1,2}) ?", r"\1", line.lstrip()).replace("(", "( ")
    if line.lstrip().startswith("return ") and rng.random() < 0.5:
        line = line.replace("return ", "return (", 1) + ")"
    if indent and rng.random() < 0.5:
        line = f"{indent}# {' '.join(rng.sample(WORDS, 3))}\n{line}"
    return line


def names_in(node: ast.AST, context: type) -> set[str]:
    """The names that are stored or loaded there."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


def reorder(body: list[ast.stmt]) -> None:
    """Exchange neighbours that do not depend on each other."""
    for i in range(len(body) - 1):
        first, second = body[i : i + 2]
        if isinstance(first, ast.Assign) and isinstance(second, ast.Assign):
            writes = names_in(second, ast.Store)
            after = names_in(first, ast.Store) & (names_in(second, ast.Load) | writes)
            if not after and not writes & names_in(first, ast.Load):
                body[i : i + 2] = [second, first]


def split(body: list[ast.stmt], rng: random.Random) -> None:
    """Give a part of some expression a name."""
    places = [
        (i, parent, field, node)
        for i, statement in enumerate(body)
        if isinstance(statement, ast.Assign | ast.Return)
        and not any(isinstance(n, ast.Lambda | ast.comprehension) for n in ast.walk(statement))
        for parent in ast.walk(statement.value)
        for field, node in ast.iter_fields(parent)
        if isinstance(node, ast.BinOp | ast.Call)
    ]
    if places:
        i, parent, field, node = rng.choice(places)
        setattr(parent, field, ast.Name("part", ast.Load()))
        body.insert(i, ast.Assign([ast.Name("part", ast.Store())], node))


def inline(body: list[ast.stmt], rng: random.Random) -> None:
    """Write a value where its name was used, if it was used once."""
    for i in range(len(body) - 1):
        first = body[i]
        if isinstance(first, ast.Assign) and isinstance(first.targets[0], ast.Name):
            name = first.targets[0].id
            uses = [n for s in body[i + 1 :] for n in ast.walk(s) if isinstance(n, ast.Name) and n.id == name]
            if len(uses) == 1 and uses[0] in ast.walk(body[i + 1]):
                body[i + 1] = Put(uses[0], first.value).visit(body[i + 1])
                del body[i]
                return


class Put(ast.NodeTransformer):
    """An expression for a name."""

    def __init__(self, use: ast.Name, value: ast.expr):
        self.use, self.value = use, value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.value if node is self.use else node


class OtherWords(ast.NodeTransformer):
    """b + a for a + b, x.square() for x ** 2 and back, x.shape[0] for len(x), dim=1 for 1; by a coin each."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if self.rng.random() < 0.5:
            if isinstance(node.op, ast.Pow) and getattr(node.right, "value", None) == 2:
                return ast.Call(ast.Attribute(node.left, "square", ast.Load()), [], [])
            if isinstance(node.op, ast.Add | ast.Mult):
                node.left, node.right = node.right, node.left
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if self.rng.random() < 0.5:
            if name == "square" and not node.args:
                return ast.BinOp(node.func.value, ast.Pow(), ast.Constant(2))
            if name == "len":
                shape = ast.Attribute(node.args[0], "shape", ast.Load())
                return ast.Subscript(shape, ast.Constant(0), ast.Load())
            if name in ("sum", "mean") and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
                return ast.Call(node.func, [], [ast.keyword("dim", node.args[0])])
        return node
