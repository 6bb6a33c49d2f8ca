"""Answers to the exercise of lab 08 on why four programs fail."""


def named(**changed):
    right = {"K": "batch statistics", "L": "style unread", "M": "wrong centre", "N": "noise too strong"} | changed
    return {"diagnosis": lambda: right}


RIGHT = {"diagnosis": [named()]}
WRONG = {
    "diagnosis": [
        ("K: 'penalty too weak' is not the cause", named(K="penalty too weak")),
        ("K: 'one cut' is not the cause", named(K="one cut")),
        ("L: 'no mixing' is not the cause", named(L="no mixing")),
        ("L: 'cut gradient' is not the cause", named(L="cut gradient")),
        ("M: 'mapping too fast' is not the cause", named(M="mapping too fast")),
        ("M: 'style unread' is not the cause", named(M="style unread")),
        ("N: 'no mixing' is not the cause", named(N="no mixing")),
        ("N: 'penalty on fakes' is not the cause", named(N="penalty on fakes")),
        ("L: 'Style unread' is none of the causes", named(L="Style unread")),
        ("give a dict", {"diagnosis": lambda: ["batch statistics", "style unread"]}),
        ("no answer for N", {"diagnosis": lambda: {c: named()["diagnosis"]()[c] for c in "KLM"}}),
        ("names ['O']", named(O="one cut")),
    ],
}
