"""Requests that a chat UI makes for itself: titles, tags, follow-up suggestions.

They go to the assistant's model because the UI knows no other, and are no conversation with a
customer. They are recognised by the instructions that the UIs ship, and by a general form of them.
"""

import re
from collections.abc import Sequence

from kaeshi.nouns import Json, text_of
from kaeshi.rules.canonical import CALLERS

# the beginning of shipped instructions, lower-cased
_SHIPPED = (
    "### task:\ngenerate",  # Open WebUI: title, tags, image prompts
    "### task:\nsuggest",  # Open WebUI: follow-ups
    "### task:\nanalyze the chat history",  # Open WebUI: search queries
    "### task:\nyou are an autocompletion system",  # Open WebUI
    "analyze if this message indicates a new conversation topic",  # Claude Code
    "based on the conversation so far, provide a concise description of this session",  # goose
    "you are an assistant skilled in conversation. you need to summarize",  # Cherry Studio
    "your task is to reflect the speaker's likely facial expression",  # Open WebUI
    "provide a concise, 5-word-or-less title",  # LibreChat
    "please generate a concise, 5-word-or-less title",  # LibreChat
    "please generate a four to five word title",  # NextChat
    "summarize the discussion briefly in 200 words",  # NextChat
    "based on the chat history, give this conversation a name",  # Chatbox
    "summarize in a 10-word title",  # Jan
    "you are a chat thread titling assistant",  # chat-ui
    "you are a title generator",  # opencode
    "you are a professional conversation summarizer",  # LobeChat
    "you are an assistant skilled in conversation. summarize",  # Cherry Studio
    "analyze this conversation and provide:",  # LibreChat
    "you are an ai conversation titling assistant",  # big-AGI
)
_GENERAL = re.compile(
    r"\b(generate|provide|write|create|produce|output|give|suggest|come up with|summari[sz]e"
    r"|reply with)\b"
    r"[^.\n]{0,80}\b(title|tags|headline|name)\b[^.\n]{0,80}"
    r"\b(conversation|chat|dialogue|discussion|thread|messages)\b",
    re.IGNORECASE,
)
# a system prompt that is about nothing but a title
_TITLER = re.compile(
    r"\W*(?:you will |please |your task is to )?(?:generate|summari[sz]e|create|write)\b"
    r"[^.\n]{0,60}\btitle\b"
)
_SHORT = re.compile(r"\b(concise|short|brief|at most|no more than|\d+|\w+ to \w+)\b", re.IGNORECASE)
_LOOKED_AT = 600
_WORDS = re.compile("title|tags|name|### task|discussion|conversation|expression")


def is_helper(messages: Sequence[Json]) -> bool:
    """Whether a chat UI asks for itself.

    >>> is_helper([{"role": "user", "content": "Write a short title for this chat: hi"}])
    True
    >>> is_helper([{"role": "user", "content": "A table for ten, please"}])
    False
    """
    if not messages:
        return False
    last = messages[-1]
    if last.get("role") == "user" and _instructs(text_of(last)[:_LOOKED_AT]):
        return True
    first = messages[0]
    if first.get("role") not in CALLERS:
        return False
    head = text_of(first)[:_LOOKED_AT].lower()
    return _is_shipped(head) or _TITLER.match(head) is not None


def _instructs(text: str) -> bool:
    head = text.lower()
    if _WORDS.search(head) is None:
        return False
    if _is_shipped(head) or "create a concise, 3-5 word phrase as a title" in head:  # Page Assist
        return True
    found = _GENERAL.search(text)
    if found is None or found.start() > 80:
        return False
    # customers ask for names and tags as well, but hardly for a title of their conversation
    return found[2].lower() == "title" or _SHORT.search(text) is not None


def _is_shipped(head: str) -> bool:
    return head.lstrip().startswith(_SHIPPED)
