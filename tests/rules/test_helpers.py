"""What chat UIs ask for themselves, and what only looks like it."""

import pytest

from kaeshi.nouns import Json
from kaeshi.rules.helpers import is_helper


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def system(text: str) -> Json:
    return {"role": "system", "content": text}


HELPERS = {
    "Open WebUI, title": [
        user("### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat.")
    ],
    "Open WebUI, tags": [
        user("### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history")
    ],
    "Open WebUI, follow-ups": [
        user("### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might")
    ],
    "Open WebUI, search": [
        user("### Task:\nAnalyze the chat history to determine the necessity of search queries")
    ],
    "LibreChat": [
        user("Provide a concise, 5-word-or-less title for the conversation, using its language")
    ],
    "LibreChat, structured": [
        user("Analyze this conversation and provide:\n1. The detected language\n2. A concise title")
    ],
    "NextChat": [
        user("hi"),
        {"role": "assistant", "content": "Hello"},
        user("Please generate a four to five word title summarizing our conversation without"),
    ],
    "Chatbox": [user("Based on the chat history, give this conversation a name. Keep it short")],
    "opencode": [system("You are a title generator. You output ONLY a thread title."), user("hi")],
    "Cherry Studio": [
        system("Summarize the conversation into a title in English within 10 characters"),
        user("hi"),
    ],
    "Vercel's template": [
        system("\n    - you will generate a short title based on the first message of a user"),
        user("hi"),
    ],
    "goose": [
        system("Based on the conversation so far, provide a concise description of this session"),
        user("hi"),
    ],
    "in other words": [user("Write a short headline for this discussion, at most five words.")],
}
TURNS = {
    "a table": [user("A table for ten on Friday, please")],
    "a name for the bill": [user("Can you give me a name for the bill?")],
    "a group's name": [user("Can you suggest a name for our group chat party?")],
    "a title of a dish": [user("What is the title of the song in your video?")],
    "retrieved context": [
        user("### Task:\nRespond to the user query using the provided context, with citations.")
    ],
    "a task": [user("### Task: plan my party, and give me the name of your chef")],
    "a prompt that asks for names": [
        system("Provide the ticket name at the end of each conversation. Keep answers short."),
        user("hi"),
    ],
    "a prompt that names itself": [
        system("Give your name at the start of the chat. Be brief."),
        user("hi"),
    ],
    "nothing": [],
}


@pytest.mark.parametrize("messages", HELPERS.values(), ids=HELPERS)
def test_what_a_ui_asks_for_itself(messages: list[Json]) -> None:
    assert is_helper(messages)


@pytest.mark.parametrize("messages", TURNS.values(), ids=TURNS)
def test_what_a_customer_asks(messages: list[Json]) -> None:
    assert not is_helper(messages)
