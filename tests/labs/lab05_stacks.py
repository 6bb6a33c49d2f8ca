"""Answers to the exercises of lab 05 on stacks of RBMs, and on why trainings fail."""

import torch
from common_answers import each


def send(x, W, b):
    return (x @ W + b).sigmoid()


def up_by_recursion(x, layers):
    if not layers:
        return x
    (W, _, b), *above = layers
    return up_by_recursion(send(x, W, b), above)


def up_by_index(x, layers):
    values = [x]
    for i in range(len(layers)):
        values.append(torch.sigmoid(torch.addmm(layers[i][2], values[-1], layers[i][0])))
    return values[-1]


def up_of(hand_on=lambda p: p, read=lambda layers: layers, of=send, end=lambda p: p):
    def up(x, layers):
        for W, a, b in read(layers):
            x = hand_on(of(x, W, b) if of is send else of(x, W, a, b))
        return end(x)

    return up


def of_all(x, layers):
    values = []
    for W, _, b in layers:
        x = send(x, W, b)
        values.append(x)
    return values


def linear_at_the_end(x, layers):
    *below, (W, _, b) = layers
    return up_by_index(x, below) @ W + b


def likely_below(x, layers):
    for W, _, b in layers[:-1]:
        x = (x @ W + b > 0).float()
    return send(x, layers[-1][0], layers[-1][2]) if layers else x


def drawn_below(x, layers):
    for W, _, b in layers[:-1]:
        x = torch.bernoulli(send(x, W, b))
    return send(x, layers[-1][0], layers[-1][2]) if layers else x


def begun(x, hidden, steps):
    """What the lab's train_rbm starts with, the weights large where it would have trained."""
    scale = 0.01 if steps == 0 else 1.0
    a = x.mean(0).clamp(0.01, 0.99).logit()
    return scale * torch.randn(x.shape[1], hidden), a, torch.zeros(hidden)


def stack_of(data, given=lambda steps, number: steps, finish=lambda layers: layers):
    """data(x, what the layers below make of it, the layers): what the next layer gets; it is not trained."""

    def stack(x, sizes, steps):
        layers = []
        for number, hidden in enumerate(sizes):
            seen = data(x, up_by_index(x, layers), layers)
            layers.append(begun(seen, hidden, given(steps, number)))
        return finish(layers)

    return stack


def rebuilt_below(x, value, layers):
    if not layers:
        return x
    W, a, _ = layers[-1]
    return (value @ W.T + a).sigmoid()


def received(x, value, layers):
    return value.logit() if layers else x


def states_of(x, value, layers):
    return torch.bernoulli(value) if layers else x


def likely_states(x, value, layers):
    return (value > 0.5).float() if layers else x


def of_the_last_alone(x, value, layers):
    return send(x, layers[-1][0], layers[-1][2]) if layers else x


def of_the_layer_below(x, value, layers):
    return up_by_index(x, layers[:-1]) if len(layers) > 1 else value


def usual(x, value, layers):
    return value


def unroll_in_loops(layers):
    pairs = []
    for layer in layers:
        pairs.append((layer[0], layer[2]))
    for layer in layers[::-1]:
        pairs.append([layer[0].t().contiguous(), layer[1]])
    return tuple(pairs)


def unroll_by_insert(layers):
    encoder, decoder = [], []
    for W, a, b in layers:
        encoder.append((W, b))
        decoder.insert(0, (W.clone().transpose(0, 1), a))
    return [*encoder, *decoder]


def unroll_of(up=lambda W, a, b: (W, b), down=lambda W, a, b: (W.T, a), order=lambda down: down[::-1],
              join=lambda e, d: e + d):  # fmt: skip
    return lambda layers: join([up(*one) for one in layers], order([down(*one) for one in layers]))


def reversed_in_part(first, second):
    def order(down):
        weights, biases = ([pair[i] for pair in down] for i in (0, 1))
        return list(zip(weights[::first], biases[::second], strict=True))

    return order


def answer(**changed):
    right = {"A": "equal start", "B": "chains restarted", "C": "decay", "D": "step size"} | changed
    return {"diagnosis": lambda: right}


RIGHT = {
    "stack": [{"up": up_by_recursion}, {"up": up_by_index}],
    "unroll": [{"unroll": one} for one in (unroll_in_loops, unroll_by_insert)],
    "diagnosis": [answer()],
}
WRONG = {
    "stack": [
        *each("up",
            ("only the first layer is used", up_of(read=lambda layers: layers[:1])),
            ("the last layer is left out", up_of(read=lambda layers: layers[:-1])),
            ("the last layer alone is used", up_of(read=lambda layers: layers[-1:])),
            ("from the top down", up_of(read=lambda layers: layers[::-1])),
            ("the hidden biases b are missing", up_of(of=lambda x, W, a, b: (x @ W).sigmoid())),
            ("the visible biases a stand", up_of(of=lambda x, W, a, b: (x @ W + a).sigmoid())),
            ("W is transposed", up_of(of=lambda x, W, a, b: (x @ W.T + b).sigmoid())),
            ("each layer hands on what it receives", up_of(of=lambda x, W, a, b: x @ W + b)),
            ("sigma is missing in the last layer", linear_at_the_end),
            ("sigma is missing between", up_of(of=lambda x, W, a, b: x @ W + b, end=torch.sigmoid)),
            ("returns states", up_of(hand_on=torch.bernoulli)),
            ("two calls of `up` differ", drawn_below),
            ("the most likely states are handed on", likely_below),
            ("the values of all layers", of_all),
        ),
        *each("stack",
            ("it was trained on x;", stack_of(lambda x, value, layers: x)),
            ("the data of the layer below", stack_of(of_the_layer_below)),
            ("without sigma", stack_of(received)),
            ("what the layer below rebuilds", stack_of(rebuilt_below)),
            ("on states, the most likely ones", stack_of(likely_states)),
            ("on states of the layer below", stack_of(states_of)),
            ("through the last layer alone", stack_of(of_the_last_alone)),
            ("must return a list of 3 layers", stack_of(usual, finish=lambda layers: layers[-1:])),
            ("must return a list of 3 layers", lambda x, sizes, steps: [begun(x, sizes[0], steps)]),
            ("layer 2 has hardly moved", stack_of(usual, lambda steps, number: steps * (number == 0))),
            ("gets the steps of `stack`", stack_of(usual, lambda steps, number: 1000)),
            ("rebuilds bars badly", stack_of(usual)),
            ("must be 3 tensors", stack_of(usual, finish=lambda layers: [(W, b) for W, _, b in layers])),
        ),
    ],
    "unroll": each("unroll",
        ("in the order of the encoder's", unroll_of(order=lambda down: down)),
        ("the weights of the decoder are not transposed", unroll_of(down=lambda W, a, b: (W, a))),
        ("the weights of the encoder are transposed", unroll_of(up=lambda W, a, b: (W.T, b))),
        ("the wrong way round", unroll_of(lambda W, a, b: (W.T, b), lambda W, a, b: (W, a))),
        ("the decoder has the hidden biases b", unroll_of(down=lambda W, a, b: (W.T, b))),
        ("the encoder has the visible biases a", unroll_of(up=lambda W, a, b: (W, a))),
        ("a and b are exchanged", unroll_of(lambda W, a, b: (W, a), lambda W, a, b: (W.T, b))),
        ("the biases of the decoder are not reversed", unroll_of(order=reversed_in_part(-1, 1))),
        ("the weights of the decoder are not reversed", unroll_of(order=reversed_in_part(1, -1))),
        ("from the top down; the lowest", unroll_of(join=lambda e, d: e[::-1] + d[::-1])),
        ("the decoder comes first", unroll_of(join=lambda e, d: d + e)),
        ("the encoder, turned around", unroll_of(join=lambda e, d: e + e[::-1])),
        ("are halved", unroll_of(lambda W, a, b: (W / 2, b), lambda W, a, b: (W.T / 2, a))),
        ("the biases are 0", unroll_of(lambda W, a, b: (W, 0 * b), lambda W, a, b: (W.T, 0 * a))),
        ("only one way", unroll_of(join=lambda e, d: e)),
        ("a pair is missing", unroll_of(join=lambda e, d: e + d[1:])),
        ("a pair of tensors", unroll_of(join=lambda e, d: [w for w, _ in e + d])),
    ),
    "diagnosis": [
        ("A: 'step size' is not the cause", answer(A="step size")),
        ("B: 'no chain' is not the cause", answer(B="no chain")),
        ("C: 'momentum' is not the cause", answer(C="momentum")),
        ("D: 'weights too large' is not the cause", answer(D="weights too large")),
        ("C: 'Decay' is none of the causes", answer(C="Decay")),
        ("give a dict", {"diagnosis": lambda: ["equal start", "chains restarted", "decay", "step size"]}),
        ("no answer for D", {"diagnosis": lambda: {c: answer()["diagnosis"]()[c] for c in "ABC"}}),
        ("names ['E']", answer(E="decay")),
    ],
}  # fmt: skip
