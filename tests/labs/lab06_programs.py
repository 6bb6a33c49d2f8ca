"""Answers to the exercises of lab 06 on why four programs fail, and how they are repaired."""


def named(**changed):
    right = {"W": "momentum", "X": "vanishing gradient", "Y": "batch statistics", "Z": "labels"} | changed
    return {"diagnosis": lambda: right}


def repair(letter: str, *changes: dict) -> list[dict]:
    """For each of the changes the answer that makes it."""
    return [{f"repair_{letter}": lambda settings, change=change: settings | change} for change in changes]


def refused(letter: str, *pairs: tuple) -> list[tuple]:
    """(words, change) pairs as the entries of WRONG."""
    return [(words, repair(letter, change)[0]) for words, change in pairs]


def malformed(letter: str, setting: str) -> list[tuple]:
    """What no program takes."""
    return [
        *refused(letter,
            ("changes nothing", {}),
            ("one setting is at fault", {"rate": 0.005, "gamma": 0.2}),
            ("there is no setting 'momentum'", {"momentum": 0.5}),
            ("'steps' is as it is", {"steps": 5000}),
            ("must be a number from", {"beta2": 1.5}),
            ("must be a number from", {"gamma": "0.2"}),
            ("must be (0, 0) or (0, 1)", {"real_is": 1}),
            ("must be False or True", {"norm": 1}),
            ("must be a number from", {"rate": float("nan")}),
            ("is a number of steps", {"head_start": 10.5}),
        ),
        ("return all settings", {f"repair_{letter}": lambda settings: {setting: settings[setting]}}),
        ("must give a dict", {f"repair_{letter}": lambda settings: (setting, settings[setting])}),
        ("in place", {f"repair_{letter}": lambda settings: settings.pop("rate") and settings}),
    ]  # fmt: skip


RIGHT = {
    "diagnosis": [named()],
    "repair_w": repair("w", {"beta1": 0.0}),
    "repair_x": repair("x", {"gamma": 0.03}, {"epsilon": 1e-8}),
    "repair_y": [],
    "repair_z": repair("z", {"real_is": (1, 1)}, {"real_is": [0, 0]}),
}
WRONG = {
    "diagnosis": [
        ("W: 'step size' is not the cause", named(W="step size")),
        ("X: 'probabilities' is not the cause", named(X="probabilities")),
        ("Y: 'slow average' is not the cause", named(Y="slow average")),
        ("Z: 'penalty too strong' is not the cause", named(Z="penalty too strong")),
        ("X: 'Vanishing gradient' is none of the causes", named(X="Vanishing gradient")),
        ("give a dict", {"diagnosis": lambda: ["momentum", "vanishing gradient", "batch statistics", "labels"]}),
        ("no answer for Z", {"diagnosis": lambda: {c: named()["diagnosis"]()[c] for c in "WXY"}}),
        ("names ['V']", named(V="labels")),
    ],
    "repair_w": refused("w",
        ("W is still broken", {"rate": 0.002}),
        ("W is still broken", {"gamma": 0.3}),
        ("W is still broken", {"together": False}),
    ) + malformed("w", "beta1"),
    "repair_x": refused("x",
        ("X is still broken", {"beta1": 0.0}),
        ("X is still broken", {"real_is": (0, 0)}),
    ) + malformed("x", "loss"),
    "repair_y": refused("y",
        ("Y is still broken", {"together": False}),
        ("Y is still broken", {"rate": 0.002}),
    ) + malformed("y", "norm"),
    "repair_z": refused("z",
        ("Z is still broken", {"loss": "saturating"}),
        ("Z is still broken", {"real_is": (1, 0)}),
    ) + malformed("z", "real_is"),
}  # fmt: skip
