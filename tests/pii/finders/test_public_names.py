"""Claims about pii/finders/public_names.py."""

import pytest

from kaeshi.pii.finders.name_model import NameModel
from kaeshi.settings import load


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
