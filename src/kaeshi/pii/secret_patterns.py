"""Recognisers of what opens an account or a door: passwords, codes, answers, and a card's date."""

from kaeshi.pii import cue_words
from kaeshi.pii.recogniser import Ascii, I, Lazy, Recogniser, both
from kaeshi.pii.vocabulary import (
    ANSWERING,
    CARD_TOLD,
    NO_ANSWER,
    PASSWORD_IS,
    SECRETIVE,
    no_stop,
)

# around a word
SECRETS = (
    Recogniser(
        type="PASSWORD",
        name="said",
        words=(
            "pass",
            "pwd",
            "contrase",
            "kennwort",
            "senha",
            "wachtwoord",
            "mật khẩu",
            "şifre",
            "пароль",
            "密码",
            "パスワード",
            "비밀번호",
        ),
        reach=(1, 110),
        pattern=Lazy(
            rf"(?<![a-z])(?:{cue_words.PASSWORD})(?: {cue_words.IS})?(?:\s?[:=：]| {cue_words.IS}(?![a-z])| =|{cue_words.IS}(?=[^a-z\s])|\"\s?:)?\s?[\"'“‘]?([^\s\0\"'”’]{{4,64}})",
            I,
        ),
        group=1,
        check=both(
            no_stop,
            lambda text, a, b: (
                SECRETIVE.search(text, a, b) is not None
                or PASSWORD_IS.search(text[max(0, a - 14) : a]) is not None
            ),
        ),
        score=0.9,
    ),
    Recogniser(
        type="PASSWORD",
        name="in an address",
        words=("://",),
        reach=(20, 200),
        pattern=Ascii(r"://[^\s:/@\0]{1,64}:([^\s@/\0]{3,100})@"),
        group=1,
        score=0.995,
    ),
    Recogniser(
        type="PIN",
        name="cvv",
        words=("cvv", "cvc", "security code"),
        reach=(1, 60),
        pattern=Ascii(
            r"(?:cvv2?|cvc2?|security code)(?:\s?(?:number|code))?(?:[^\0\d]{0,12}\0[^\0\d]{0,16}|(?:\s?(?:is|[:=]))?\s?[\"']?)(\d{3,4})(?![\w/.-]\d|\w)",
            I,
        ),
        group=1,
        score=0.92,
    ),
    Recogniser(
        type="CARD_EXPIRY",
        name="of a card",
        words=(
            "exp",
            "valid thr",
            "valid until",
            "good thr",
            "caduc",
            "gültig bis",
            "venc",
            "scad",
        ),
        reach=(1, 70),
        pattern=Ascii(
            r"(?:\bexp(?:iry|iration|ires|\.)?(?: date)?|(?:valid|good) (?:thru|through|until)|caduc\w+|vence?\w*|scad\w+)[^\0\d]{0,14}(?:\0[^\0\d]{0,16})?"
            r"((?:0?[1-9]|1[0-2])\s?[/-]\s?(?:20)?\d{2})(?![\d/-])",
            I,
        ),
        group=1,
        check=CARD_TOLD,
        score=0.9,
    ),
    Recogniser(
        type="USERNAME",
        name="said",
        words=(
            "username",
            "user name",
            "user id",
            "login",
            "usuario",
            "benutzername",
            "identifiant",
        ),
        reach=(1, 60),
        pattern=Lazy(
            rf"(?<![a-z])(?:user ?name|user id|login(?: name| id)?|(?:nombre de )?usuario|benutzername|identifiant)(?:\s?[:=]| {cue_words.IS})?\s[\"'“]?([A-Za-z][\w.@-]{{2,40}}\w)",
            I,
        ),
        group=1,
        check=lambda text, a, b: any(c.isdigit() or c in "_." for c in text[a:b]),
        score=0.88,
    ),
    Recogniser(
        type="ACCESS_CODE",
        name="of a network",
        words=("wifi", "wi-fi"),
        reach=(1, 80),
        pattern=Lazy(
            r"\bwi-?fi (?:password|key|code|pass)(?:\s?(?:is|[:=]))?\s[\"'“]?([^\s\0\"'”]{4,64})", I
        ),
        group=1,
        check=lambda text, a, b: (
            SECRETIVE.search(text, a, b) is not None
            or PASSWORD_IS.search(text[max(0, a - 14) : a]) is not None
        ),
        score=0.93,
    ),
    Recogniser(
        type="SECURITY_ANSWER",
        name="said",
        words=("maiden", " pet"),
        reach=(1, 90),
        pattern=Lazy(
            r"\b(?:maiden name|(?:first|childhood) pet(?:'s name)?|pet's name|first (?:school|car)|favou?rite teacher)(?: (?:is|was)|:|, it's)\s(?:called |named )?([A-Za-z'-]{2,30})",
            I,
        ),
        group=1,
        check=lambda text, a, b: text[a:b].lower() not in NO_ANSWER,
        score=0.85,
    ),
    Recogniser(
        type="SECURITY_ANSWER",
        name="mentioned",
        words=("maiden", "pet ", "security q", "dog was", "cat was"),
        reach=(10, 60),
        pattern=Lazy(
            r"\b(?:maiden(?: name)?(?: is)?|[Pp]et (?:is|was)|(?:pet|dog|cat) (?:is|was) (?:called|named)|security questions? answer(?: which)? is)\s([A-Z][A-Za-z'-]{1,29})"
        ),
        group=1,
        check=lambda text, a, b: text[a:b].lower() not in NO_ANSWER,
        score=0.8,
    ),
    Recogniser(
        type="SECURITY_ANSWER",
        name="asked",
        words=("maiden", " pet", "security "),
        reach=(40, 190),
        pattern=Lazy(
            rf"(?:maiden name|(?:childhood|first) pet|pet's name|name of (?:the|your)(?: \w{{1,12}})? pet|security (?:question|answer))[^\0]{{0,90}}\0\s?(?:{ANSWERING}[\s,.:!…]{{1,4}}){{0,12}}([A-Za-z'-]{{2,30}})",
            I,
        ),
        group=1,
        check=lambda text, a, b: text[a:b].lower() not in NO_ANSWER,
        score=0.75,
    ),
)
