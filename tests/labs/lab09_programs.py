"""Answers to the exercise of lab 09 on why four programs fail."""


def named(**changed):
    right = {"F": "determinant left out", "G": "level not told", "H": "noise by variance", "J": "wrong landing"}
    right |= changed
    return {"diagnosis": lambda: right}


RIGHT = {"diagnosis": [named()]}
WRONG = {
    "diagnosis": [
        ("F: 'too few layers' is not the cause", named(F="too few layers")),
        ("F: 'halves never change' is not the cause", named(F="halves never change")),
        ("G: 'same level for all' is not the cause", named(G="same level for all")),
        ("G: 'schedule too short' is not the cause", named(G="schedule too short")),
        ("H: 'schedule too short' is not the cause", named(H="schedule too short")),
        ("H: 'noise at the end' is not the cause", named(H="noise at the end")),
        ("J: 'noise at the end' is not the cause", named(J="noise at the end")),
        ("J: 'answer misread' is not the cause", named(J="answer misread")),
        ("J: 'level not told' is not the cause", named(J="level not told")),
        ("G: 'Level not told' is none of the causes", named(G="Level not told")),
        ("give a dict", {"diagnosis": lambda: ["determinant left out", "level not told"]}),
        ("no answer for J", {"diagnosis": lambda: {c: named()["diagnosis"]()[c] for c in "FGH"}}),
        ("names ['K']", named(K="wrong landing")),
    ],
}
