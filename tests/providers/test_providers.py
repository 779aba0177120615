"""Each port's real implementation beside its fake, on one suite."""

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from aiosmtpd.controller import Controller
from openai import AsyncOpenAI, InternalServerError

from kaeshi.errors import MissingModel, ProviderError, ProviderUnknown
from kaeshi.models.fetch import FILES, fetch, need
from kaeshi.nouns import JobRequest, Mail
from kaeshi.pii.finders.name_model import NameModel
from kaeshi.pii.finders.word_lists import ListedNames
from kaeshi.providers.chat import WireChat
from kaeshi.providers.faiss_index import FaissIndex
from kaeshi.providers.fake import FakeEmbedder, FakeIndex
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.providers.openai import OpenAITrainer
from kaeshi.providers.outbox import OutboxMailer
from kaeshi.providers.smtp import SmtpMailer
from kaeshi.providers.token_ranks import TiktokenCounter
from kaeshi.settings import Settings, load
from kaeshi.steps.asking import unregistered

MAIL = Mail(
    key="report-1",
    sender="kaeshi@example.com",
    recipients=("a@example.com", "b@example.com"),
    subject="Week – ü",
    text="plain ü",
    html="<p>rich ü</p>",
)


@pytest.fixture(params=[MiniLMEmbedder, FakeEmbedder])
def embedder(request: pytest.FixtureRequest) -> Any:
    return MiniLMEmbedder(load().models_dir) if request.param is MiniLMEmbedder else FakeEmbedder()


def test_vectors_have_length_one_and_keep_their_order(embedder: Any) -> None:
    texts = [
        "a rather long question about the price of salmon for ten guests",
        "hi",
        "is there tofu",
        "hi",
    ]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors[1], vectors[3])
    assert np.allclose(embedder.embed(["is there tofu"])[0], vectors[2], atol=1e-3)
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_minilm_knows_what_is_similar() -> None:
    a, b, c = MiniLMEmbedder(load().models_dir).embed(
        ["how much is the deposit", "what down payment do you ask for", "my dog is brown"]
    )
    assert a @ b > a @ c + 0.2


@pytest.mark.parametrize("index", [FaissIndex(), FakeIndex()])
def test_an_index_finds_the_nearest_first(index: Any, tmp_path: Path) -> None:
    vectors = FakeEmbedder().embed(["salmon for ten", "tofu for two", "rain on friday"])
    index.build(tmp_path / "i", vectors)
    (hits,) = index.search(tmp_path / "i", FakeEmbedder().embed(["tofu for two"]), 2)
    assert hits[0][0] == 1
    assert hits[0][1] == pytest.approx(1, abs=1e-4)
    assert len(hits) == 2


def test_tokens_are_counted_as_openai_counts_them() -> None:
    counter = TiktokenCounter(load().models_dir)
    assert counter.count(["tiktoken is great!"], "gpt-4o-mini") == 6
    assert counter.count(["tiktoken is great!", "<|endoftext|>"], "gpt-3.5-turbo") > 6


def test_every_model_file_is_here_and_unchanged() -> None:
    assert [new for _, new in fetch(load().models_dir)] == [False] * len(FILES)
    with pytest.raises(MissingModel, match="kaeshi models fetch"):
        need(load().models_dir, "none.onnx")


TURNS = [
    "Transfer 20 dollars to Khadija, please",
    "I'd like tickets for the Bryan Adams concert",
    "come to 1433 Taraval Street",
    "sounds good",
]


@pytest.fixture(params=[NameModel, ListedNames])
def finder(request: pytest.FixtureRequest) -> Any:
    return NameModel(load().models_dir) if request.param is NameModel else ListedNames()


def test_a_finder_looks_at_many_conversations_as_at_each(finder: Any) -> None:
    many = [["my name is Anna Bennett", "hello anna"], TURNS]
    assert finder.find_each(many) == [finder.find(texts) for texts in many]
    assert [[(f.start, f.end, f.type) for f in found] for found in finder.find(many[0])] == [
        [(11, 23, "PERSON")],
        [(6, 10, "PERSON")],
    ]


def test_the_model_knows_a_name_by_what_stands_around_it() -> None:
    found = NameModel(load().models_dir).find(TURNS)
    assert [[TURNS[i][f.start : f.end] for f in there] for i, there in enumerate(found)] == [
        ["Khadija"],
        [],
        ["1433 Taraval Street"],
        [],
    ]


@pytest.mark.parametrize(
    "said",
    [
        [
            "any movies for tonight?",
            "How about A Madea Family Funeral, Auntie Mame, or Dr. Strangelove?",
        ],
        [
            "a film please",
            "There's Dumbo, Gloria Bell or Little Woods",
            "Gloria Bell, with subtitles",
        ],
        ["find me a concert", "3 tickets for Ben Harper, right?", "yes, Ben Harper please"],
        ["where can I eat?", "Tommy's Wok Chinese Cuisine is a nice restaurant."],
        ["How windy is it there?", "Do they serve liquor?"],
        ["I need directions, I am at Forbes and Murray", "Go east on Forbes towards Murray"],
        ["find me a salon in Vallejo", "there are several", "anything in Antioch or Morgan Hill?"],
        [
            "is there a hotel?",
            "11 Howard has a 4.3 rating",
            "I'd go to the Thai place near SFO, thnaks alot",
        ],
        [
            "a table please",
            "I found 54 Mint Ristorante Italiano",
            "your ride has ID 623 and I have a BMW",
        ],
    ],
)
def test_artists_films_places_and_words_are_nobodys_names(said: list[str]) -> None:
    assert NameModel(load().models_dir).find(said) == [[] for _ in said]


@pytest.mark.parametrize(
    ("topic", "said", "who"),
    [
        ("tickets for a concert", "the tickets are for Olivia Wright", "Olivia Wright"),
        ("a party table", "Would you like Brenda Hughes to join?", "Brenda Hughes"),
        ("restaurant table", "How about Wednesday, Marcus Webb?", "Marcus Webb"),
        (
            "a table at the restaurant",
            "Derek White is perfect for the reservation name",
            "Derek White",
        ),
        ("event catering", "What about Mrs. Jennifer Cole?", "Jennifer Cole"),
        (
            "I want a hibachi table",
            "Our chef Maria Gomez was great at the restaurant",
            "Maria Gomez",
        ),
        ("find me a restaurant", "Sarah is at The Plaza waiting", "Sarah"),
        ("a table please", "What about Kagiso Dlamini, is he on the list?", "Kagiso Dlamini"),
        ("I want to see a movie", "I'd like to invite Wei Zhang to the movie", "Wei Zhang"),
        ("reserve the restaurant", "Under Amir Haddad please", "Amir Haddad"),
        ("I need a ride", "pick up Dana Fox at Forbes and Murray", "Dana Fox"),
        ("I want to see a movie", "with Anna Berg, and my name is not on the list", "Anna Berg"),
        ("which film?", "Two tickets, one for Priya Nair, please", "Priya Nair"),
        ("movies?", "Marcus Webb, please", "Marcus Webb"),
        ("which event?", "I want to RSVP to Alexis's party", "Alexis"),
        ("what is your last name?", "White", "White"),
        ("please give me your name", "I'm Rey!", "Rey"),
        ("hello", "My name is Alexa. I need a table", "Alexa"),
        ("which driver?", "The driver is Ella. Toyota, plate to come", "Ella"),
    ],
)
def test_a_customer_who_talks_of_restaurants_and_events_stays_private(
    topic: str, said: str, who: str
) -> None:
    assert [said[f.start : f.end] for f in NameModel(load().models_dir).find([topic, said])[1]] == [
        who
    ]


def test_a_name_is_private_again_where_somebody_bears_it() -> None:
    said = [
        "find me a concert",
        "3 tickets for Ben Harper, right?",
        "yes, and my name is Ben Harper too",
    ]
    assert [
        [said[i][f.start : f.end] for f in found]
        for i, found in enumerate(NameModel(load().models_dir).find(said))
    ][2] == ["Ben Harper"]


def test_what_the_model_sees_in_a_text_is_not_changed_by_its_neighbours() -> None:
    neighbours = [
        "it's 5 pm",
        "$$$ 99999999 @@@@ Zürich!!",
        "we had Rice and soup. " * 40,
        "Ask for Rosalind Achterberg at 12 Low Row",
    ]
    alone = [NameModel(load().models_dir)._compute([text])[text] for text in TURNS]
    together = NameModel(load().models_dir)._compute([*neighbours, *TURNS])
    assert [
        [(p.start, p.end, p.type, pytest.approx(p.score, abs=1e-4)) for p in found]
        for found in alone
    ] == [[(p.start, p.end, p.type, p.score) for p in together[text]] for text in TURNS]


def test_a_long_text_is_read_in_windows_that_overlap() -> None:
    text = (
        "we had rice and soup. " * 300
        + "Please transfer it to Khadija. "
        + "we had rice and soup. " * 300
    )
    (found,) = NameModel(load().models_dir).find([text])
    assert [text[f.start : f.end] for f in found] == ["Khadija"]


class Inbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


async def test_a_mail_arrives_with_both_parts(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    mailer = SmtpMailer(Settings(smtp_host="127.0.0.1", smtp_port=port, smtp_start_tls=False))
    await mailer.send(MAIL)
    (mail,) = handler.mails
    assert (mail["subject"], mail["to"]) == ("Week – ü", "a@example.com, b@example.com")
    assert mail.get_body(("plain",)).get_content().strip() == "plain ü"
    assert "rich ü" in mail.get_body(("html",)).get_content()
    assert await mailer.delivered(MAIL.key) is None


async def test_a_mail_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ProviderError, match="SMTP_HOST"):
        await SmtpMailer(Settings(smtp_host="127.0.0.1", smtp_port=1, smtp_start_tls=False)).send(
            MAIL
        )


async def test_the_outbox_knows_what_it_holds(tmp_path: Path) -> None:
    mailer = OutboxMailer(tmp_path)
    assert await mailer.delivered(MAIL.key) is False
    path = await mailer.send(MAIL)
    assert await mailer.delivered(MAIL.key) is True
    assert (
        message_from_bytes(Path(path).read_bytes(), policy=policy.default)["to"]
        == "a@example.com, b@example.com"
    )


async def test_a_model_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ProviderError, match="OPENAI_BASE_URL"):
        await WireChat(answerer=None, base_url="http://127.0.0.1:1/v1", api_key=None).answer(
            unregistered("main", "m"), b"{}"
        )


async def test_the_sdk_sends_a_job_again_and_we_do_not(tmp_path: Path) -> None:
    """Measured on the installed SDK, because decision 008 stands on it.

    A job whose creation fails with 500 is asked for three times.
    """
    posts: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            posts.append(self.headers["idempotency-key"])
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        async with AsyncOpenAI(base_url=url, api_key="none") as plain:
            with pytest.raises(InternalServerError):
                await plain.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-1")
        assert posts == [None, None, None]
        posts.clear()
        ours = OpenAITrainer(api_key="none", base_url=url)
        wanted = JobRequest(
            training_file="file-1",
            model="m",
            suffix="s",
            epochs=1,
            key="k",
            seed=1,
            dataset_sha256="0" * 64,
        )
        with pytest.raises(ProviderUnknown):
            await ours.create(wanted)
        await ours.close()
        assert posts == ["k"]
        server.shutdown()
