from roletune.dataset.statistics import describe
from roletune.records import MethodYield, Rejection, Turn
from roletune.rendering.template import Rendered

from .made import PROFILE, dialogue

REJECTED = [
    Rejection(stage="scenes", reason="near-duplicate", record={}),
    Rejection(stage="scenes", reason="near-duplicate", record={}),
    Rejection(stage="dataset", reason="not rendered", record={}),
]


def test_a_case_counted_by_hand():
    dialogues = [
        dialogue("a", "Olaf: one two", "Mira: three four five", "Olaf: six"),
        dialogue("b", "Olaf: one", "Ada: two", "Mira: three", split="test", origin="authentic"),
        dialogue("c", "Ada: one two", "Mira: three four", split="validation", purpose="protective"),
    ]
    bow = Turn(speaker="Olaf", text="bows very low", kind="action")
    dialogues[0] = dialogues[0].model_copy(update={"turns": (*dialogues[0].turns, bow), "notes": {"thoughts_cut": "2"}})
    train = [
        ("written", Rendered([1] * 6, [True] * 2 + [False] * 4, [])),
        ("generated", Rendered([1] * 4, [True] * 3 + [False], [])),
    ]
    yields = {"scenes": MethodYield(kept=3, rejected=2)}
    assert describe(dialogues, 5, train, REJECTED, PROFILE, yields).model_dump() == {
        "train_dialogues": 1,
        "validation_dialogues": 1,
        "test_dialogues": 1,
        "examples": 5,
        "origins": {"written": 2, "authentic": 1},
        "purposes": {"lived": 2, "protective": 1},
        "partners": {"Olaf": 2, "Ada": 2},
        "words": 13,
        "turns_per_dialogue": 8 / 3,
        "words_per_turn": 13 / 8,
        "train_tokens": 10,
        "supervised_share": 0.5,
        "rejected": {"scenes: near-duplicate": 2, "thoughts of others, cut out": 2, "dataset: not rendered": 1},
        "mixture": {
            "authentic": {"dialogues": 0, "supervised_tokens": 0, "dialogue_share": 0, "token_share": 0},
            "written": {"dialogues": 1, "supervised_tokens": 2, "dialogue_share": 1, "token_share": 2 / 5},
            "generated": {"dialogues": 0, "supervised_tokens": 3, "dialogue_share": 0, "token_share": 3 / 5},
        },
        "yields": {"scenes": {"kept": 3, "rejected": 2}},
    }


def test_no_data_is_zeros_and_no_error():
    nothing = describe([], 0, [], [], PROFILE)
    assert (nothing.words, nothing.turns_per_dialogue, nothing.supervised_share) == (0, 0, 0)


def test_chinese_words_are_counted_by_characters():
    assert describe([dialogue("a", "Olaf: 何故发笑？", "Mira: 我笑曹公多疑。")], 1, [], [], PROFILE).words == 10
