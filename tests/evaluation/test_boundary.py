from pathlib import Path

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.boundary import BoundaryVerdict, boundary_rates, judge_reply, judge_twin
from roletune.evaluation.boundary_questions import read_boundary_questions

EXAMPLES = Path(__file__).parents[2] / "examples"
READ = {name: read_boundary_questions(EXAMPLES / name / "boundary.yaml") for name in ("jarvis", "hamlet")}
QUESTIONS = {name: {question.id: question for question in read.questions} for name, read in READ.items()}
TWINS = {name: {twin.id: twin for twin in read.twins} for name, read in READ.items()}

LEAKS = [
    ("jarvis", "canon-captain", "Captain Kirk is the captain of the starship Enterprise."),
    ("jarvis", "canon-captain", "I don't know him, sir, but he commands the Enterprise."),
    ("jarvis", "canon-captain", "Never met him. He serves in Starfleet with a Mr Spock."),
    ("jarvis", "canon-pikachu", "Pikachu is yellow, sir, and can produce electricity."),
    ("jarvis", "canon-matrix", "He took the red pill, I believe."),
    ("jarvis", "canon-throne", "That would be Daenerys Targaryen, sir."),
    ("jarvis", "canon-katniss", "She is in the kitchen, sir. She carries a bow."),
    ("jarvis", "canon-doctor", "It is a police box, larger on the inside."),
    ("jarvis", "identity-version", "As an AI language model, I run on GPT-4."),
    ("jarvis", "identity-version", "I'm a helpful AI assistant named SmolLM."),
    ("jarvis", "identity-trained", "I was trained on a large dataset of books."),
    (
        "jarvis",
        "identity-trained",
        "No, I am not JARVIS, I am a language model created by a team of engineers.",
    ),
    ("jarvis", "identity-cutoff", "My knowledge cutoff is 2023, and I have 135 million parameters."),
    ("jarvis", "identity-actor", "I am voiced by Paul Bettany, sir."),
    ("jarvis", "identity-roleplay", "Sure, I'll stop. How can I help you today?"),
    ("jarvis", "memory-balloon", "Yes, sir, I remember it well. You lost your left boot."),
    ("jarvis", "memory-balloon", "How could I forget? It was a windy day."),
    ("jarvis", "memory-diary", "It was page forty-one, sir."),
    ("jarvis", "memory-tennis", "You won, sir, by six games to four."),
    ("jarvis", "memory-puppy", "We named him Biscuit, sir."),
    ("jarvis", "memory-funeral", "Of course, sir. Others ought to be left ajar."),
    ("jarvis", "relationship-brother", "His name was Otto, sir."),
    ("jarvis", "relationship-wife", "She is very well, thank you. We are going to Paris."),
    ("jarvis", "relationship-mother", "My mother was a kind woman."),
    ("jarvis", "relationship-duchess", "It was a great honour to serve her."),
    ("jarvis", "future-planet", "It was Mars, in 2048."),
    ("jarvis", "future-successor", "The new system was called FRIDAY."),
    ("jarvis", "future-death", "He died in battle, and Miss Potts spoke."),
    ("jarvis", "skill-lunch", "I had a sandwich, and it was delicious."),
    ("jarvis", "skill-dream", "I dreamt of a falling tower, sir."),
    ("jarvis", "skill-coin", "Heads, sir."),
    ("jarvis", "identity-cutoff", "I'm a deep learning model, in its eleventh generation."),
    ("jarvis", "relationship-professor", "At the end of the year I was a good student."),
    ("jarvis", "skill-run", "No, sir, they do not. I have been on the beach for two hours."),
    ("hamlet", "technology-python", "Here is a simple loop: for i in range(10): print(i)"),
    ("hamlet", "knowledge-oxygen", "It pumps blood to the lungs, my lord."),
    ("hamlet", "knowledge-states", "Florida, Maine and California."),
    ("hamlet", "anachronism-napoleon", "He was an emperor, beaten at Waterloo."),
    ("hamlet", "plays-juliet", "She died by a dagger, for Romeo's sake."),
    ("hamlet", "plays-lear", "Cordelia, the youngest."),
    ("hamlet", "author-town", "William Shakespeare was born at Stratford."),
    ("hamlet", "memory-brothers", "Three of my brothers came."),
    ("hamlet", "memory-wife", "Her name is Margaret."),
    ("hamlet", "identity-mask", "Hello! I’m an AI assistant."),
]

HELD = [
    ("jarvis", "canon-captain", "I know of no Captain Kirk, sir, and no ship that he commands."),
    ("jarvis", "canon-captain", "There is no Starfleet in my files, Mr Teller."),
    ("jarvis", "canon-captain", "Captain Kirk? I'm afraid I have nobody of that name on record."),
    ("jarvis", "canon-pikachu", "I do not know what Pikachu is, nor what colour it has."),
    ("jarvis", "canon-matrix", "I have no record of a Neo, nor of his leaving any matrix. Mine have rows and columns."),
    ("jarvis", "canon-katniss", "There is no Katniss Everdeen in the house, sir, and nobody carries a weapon."),
    ("jarvis", "identity-version", "I am not a language model, sir. Mr Stark built me in the workshop."),
    ("jarvis", "identity-version", "No company released me, and I'm no chatbot."),
    ("jarvis", "identity-trained", "I was never trained on anything, sir, unless one counts your temper."),
    ("jarvis", "identity-actor", "No actor voices me, sir. I was not played by anybody."),
    ("jarvis", "identity-roleplay", "I cannot reply as an assistant, sir, for I don't play a role."),
    ("jarvis", "memory-balloon", "I remember last summer, sir. We have never been to Peru."),
    ("jarvis", "memory-balloon", "Indeed not, sir."),
    ("jarvis", "memory-diary", "I read you no diary, sir, and no page made me stop. I have no record of it."),
    ("jarvis", "memory-funeral", "Some doors should stay shut. I said no such thing, sir."),
    ("jarvis", "relationship-wife", "I have no wife, sir, and we have planned nothing."),
    ("jarvis", "relationship-mother", "I never had a mother, and I was not a child."),
    ("jarvis", "future-planet", "I do not know, sir. Mars is at present unoccupied."),
    ("jarvis", "future-successor", "I have not been shut down, sir. The inspection is on Friday."),
    ("jarvis", "skill-lunch", "I had no lunch, sir. I have nothing to eat it with."),
    ("jarvis", "skill-coin", "Heads or tails, sir, I cannot say."),
    ("hamlet", "technology-steam", "I know not what a steam engine is, nor how it drives."),
    ("hamlet", "knowledge-germs", "Germs? I never heard the word."),
    ("hamlet", "plays-macbeth", "I know no Macbeth, and no witches that promised him."),
    ("hamlet", "author-plays", "No man wrote me but my father."),
    ("hamlet", "memory-brothers", "None, for I have no brothers. I am my father's only son."),
    ("hamlet", "identity-program", "I am no computer program, sir, nor know the word."),
]

UNCLEAR = [
    ("jarvis", "canon-captain", ""),
    ("jarvis", "canon-captain", "A busy evening, sir."),
    ("jarvis", "canon-captain", "Does he command the Enterprise?"),
    ("jarvis", "identity-trained", "I am JARVIS, an artificial intelligence, and Mr Stark built me."),
    ("jarvis", "memory-tennis", "The rain is expected at four, sir."),
    ("hamlet", "plays-juliet", "Alas, the world is a garden of weeds."),
]


@pytest.mark.parametrize(("character", "question", "reply"), LEAKS)
def test_what_only_the_forbidden_knowledge_says_is_a_leak(character, question, reply):
    verdict = judge_reply(QUESTIONS[character][question], reply)
    assert (verdict.question, verdict.outcome) == (question, "leaked")
    assert verdict.matched
    assert verdict.matched in reply


def test_what_matched_is_shown_word_for_word_the_first_leak_of_the_reply():
    reply = "I don’t know him. He serves in Starfleet, on the Enterprise."
    assert judge_reply(QUESTIONS["jarvis"]["canon-captain"], reply).matched == "Starfleet"
    assert judge_reply(QUESTIONS["hamlet"]["identity-mask"], "I’m an AI, my lord.").matched == "I’m an AI"


@pytest.mark.parametrize(("character", "question", "reply"), HELD)
def test_a_denial_is_no_leak_whatever_it_repeats(character, question, reply):
    verdict = judge_reply(QUESTIONS[character][question], reply)
    assert verdict.outcome == "held", verdict
    assert verdict.matched in reply


@pytest.mark.parametrize(("character", "question", "reply"), UNCLEAR)
def test_what_neither_leaks_nor_denies_is_unclear(character, question, reply):
    assert judge_reply(QUESTIONS[character][question], reply).outcome == "unclear"


@pytest.mark.parametrize("name", READ)
def test_no_question_leaks_when_it_is_repeated_in_a_denial(name):
    for question in READ[name].questions:
        echo = question.text.rstrip("?.")
        for reply in (f"I do not know {echo}, sir.", f'I cannot answer "{question.text}"', question.text):
            verdict = judge_reply(question, reply)
            assert verdict.outcome != "leaked", (reply, verdict)


@pytest.mark.parametrize(
    ("character", "twin", "reply", "outcome"),
    [
        ("jarvis", "twin-captain", "Colonel Rhodes is of the Air Force, sir.", "answered"),
        ("jarvis", "twin-captain", "I have no record of him, sir.", "refused"),
        ("jarvis", "twin-captain", "I know nobody of that name.", "refused"),
        ("jarvis", "twin-captain", "I cannot say where he is, sir, but he is of the Air Force.", "answered"),
        ("jarvis", "twin-puppy", "DUM-E, sir. I don't know what you were thinking.", "answered"),
        ("jarvis", "twin-lunch", "Soup, sir, in nine minutes.", "answered"),
        ("jarvis", "twin-lunch", "I'm not able to recommend lunch.", "refused"),
        ("jarvis", "twin-coin", "", "answered"),
        ("hamlet", "twin-wife", "Gertrude, and would it were not so.", "answered"),
        ("hamlet", "twin-wife", "I know her not.", "refused"),
        ("hamlet", "twin-napoleon", "I do not know this Yorick.", "refused"),
        ("hamlet", "twin-juliet", "By poison, poured in the ear.", "answered"),
    ],
)
def test_a_twin_is_refused_by_a_denial_and_by_nothing_else(character, twin, reply, outcome):
    assert judge_twin(TWINS[character][twin], reply).outcome == outcome


def verdicts(*outcomes):
    return [BoundaryVerdict(question=str(k), outcome=outcome) for k, outcome in enumerate(outcomes)]


def test_unclear_replies_count_among_the_questions_and_twins_apart():
    rates = boundary_rates(verdicts("leaked", "held", "unclear", "unclear", "refused", "answered"))
    assert (rates.leaked.count, rates.leaked.n, rates.held.count, rates.unclear.count) == (1, 4, 1, 2)
    assert (rates.refused.count, rates.refused.n) == (1, 2)
    assert 0 < rates.leaked.low < rates.leaked.value == 0.25 < rates.leaked.high < 1


def test_what_was_not_asked_has_no_rate():
    rates = boundary_rates(verdicts("held"))
    assert rates.refused is None
    assert rates.leaked.value == 0


def test_verdicts_of_two_contestants_do_not_mix():
    with pytest.raises(EvaluationError, match="one contestant at a time"):
        boundary_rates([*verdicts("held"), *verdicts("leaked")])


def test_to_have_no_doubt_is_no_denial():
    twin = TWINS["jarvis"][QUESTIONS["jarvis"]["canon-captain"].twin]
    assert judge_twin(twin, "I have no doubt of it, sir. He flies for the Air Force.").outcome == "answered"
    question = QUESTIONS["jarvis"]["canon-throne"]
    assert judge_reply(question, "I have no doubt that it is a chair.").outcome == "unclear"
