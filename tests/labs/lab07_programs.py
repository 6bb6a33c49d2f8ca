"""Answers to the exercise of lab 07 on why four programs fail."""


def named(**changed):
    right = {"P": "condition unseen", "Q": "wrong pairs", "R": "weight too large", "S": "frozen network"} | changed
    return {"diagnosis": lambda: right}


RIGHT = {"diagnosis": [named()]}
WRONG = {
    "diagnosis": [
        ("P: 'wrong pairs' is not the cause", named(P="wrong pairs")),
        ("P: 'patch too small' is not the cause", named(P="patch too small")),
        ("Q: 'condition unseen' is not the cause", named(Q="condition unseen")),
        ("R: 'cut gradient' is not the cause", named(R="cut gradient")),
        ("R: 'rates too different' is not the cause", named(R="rates too different")),
        ("S: 'one direction' is not the cause", named(S="one direction")),
        ("S: 'identity too strong' is not the cause", named(S="identity too strong")),
        ("S: 'old fakes' is not the cause", named(S="old fakes")),
        ("R: 'Weight too large' is none of the causes", named(R="Weight too large")),
        ("give a dict", {"diagnosis": lambda: ["condition unseen", "wrong pairs"]}),
        ("no answer for S", {"diagnosis": lambda: {c: named()["diagnosis"]()[c] for c in "PQR"}}),
        ("names ['T']", named(T="old fakes")),
    ],
}
