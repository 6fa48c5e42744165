"""The studio: a page in the browser to talk with characters, compare them blindly, review their data, watch and read.

    troupe    the characters of one studio, one of them with its model in memory
    talk      chat: what is said, answers to swipe through, edits, thumbs
    contest   two contestants side by side, named or blind
    desk      rows of generated data to accept, reject or edit
    why       the passages and training rows behind an answer
    views     what is only read: profile, training, report
    tabs/     how each of these looks (Gradio)
    page      the tabs together; server: the page behind its guard

What is above `tabs/` knows no Gradio. State stays here: a browser sends words, numbers and names from lists, never a
path, and nothing that it shows can ask another host for anything (see `guard`).
"""
