"""Sentences to train the name model on.

Our own templates with names and addresses in them, and others in which nobody is named.

Names are drawn from the US Census of 1990 (public domain; the registry package `names` carries it),
from FOREIGN below, and made up from syllables, so that the model learns what stands around a name
and not a list. Each sentence comes with its spans.
"""

import random
import re
from collections.abc import Iterator, Sequence

Span = tuple[int, int, str]  # start, end, NAME or ADDRESS
Sentence = tuple[str, list[Span]]

FOREIGN = """Aarav Aisha Ali Amara Amina Anders Anh Anika Anjali Arjun Asuka Aya Ayşe Bao Björn Bogdan Carlos Chen Chidi Chiara Dae-jung Dmitri Elif Emeka Fatima Fábio
Farid Fumiko Giulia Goran Grzegorz Habib Hải Hamza Hana Haruki Hassan Hiroshi Hoàng Ibrahim Igor Ilse Imani Indira Ingrid Irenka Ivana Jasbir Jasmin Jörg João Jin Jun
Kagiso Kamala Karim Katarzyna Keiko Kenji Khadija Khalid Kiran Kofi Kwame Lakshmi Lars Leila Li Linh Liang Ling Luca Lucía Mahmoud Malik Manlio Marek Mehmet Mei Mette Miguel Mikko Milan
Min-jun Mohamed Mohsin Naoko Neha Ngoc Nguyen Nia Nikolaj Nkechi Noor Olga Omar Oluwaseun Oksana Paolo Pavel Piotr Pranav Priya Quang Rahul Raj Ravi Reza Rohan Rosa Ruslan
Sadia Sakura Salma Samir Sanjay Satu Sergei Shreya Siddharth Sina Sofía Soo-jin Sunita Sven Svetlana Takashi Tamar Tariq Thandiwe Thảo Tomasz Tuan Uchenna Ulrike Vikram Viktor Vinh Wei
Wojciech Xiaoxue Xin Yasmin Yewande Yui Yuki Yumi Yusuf Zainab Zeynep Zhang Zoltan Zofia Abhinav Amir Maria Grace Justin Aleksandr Ewa Esra Femi Giorgos Hye-jin Kasper Lior Magnus Noam Ólafur Siobhán Tadhg Teodor"""
FAMILIES = """Abe Adeyemi Ahmed Akintola Andersson Ansari Antonov Banerjee Bauer Bhatt Björklund Bondarenko Castillo Chaudhary Chen Chopra Costa Cruz Dang Das Delgado Demir Deng Desai Dimitrov Dlamini
Dubois Eze Fernandes Fischer Földesy Fujita García Ghosh Gupta Gunnarsson Haddad Hashimoto Hernández Hoang Horvat Hossain Huang Hughes Hussein Iyer Ivanov Jílek Jansen Jørgensen Kapoor Kaya Khan Kim
Kowalski Kristensen Kumar Le Lee Li Lim Lindqvist López Mahlangu Matthíasson Mbeki Mehta Mensah Mishra Mohamed Moreau Müller Nakamura Nguyen Nielsen Novak Nowak Okafor Okonkwo Olsen Ong Öztürk Park
Patel Pereira Petrov Pham Popescu Poulsen Rao Rahman Rossi Saito Santos Sato Schmidt Sharma Singh Sokolov Sørensen Suzuki Szabó Tan Tanaka Tran Usman Vega Virtanen Volkov Vu Wang Watanabe Wong Wu Yamamoto
Yang Yilmaz Yoon Zhang Zhao Zulu Árpád Marušić Chorophilakis Bártová Szôllôs Calquín Cazares Wilmsen Ingvarsdóttir"""
SYLLABLES = [
    "ba",
    "be",
    "bo",
    "ca",
    "da",
    "de",
    "di",
    "do",
    "fa",
    "fi",
    "ga",
    "go",
    "ha",
    "hi",
    "ja",
    "jo",
    "ka",
    "ke",
    "ki",
    "ko",
    "la",
    "le",
    "li",
    "lo",
    "lu",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "pa",
    "po",
    "ra",
    "re",
    "ri",
    "ro",
    "ru",
    "sa",
    "se",
    "shi",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "tu",
    "va",
    "vi",
    "wa",
    "ya",
    "yo",
    "yu",
    "za",
    "zo",
]
ENDINGS = ["n", "r", "s", "l", "m", "k", "", "", "", "x", "th"]

# {n}: a whole name or a given name; {g}: a given name; {f}: a family name; {F}: given and family
# name; {a}: an address
PROVIDERS = [
    "{f} {g} {i}",
    "{f}, {g} {i}",
    "{g} {f} Psyd",
    "Dr. {g} {f}",
    "{g} {i}. {f}",
    "{g} {f}, M.D.",
    "{g} {i} {f} MD",
    "{f} {g}",
    "{g} {f} Lcsw",
    "Dr. {f} {g} {i}",
    "{g} {f} PhD",
]

# | in a template is a new line
NAMED = [
    "my name is {n}",
    "Hi, I'm {n}.",
    "hi this is {n}",
    "this is {n} speaking, how can I help",
    "I am {n} and I booked for Saturday",
    "name's {n}",
    "The name is {n}",
    "it's {n}",
    "{n}",
    "{F}",
    "{n} please",
    "Sure, {n}.",
    "yes, {n}",
    "It is under {n}",
    "the reservation is under {f}",
    "book it for {n} at 7 pm",
    "table for four, name of {f}",
    "Thanks, {g}!",
    "Thank you {g}, have a nice day",
    "Thanks,",
    "{n}",
    "Best regards, {F}",
    "- {g}",
    "Hello {g}, how may I help you?",
    "Hi {g}, your order is ready.",
    "Dear {g},",
    "Dear Mr. {f}, thank you for writing",
    "Mrs. {f} called about the deposit",
    "Dr. {f} is available on Tuesday",
    "I'd like an appointment with Dr. {F}",
    "I want to see {n} at 3 pm",
    "Please book me with {n}",
    "with {n} then",
    "How about {F}? They are a psychologist in Oakland.",
    "I found {F} in San Jose.",
    "Your appointment with {F} is confirmed for March 5th at 10 am.",
    "I have {F}, a therapist in Berkeley",
    "Transfer 210 dollars to {n}",
    "send {n} 50 bucks",
    "Please send $1,170 to {g}'s checking account",
    "I want to transfer money to {n}.",
    "Transfer it to the savings account of {n}",
    "to the checking account of {n}, correct?",
    "You will be sending {n} $1,200 from your checking account",
    "It will be sent to my friend {g}",
    "give to {g}",
    "I need to pay {n}",
    "checking $1,340 {g} checking",
    "savings $1,400 {g} checking",
    "the recipient is {n}",
    "the transfer to {n} went through",
    "my wife {g} is allergic to shellfish",
    "my husband {g} and I",
    "my daughter {g} turns six",
    "our son {g} wants fried rice",
    "my brother {g} will pay",
    "ask {g}, she knows",
    "tell {g} that we are late",
    "{g} will be there, and so will {g}",
    "is {g} working today?",
    "I spoke to {g} yesterday",
    "{g} said that it was fine",
    "{g} told me to call back",
    "Can {g} call me back?",
    "please call {g} when you arrive",
    "{g} and {g} are coming with us",
    "the party is for {g}",
    "it's {g}'s birthday",
    "{g}'s number is on file",
    "the driver was {n}",
    "Your driver is {g}, in a white Toyota",
    "the contract was signed by {F}",
    "invoice to {F}",
    "billing name: {F}",
    "Name: {F}",
    "Full name: {F}",
    "Customer: {F}",
    "What's the name on the account? User: {F}",
    "Could you please correct it to {F}?",
    "What is your last name? {f}",
    "last name {f}, first name {g}",
    "that's {f}, first name {g}",
    "Guests: {F}, {F} and {F}",
    "cc: {F}",
    "from {F} to {F}",
    "{F} wrote: when do you open",
    "She named him {g}",
    "As promised, here's {g}'s address",
    "{F} will be talking in the afternoon",
    "Follow up with {F} in a couple of months",
    "the film was directed by {F}",
    "starring {F} and {F}",
    "I like movies with {F}",
    "who is {F}?",
    "it stars {F}",
    "{F} is very reliable",
    "{f} began writing as a student",
    "The manager, {F}, apologised",
    "our chef {g} was amazing",
    "please thank {g} for the great show",
    "{g} was our chef",
    "We had {g} last time and loved him",
    "shout out to {g} for last night",
    "lol {g} is so funny",
    "omg {g} just called me",
    "rt {g}: see you there",
    "watching the game with {g} and {g}",
    "happy birthday {g}!!",
    "i miss {g}",
    "{F} is the best",
    "just met {F} at the mall",
    "can't wait to see {g} tonight",
    "hey {g} u there?",
    "im {g}",
    "my names {g}",
    "its {g} here",
    "{g} here",
    "{g} again, sorry",
    "call me {g}",
    "you can call me {g}",
    "Everyone calls me {g}",
    "I am called {n}",
    "{F}|{v} {v}|{a}",
    "{F}, {a}",
    "{p}",
    "{p} is a psychologist in {c}",
    "I found {p} in {c}, a therapist",
    "How about {p}?",
    "Your appointment with {p} is on {m} {d} at {d} am",
    "please confirm your appointment with {p}",
    "I am booking an appointment with {p} on {m} {d}th",
    "You might want to see {p}",
    "make an appointment with {p}",
    "it is moving in that direction, says {F}",
    '"no way," says {f}',
    "said {g} to {g}",
    "{g} shouted at {g}: what are you doing",
    "{g}: who are you?|{g}: I am {g}'s daughter",
    "User: {F}",
    "Agent: {F}",
    "unlike the {f} novel, it is not about love",
    "early {f} is my favourite",
    "our founders: {f}, {f} and {f}",
    "{F} and {f} wrote it",
    "the novelist {F} was born in {c}",
    "{v} player {F} lives here",
    "{F}, {v} {v}, {c}",
    "{F}|{f} and {f}|{a}",
    "{v}, {g}",
    "{v} {g}!",
    "with {g} and {g} at the {v}",
    "Ship to {F}, {a}",
    "{F}",
    "",
    "{a}",
    "we live at {a}",
    "My address is {a}",
    "the party is at {a}",
    "come to {a} please",
    "It is located at {a}",
    "The address is {a}",
    "{a}",
    "deliver to {a}, ask for {g}",
    "address: {a}",
    "I am at {a} and the gate code is blue",
    "Their address is {a} and they close at nine",
    "Pick me up from {a}",
    "take me to {a}",
    "we moved to {a} last year",
    "Send the contract to {a}",
    "I found a house at {a} with 2 bedrooms",
    "the venue would be at {a}",
]

# {b}: a business or place named after somebody; {t}: a thing named after somebody
NOBODY = [
    "I'd like the {k} for {d} people",
    "how much is {k} for {d} adults and {d} kids",
    "do you have {k}?",
    "we want {k} and {k}",
    "can we swap the {k} for {k}?",
    "I loved the {k}",
    "{k} please",
    "is the {k} gluten free",
    "one {k}, two {k}",
    "the hibachi was great",
    "Hibachi for {d} on {m} {d}",
    "We open at {d} on {w}",
    "see you {w}",
    "see you on {m} {d}",
    "On {w}, {m} {d}th",
    "Will you be open in {m}?",
    "May I ask a question?",
    "Will it rain on {w}?",
    "Mark it as done",
    "Bill me later",
    "Can I get the bill?",
    "Grace period is {d} days",
    "I hope it works",
    "it is a joy",
    "Faith in the team",
    "what is the art of teppanyaki",
    "let me have the drew out version",
    "Sure thing",
    "You're welcome!",
    "Goodbye",
    "Transfer {d} dollars from checking to savings",
    "Send it now",
    "Please confirm: transfer {d} from your savings account",
    "What is the balance of my checking account?",
    "visit",
    "museum",
    "Anything else?",
    "No, nothing else",
    "else",
    "next week",
    "I want to visit a museum",
    "Is there a salon near {c}?",
    "an event in {c} next week",
    "find me events in {c}",
    "rock music please",
    "a concert in {c}",
    "{c} please",
    "in {c}",
    "from {c} to {c}",
    "flying from {c} to {c} on {m} {d}",
    "a bus to {c}",
    "hotel in {c} for {d} nights",
    "book a room at the {b}",
    "I'd like a table at {b}",
    "How about {b} in {c}?",
    "{b} is a good restaurant",
    "{b} serves {k}",
    "The {b} is on the second floor",
    "I stayed at the {b}",
    "meet me at {b}",
    "take me to {b}",
    "the show is at {b}",
    "{b} is closed on {w}",
    "play {t}",
    "play the song {t}",
    "I want to hear {t}",
    "tickets for {t}",
    "the movie {t} is playing at {d} pm",
    "{t} is a drama",
    "I'd like to watch {t}",
    "get me tickets for the {F} concert",
    "I want to see {F} live in {c}",
    "{F} is playing in {c} on {m} {d}",
    "There is a {F} show on {w}",
    "play something by {F}",
    "a song by {F}",
    "from the album by {F}",
    "{v}",
    "{v}",
    "{V}",
    "{v} please",
    "the {v}",
    "a {v}",
    "{v} {v}",
    "{v} {v} {v}",
    "{V} {v}",
    "I'm {v}",
    "it is {v}",
    "I want {v}",
    "I need a {v}",
    "is it {v}?",
    "no {v}",
    "yes, {v}",
    "{V}: {v} {v}",
    "what is the {v}",
    "my {v} is {v}",
    "the {v} of {c}",
    "{c} is {v}",
    "{v} in {c}",
    "{v} and {v}",
    "to {c}, {S}",
    "{S}",
    "a {v} player",
    "{v} or {v}?",
    "what is your {v}?|{v}",
    "cc {z}{z}{z}",
    "excuse me, bot",
    "call me when you are here",
    "call me later",
    "call me back",
    "call me a cab",
    "call me a {v}",
    "{f}, {f} and {f} Ltd|{d} {v} {v}",
    "{V} {V} Inc|{z}",
    "I will be travelling to {c}",
    "{v} event in {c}",
    "{v}'s",
    "{d} adults in {z}",
    "we are in {z}",
    "what is the quote for {d} people in {z}",
    "the total is ${d}00",
    "order {z} is late",
    "{d} tickets for {w}",
    "{d} rooms",
    "{d} beds and {d} baths",
    "at {d} pm on {w}",
    "{d} Michelin stars",
    "{d} hours and {d} minutes",
    "route {d} is closed",
    "the {d}th Street station",
    "{d} Hotel Brooklyn",
    "section {d}, row {d}",
    "version {d}.{d}",
    "Table {d} is ready",
    "I found {d} results",
    "About {d} minutes away",
    "my card was declined",
    "how do I reset my password",
    "where is my package",
    "Thanks so much!",
    "thank you, that is all",
    "ok great",
    "yes please",
    "no thanks",
    "Could you help me?",
    "What time do you close?",
    "That sounds good to me",
    "Please call me when you're here",
    "Monday works for me",
    "I'm fine",
    "I'm ready",
    "I am vegetarian",
    "I'm looking for a restaurant",
    "I am in {c}",
    "this is great",
    "this is about my order",
    "my name is on the list",
    "what's your name?",
    "May I have your name, please?",
    "under which name?",
    "whose name is it under?",
    "The {f} family packages",
    "the {f} Foundation",
    "{f} & Sons",
    "{f}, {f} and {f} is the brainchild of our founders",
    "{f} Inc",
    "{f} Ltd.",
    "{f} University",
    "{f} Avenue is closed",
    "on {f} Street",
    "near {f} Park",
    "{f} Airport",
]
STATES = [
    "CA",
    "GA",
    "WA",
    "NY",
    "TX",
    "FL",
    "MA",
    "VA",
    "NC",
    "PA",
    "LA",
    "IN",
    "OR",
    "ME",
    "California",
    "Georgia",
    "Washington",
    "Virginia",
    "Montana",
    "Dakota",
    "Carolina",
]
FOOD = [
    "chicken",
    "steak",
    "salmon",
    "shrimp",
    "lobster tail",
    "filet mignon",
    "fried rice",
    "yum yum sauce",
    "scallops",
    "tofu",
    "noodles",
    "gyoza",
    "edamame",
    "Chicken Alfredo",
    "Margherita",
    "Caesar salad",
    "Mongolian beef",
    "California roll",
    "Philadelphia roll",
    "Baja Blast",
    "Americano",
    "Frappuccino",
    "Cappuccino",
    "latte",
    "mocha",
    "Earl Grey",
    "Bloody Mary",
    "Shirley Temple",
    "Tom Yum",
    "General Tso",
    "Benedict",
    "Jasmine rice",
    "Basil chicken",
    "Rosemary potatoes",
    "Ginger beef",
    "Olive bread",
    "Sage butter",
    "Cobb salad",
    "Waldorf salad",
]
CITIES = [
    "San Jose",
    "San Francisco",
    "Oakland",
    "Berkeley",
    "Santa Rosa",
    "Los Angeles",
    "Las Vegas",
    "New York",
    "Paris",
    "London",
    "Berlin",
    "Sydney",
    "Austin",
    "Houston",
    "Charlotte",
    "Madison",
    "Jackson",
    "Lincoln",
    "Orlando",
    "Savannah",
    "Phoenix",
    "Denver",
    "Sacramento",
    "Anaheim",
    "Fremont",
    "Hayward",
    "Livermore",
    "Santa Clara",
    "Vacaville",
    "Walnut Creek",
    "Kuala Lumpur",
    "New Delhi",
    "Vancouver",
    "Toronto",
    "Philadelphia",
    "Sonoma",
    "Petaluma",
    "Lafayette",
    "Alameda",
    "Cupertino",
    "Campbell",
    "Milpitas",
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
PLACES = [
    "{f}'s",
    "{g}'s Kitchen",
    "{f} Steakhouse",
    "Hotel {f}",
    "The {f} Hotel",
    "{f} Inn",
    "Cafe {g}",
    "Restaurant {f}",
    "{f} Hall",
    "{f} Theater",
    "{f} Stadium",
    "{f} Park",
    "{f} Square",
    "{f} Station",
    "{f} Center",
    "{f} Hospital",
    "St. {g} Hospital",
    "{g}'s Diner",
    "Chez {g}",
    "Trattoria {g}",
    "{f} Winery",
    "{f} Dental",
    "{f} Salon",
    "{f} Vineyards",
    "{f} Museum",
    "Bistro {g}",
    "{c} Marriott",
    "{c} Hilton",
    "Hyatt {c}",
    "Novotel {c}",
    "Garden Grill",
    "Golden Dragon",
    "Blue Ginger",
    "The Old Mill",
    "{g}'s Pizza",
    "Mama {g}",
]
THINGS = [
    "{g}",
    "Dr. {f}",
    "The {f}",
    "{g} in Love",
    "{w}",
    "Goodbye {g}",
    "Red {g}",
    "The Ballad of {g}",
    "Saint {g}",
    "{g} and the Wolves",
    "Dogman",
    "Breakthrough",
    "Long Shot",
    "Little",
    "Pet Sematary",
    "Rocketman",
    "Shazam",
    "Thriller",
    "Hey Jude",
    "Purple Rain",
    "Lost in {c}",
    "The {f} Affair",
]
STREETS = [
    "Oak",
    "Maple",
    "Main",
    "Park",
    "Pine",
    "Cedar",
    "Elm",
    "Lake",
    "Hill",
    "Mission",
    "Market",
    "Washington",
    "Lincoln",
    "Jefferson",
    "Franklin",
    "Sunset",
    "Ocean",
    "Valley",
    "Spring",
    "Church",
    "Center",
    "Broad",
    "High",
    "Telegraph",
    "Shattuck",
    "Stevens Creek",
    "El Camino",
    "Saratoga",
    "Fremont",
    "Bancroft",
    "Durant",
    "1st",
    "2nd",
    "12th",
    "23rd",
    "45th",
    "MacArthur",
    "Martin Luther King",
    "Quail Hollow",
    "Willow Glen",
    "Camino Tassajara",
    "Beethoven",
]
KINDS = [
    "Street",
    "St",
    "St.",
    "Avenue",
    "Ave",
    "Ave.",
    "Road",
    "Rd",
    "Boulevard",
    "Blvd",
    "Lane",
    "Ln",
    "Drive",
    "Dr",
    "Court",
    "Ct",
    "Circle",
    "Place",
    "Pl",
    "Way",
    "Parkway",
    "Terrace",
    "Highway",
    "Square",
    "Common",
    "Gardens",
    "Loop",
]


class Names:
    """Where names come from."""

    def __init__(
        self,
        rng: random.Random,
        given: Sequence[str],
        families: Sequence[str],
        words: Sequence[str],
    ) -> None:
        self.words = words
        self._rng = rng
        self._given = given
        self._families = families
        self._foreign = FOREIGN.split()
        self._other = FAMILIES.split()

    def given(self) -> str:
        """A given name."""
        roll = self._rng.random()
        return (
            self._rng.choice(self._given)
            if roll < 0.45
            else self._rng.choice(self._foreign)
            if roll < 0.72
            else self._made_up()
        )

    def family(self) -> str:
        """A family name."""
        roll = self._rng.random()
        return (
            self._rng.choice(self._families)
            if roll < 0.5
            else self._rng.choice(self._other)
            if roll < 0.78
            else self._made_up()
        )

    def full(self) -> str:
        """Both, sometimes with a middle initial or a title."""
        middle = (
            f" {self._rng.choice('ABCDEFGHJKLMNPRSTW')}{self._rng.choice(['.', '', ''])}"
            if self._rng.random() < 0.12
            else ""
        )
        whole = f"{self.given()}{middle} {self.family()}"
        roll = self._rng.random()
        if roll < 0.05:
            return f"{self.family()} {self.given()}{middle}"
        return f"{whole}-{self.family()}" if roll < 0.08 else whole

    def _made_up(self) -> str:
        word = "".join(
            self._rng.choice(SYLLABLES) for _ in range(self._rng.choice([2, 2, 3]))
        ) + self._rng.choice(ENDINGS)
        return word.capitalize()


def address(rng: random.Random, names: Names) -> str:
    """A postal address as people write it."""
    street = rng.choice(STREETS) if rng.random() < 0.6 else names.family()
    direction = rng.choice(["", "", "", "", "North ", "West ", "E ", "S. "])
    line = f"{rng.randrange(1, 9999)} {direction}{street} {rng.choice(KINDS)}"
    roll = rng.random()
    if roll < 0.08:
        line = (
            f"{rng.randrange(1, 200)} "
            f"{rng.choice(['Rue', 'Via', 'Avenue', 'Calle', 'Jalan', 'Rua', 'Place'])} "
            f"{rng.choice(['de ', 'du ', '', 'della '])}{names.family()}"
        )
    elif roll < 0.16:
        line = (
            f"{names.family()}{rng.choice(['straße', 'laan', 'gata', ' ul.', ' utca', 'weg'])} "
            f"{rng.randrange(1, 200)}"
        )
    if rng.random() < 0.2:
        line += rng.choice([", ", " "]) + rng.choice(
            ["Apt {}", "Apt. {}", "Suite {}", "#{}", "Unit {}", "# {}"]
        ).format(rng.randrange(1, 900))
    if rng.random() < 0.35:
        line += f", {rng.choice(CITIES)}"
        if rng.random() < 0.6:
            line += rng.choice([", CA", ", California", " CA", ", NY", ", TX"]) + rng.choice(
                [
                    "",
                    f" {rng.randrange(10000, 99999)}",
                    f" {rng.randrange(10000, 99999)}, United States",
                ]
            )
    return line


def _fill(template: str, rng: random.Random, names: Names, *, inside: bool = False) -> Sentence:
    """The template with its slots filled; only top-level names and addresses are spans."""
    text = ""
    spans = []
    last = 0
    for slot in re.finditer(r"\{(\w)\}", template):
        text += template[last : slot.start()]
        last = slot.end()
        kind = slot[1]
        if kind == "p":
            value = _fill(rng.choice(PROVIDERS), rng, names, inside=True)[0]
            spans.append((len(text), len(text) + len(value), "NAME"))
        elif kind in "ngfF":
            value = {
                "n": names.given if rng.random() < 0.55 else names.full,
                "g": names.given,
                "f": names.family,
                "F": names.full,
            }[kind]()
            if not inside:
                spans.append((len(text), len(text) + len(value), "NAME"))
        elif kind == "a":
            value = address(rng, names)
            spans.append((len(text), len(text) + len(value), "ADDRESS"))
        elif kind in "bt":
            value = _fill(rng.choice(PLACES if kind == "b" else THINGS), rng, names, inside=True)[0]
        else:
            value = {
                "k": lambda: rng.choice(FOOD),
                "c": lambda: rng.choice(CITIES),
                "m": lambda: rng.choice(MONTHS),
                "w": lambda: rng.choice(DAYS),
                "d": lambda: str(rng.randrange(1, 30)),
                "z": lambda: str(rng.randrange(10000, 99999)),
                "i": lambda: rng.choice("ABCDEFGHJKLMNPRSTW"),
                "v": lambda: rng.choice(names.words),
                "V": lambda: rng.choice(names.words).capitalize(),
                "S": lambda: rng.choice(STATES),
            }[kind]()
        text += value
    return (text + template[last:]).replace("|", "\n"), spans


def sentences(
    seed: int, count: int, given: Sequence[str], families: Sequence[str], words: Sequence[str]
) -> Iterator[Sentence]:
    """`count` sentences; about half name somebody.

    A third is written without capitals, a few in capitals.
    """
    rng = random.Random(seed)
    names = Names(rng, given, families, words)
    joined = [template for template in NAMED if template]
    for _ in range(count):
        if rng.random() < 0.48:
            text, spans = _fill(rng.choice(joined), rng, names)
        else:
            text, spans = _fill(rng.choice(NOBODY), rng, names, inside=True)
        if rng.random() < 0.25:
            more, _ = _fill(rng.choice(NOBODY), rng, names, inside=True)
            gap = rng.choice([". ", " ", "! ", ", "])
            if rng.random() < 0.5:
                text += gap + more
            else:
                at = len(more) + len(gap)
                text = more + gap + text
                spans = [(a + at, b + at, kind) for a, b, kind in spans]
        roll = rng.random()
        lowered = text.lower()
        if roll < 0.33 and len(lowered) == len(text):
            text = lowered
        elif roll < 0.36 and len(text.upper()) == len(text):
            text = text.upper()
        yield text, spans
