"""Chat lines of many countries to train the name model on.

Our own templates; names and addresses are Faker's (MIT), of the places in PLACES. Each line comes
with its spans. What stands in NOBODY names nobody, however much it looks like a name.
"""

import random
import re
from collections.abc import Iterator, Sequence

from faker import Faker
from speech import WITH_WORDS, WORDS

Span = tuple[int, int, str]  # start, end, NAME or ADDRESS
Sentence = tuple[str, list[Span]]

# Faker's places, and how often each is drawn; all write in Latin letters
PLACES = {
    "en_US": 10,
    "en_GB": 4,
    "en_CA": 2,
    "en_AU": 2,
    "en_IN": 5,
    "en_NZ": 1,
    "en_IE": 1,
    "es_ES": 4,
    "es_MX": 4,
    "es_CO": 1,
    "es_AR": 1,
    "de_DE": 4,
    "de_AT": 1,
    "de_CH": 1,
    "fr_FR": 4,
    "fr_CH": 1,
    "pt_BR": 4,
    "pt_PT": 2,
    "it_IT": 4,
    "nl_NL": 3,
    "pl_PL": 3,
    "vi_VN": 4,
    "tr_TR": 2,
    "cs_CZ": 1,
    "da_DK": 1,
    "sv_SE": 1,
    "no_NO": 1,
    "fi_FI": 1,
    "hu_HU": 1,
    "ro_RO": 1,
    "hr_HR": 1,
    "yo_NG": 3,
    "ha_NG": 2,
    "ig_NG": 3,
    "en_KE": 2,
    "zu_ZA": 2,
    "tw_GH": 2,
    "id_ID": 2,
    "fil_PH": 2,
    "ar_AA": 0,
}
# given and family names of languages that Faker writes in their own script, in Latin letters
WRITTEN_OUT = {
    "arabic": (
        "Ahmed Mohammed Omar Youssef Khalid Hassan Tariq Bilal Mustafa Ibrahim Fatima Aisha Layla Noor Huda Salma Mariam Zainab Rania Dalia Samira Yasmin Karim Walid Faisal Nasser Majid Reem Lina Amal Abdullah Abdul Sami Jamal Hamid Rashid Saleh Nabil",
        "Al-Mansouri El-Sayed Haddad Khalil Hussein Nasser Al-Rashid Bakr Farouk Saleh Mansour Abdallah Qureshi Al-Farsi Hamdan Shaheen Awad Darwish Saad Khoury Najjar Zayed Mahfouz Barakat",
    ),
    "chinese": (
        "Wei Xiaoming Li Jing Fang Yan Min Jun Hao Ying Na Lei Yang Xia Hong Bo Chao Mei Lan Zihan Yuchen Haoran Xinyi Jiahui Guowei Meiling Xiuying Weidong",
        "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Zheng Liang Xie Song Tang Deng Han Feng Cao Peng Xiao Cheng Cai",
    ),
    "japanese": (
        "Haruto Yuto Sota Hinata Ren Yui Aoi Sakura Hina Rin Kenji Takeshi Hiroshi Akiko Yoko Naoko Keiko Daisuke Shinji Ayumi Megumi Tomoko Kazuki Satoshi Masao Yumiko",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Matsumoto Inoue Kimura Hayashi Shimizu Mori Ikeda Hashimoto Ishikawa Ogawa Okada Fujita Goto",
    ),
    "korean": (
        "Minjun Seoyeon Jihoon Hyejin Sungmin Eunji Donghyun Jiwoo Minji Youngho Soojin Jae-won Hyun-woo Ji-eun Tae-yang Seung-ho Yuna Haeun Jisoo Kyung-min",
        "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang Ahn Song Ryu Hong Bae Nam",
    ),
    "russian": (
        "Aleksei Dmitri Ivan Sergei Mikhail Nikolai Pavel Olga Svetlana Natalia Irina Ekaterina Anastasia Tatiana Yelena Oksana Bohdan Taras Yulia Galina Vladislav Kirill Maksim Daria",
        "Ivanov Petrova Kuznetsov Smirnova Popov Volkov Sokolova Lebedev Kozlov Novikova Morozov Shevchenko Kovalenko Bondarenko Tkachenko Kravchuk Boyko Melnyk Fedorov Orlova",
    ),
    "hindi": (
        "Rajesh Sunita Priya Amit Anjali Vikram Deepak Pooja Rahul Neha Sanjay Kavita Arjun Lakshmi Manoj Rekha Suresh Asha Ravi Meena Harpreet Gurpreet Jaspreet Kiran Anand Divya Sneha Ramesh Ganesh Shanti Nithya Karthik Padma Venkatesh",
        "Sharma Verma Gupta Singh Kumar Patel Reddy Nair Iyer Rao Joshi Mehta Kapoor Malhotra Chatterjee Banerjee Das Pillai Menon Kulkarni Deshpande Agarwal Bhatt Chopra Gill Sandhu Krishnan Subramanian Yadav Mishra",
    ),
    "persian": (
        "Reza Hossein Ali Mehdi Amir Hamid Shirin Leila Maryam Parisa Nasrin Azadeh Farhad Kaveh Babak Niloufar Sara Arash Behnam Roya",
        "Hosseini Ahmadi Rezaei Mohammadi Karimi Jafari Moradi Rahimi Ebrahimi Tehrani Shirazi Farahani Kazemi Rostami",
    ),
    "ethiopian": (
        "Abebe Tadesse Kebede Almaz Tigist Selam Haile Dawit Yonas Hirut Mulugeta Getachew Bekele Meseret Zewdu Genet",
        "Bekele Tesfaye Haile Girma Alemu Desta Wolde Mekonnen Assefa Tsegaye Gebre Negash",
    ),
    "hebrew": (
        "Noa Tamar Yael Avi Moshe Yosef Shira Rivka Eitan Itai Lior Hadas Dov Chaim Shlomo Miriam Tzipora Gal",
        "Levi Cohen Mizrahi Peretz Friedman Katz Shapiro Azoulay Biton Dahan Ben-David Goldberg Rosen",
    ),
    "greek": (
        "Giorgos Dimitris Nikos Yannis Kostas Eleni Maria Katerina Sofia Vasiliki Panagiotis Christos Despina Stavros Thanasis",
        "Papadopoulos Georgiou Nikolaidis Pappas Ioannou Konstantinou Dimitriou Vlachos Antoniou Makris Katsaros",
    ),
}

# names that are everyday words, too
WRITTEN_OUT["words"] = (
    "Hope Joy Sky Rusty Chase Summer Grace Faith Will Mark Bill Art Rose Lily Olive Ginger Basil Heather Ivy June April May Dawn Eve Autumn Destiny Harmony "
    "Melody Carol Frank Grant Rich Jack Rob Pat Drew Miles Cliff Dale Glen Forest River Stone Hunter Mason Cooper Taylor Baker Jasmine Ruby Pearl Amber Violet "
    "Daisy Poppy Robin Angel Christian Earl Duke Prince Major Gene Ray Clay Heath Brook Sandy Crystal Star Misty Stormy Honey Candy Cookie Sunny Lane Ash Reed",
    "Banks Field Summers Winters Brown White Green Black Young Long Short Rich Wise Strong King Bishop Pope Knight Cook Park Hill Wood Stone Rivers Brooks "
    "Lake Moon Day Love Best Price Power Sharp Swift Little Small Church Mills Bell Bush Carpenter Fisher Shepherd Gardner Butcher Farmer Walker Rice Bacon "
    "Berry Flowers Rose Wolf Fox Bird Lamb Crane Finch Hart Frost Snow Rain Storm Cash Gold Silver Pearl Diamond Judge Major Speaker Singer Case Close Street",
)

# {n}: a given or whole name; {g}: given; {f}: family; {F}: both; {a}: an address; {s}: a street
# address; {o}: a spelt name; {w}: an everyday word
NAMED = """my name is {n}
im {n}
i am {n}
hi im {n} and i have a question
hey it's {n}
this is {n}
this is {n} from accounts
{n} here
{n} speaking
{g}
{F}
{g}.
{F}.
{f}, {g}
it's {g}
its {F}
yes it's {F}
sure, {F}
{F}, that's right
{g} {f} is the name
the name is {f}
that would be {F}
put it under {n}
under {f} please
it should be under {F}
{g}, like always
my last name is {f}
last name {f}
surname {f}
first name {g} last name {f}
first name's {g}, surname's {f}
{g} with a k
{n} with two n
my full name is {F}
the booking's for {F}
name on the booking: {F}
name for the order: {g}
guest name {F}
contact {F}
contact person is {F}
attn {F}
attention: {F}
c/o {F}
to: {F}
from: {F}
cc {F}, {F}
sent by {F}
signed, {F}
best,|{F}
thanks,|{g}
regards|{F}
cheers, {g}
- {g}
love, {g}
sincerely,|{F}|{w} {w}
kind regards,|{F}|Sr. Buyer
ask for {g} at the door
ask {g} or {g}
can i speak to {n}
can i talk to {g} please
could you put me through to {F}
is {g} there
is {n} working today
can you transfer me to {g} please
get me {g}
i was talking to {g} earlier
i spoke with {F} last week about this
spoke to {g} in billing
{g} from accounting told me
{g} in support said i'd get a refund
{g} at the front desk was rude
{g} helped me last time
the agent, {g}, promised it
your colleague {F} said so
your driver {g} left it at the wrong door
the technician {F} never came
our waiter {g} was lovely
our chef {g} flipped the egg into his hat
nurse {g} called
dr {f} sent me
dr. {F} wants the report
mr {f} isn't here
mrs. {f} has the key
ms {f} will sign
prof {f} teaches it
captain {f} was on duty
my wife {g}
my husband {g} booked it
my husband's name is {g}
my wife is called {g}
my son {g} is eight
my daughter {g} and her friend {g}
my mom {g} is coming too
my dad {F}
my boss {F} pays
my brother {g}'s card
my sister's {g}
my fiance {g}
my partner {g} and i
my roommate {g}
my neighbor {F} saw it
my friend {g} recommended you
a friend of mine, {F}
{g} and i will be there
{g} and {g} too
me, {g}, {g} and {g}
just {g} and me
it's for {g}
it is a gift for {g}
happy birthday {g}
make the cake say happy birthday {g}
write "{g}" on it
congrats to {g} and {g}
{g} is allergic to shellfish
{g} turns five on sunday
{g} can't eat gluten
{g} will pick it up
{F} will sign for it
{F} is authorized
add {F} to the account
add {g} as a driver
remove {F} from the policy
change the name from {F} to {F}
the card is in {F}'s name
the account belongs to {F}
account holder: {F}
cardholder {F}
beneficiary {F}
emergency contact is {F}
policy holder {F}
send it to {F}
send 50 to {g}
transfer it to {F}'s account
pay {F}
invoice {F}
bill {F}, not {F}
refund {g}
tell {g} i'm late
call {g} when you're outside
text {g} instead
email {F}
reach {F} after six
let {g} know
please thank {g}
thanks {g}
thank you {g}!
thank you so much {g}
ok {g}
hi {g}
hello {g}
hey {g},
good morning {g}
dear {F}
dear {g},
welcome back, {g}!
great, {g}! you're all set
sorry to hear that, {g}
may i call you {g}
am i speaking with {F}
am i speaking to {g}?
is this {F}?
hi {g}, this is {g} from the hotel
yes {g}, i can help
one moment {g}
{g}, your table is ready
i have {F} on the line
we have a booking for {F} at 7
passengers: {F}, {F}
passenger list: {f}, {g}; {f}, {g}
guests: {F}; {F}; {F}
attendees: {g}, {g} and {F}
| {F} | {w} | pro |
| {F}|{w}|basic |
{F},{w},{w}
id,guest|1,"{f}, {g}"|2,"{f}, {g}"
name,city|{F},{c}|{F},{c}
{{"name": "{F}"}}
{{"guest": "{F}", "nights": 2}}
"customer": "{F}"
name={F}
user: {F}
assigned to {F}
reported by {F}
{g} ({w})
{F} (owner)
@ {g}
{g}: hello?
{g}: can you hear me
agent: {g} speaking, how can i help
customer: this is {F}
uh yeah this is um {g} from {w}
um it's {g}
yeah hi uh my name is {F}
so {g} told me that
and then {F} said no
i think it was {g}
no, {g}
not {g}, {g}
it's {g} not {g}
{o}
it's spelled {o}
that's {f}, {o}
my last name is {f}, that's {o}
{F} that's {o}
{F}, {a}
{F}|{a}
ship to {F}, {a}
deliver to {F} at {s}
i live at {a}
i live at {s}
my address is {a}
my new address is {a}
{a}
{s}
it's {s}
{s} please
we're at {s}
the party is at {s}
come to {s}
pick me up at {s}
pick up from {s} and drop at {s}
from {s} to {s}
the house is {s}
address: {a}
address is {s}
billing address {a}
shipping address: {a}
send it to {a}
i moved from {a} to {a}
we moved to {s} last month
the venue is {a}
the gate code at {s} is blue
the apartment at {s}
drop it at {s}, ring twice
near {s}
i'm at {s} right now
meet me at {s}
deliver it to {a} please
what's the status of my delivery to {a}
is {s} in your area
do you deliver to {a}
Question: how do we get to {a}?
they live in {a}
the office is located at {a}
contact {f}, {g} or {g} about the {w}
guest: {f}, {g}; pax {k}
passenger {f} / {g}, seat {k}
{g} and {f} agreed
according to {f}
says {f}
{g} said {w}
{g} has a {w}
{g}'s {w} is {w}
where is {g}
{g} went home
{F} works there
{g} never called back
we hired {F}, {F} and {F}
the founders are {f}, {f} and {f}
{g} "{g}" {f} is calling back
it's {g}, my husband {g} booked it
my sister is {g} and my dad is {F}
they named her {g}
owner: {g}
reviewer: {F}
dr. {f} and ms. {f}
ship to: {F}|{a}|{x}
{a}|{x}""".split("\n")
OTHERS = {
    "es": """hola soy {n}
me llamo {F}
mi nombre es {F}
soy {g} de nuevo
habla {F}
la reserva está a nombre de {F}
a nombre de {f}
mi esposa {g}
mi hijo {g} es alérgico
gracias {g}
hola {g}, ¿cómo estás?
señor {f}, su pedido está listo
la señora {f} llamó ayer
pregunte por {g}
hablé con {F} la semana pasada
¿está {g}?
saludos, {F}
vivo en {a}
mi dirección es {a}
la fiesta es en {s}
envíelo a {a}
a la atención de {F}
{F}
{g}
mi marido se llama {g}
para {g} y {g}""",
    "de": """ich bin {n}
ich heiße {F}
mein Name ist {F}
hier ist {F}
hier spricht {F}
Herr {f} hat angerufen
Frau {f} vom Kundendienst
auf den Namen {f}
die Buchung läuft auf {F}
meine Frau {g}
mein Sohn {g}
danke {g}
hallo {g},
Sehr geehrte Frau {f},
Sehr geehrter Herr {f}
Viele Grüße|{F}
Mit freundlichen Grüßen|{F}
Liebe {g}
ich wohne in der {s}
meine Adresse ist {a}
bitte an {a} liefern
Lieferadresse: {F}, {a}
{F}
{g}
ich habe mit {F} gesprochen""",
    "fr": """je m'appelle {F}
je suis {n}
mon nom est {F}
c'est {g}
au nom de {f}
la réservation est au nom de {F}
monsieur {f} a appelé
madame {f} n'est pas là
ma femme {g}
mon mari s'appelle {g}
merci {g}
bonjour {g}
cordialement, {F}
j'habite au {s}
mon adresse est {a}
livrez au {a}
j'ai parlé à {g}
{F}
{g}
pour {g} et {g}""",
    "pt": """meu nome é {F}
me chamo {F}
sou {n}
aqui é {g}
a reserva está no nome de {F}
em nome de {F}
minha esposa {g}
meu filho {g}
obrigado {g}
oi {g}
senhor {f}
falei com {F}
moro na {s}
meu endereço é {a}
entregar em {a}
{F}
{g}""",
    "it": """mi chiamo {F}
sono {n}
il mio nome è {F}
a nome di {f}
la prenotazione è a nome {F}
signor {f}
la signora {f}
mia moglie {g}
grazie {g}
ciao {g}
abito in {s}
il mio indirizzo è {a}
spedite a {a}
ho parlato con {F}
{F}
{g}""",
    "nl": """ik ben {n}
mijn naam is {F}
ik heet {F}
u spreekt met {F}
op naam van {f}
meneer {f}
mevrouw {f}
bedankt {g}
hoi {g}
ik woon op {s}
mijn adres is {a}
{F}
{g}""",
    "vi": """tôi tên là {F}
tôi là {F}
em tên {g}
anh {g} ơi
chị {g} cho em hỏi
cảm ơn chị {g}
đặt bàn tên {F}
tên người nhận: {F}
{F}
gửi cho {F}""",
    "pl": """nazywam się {F}
jestem {g}
tu {F}
rezerwacja na nazwisko {f}
pan {f} dzwonił
pani {f}
dziękuję {g}
mieszkam przy {s}
mój adres to {a}
{F}""",
    "hi": """mera naam {F} hai
main {F} bol raha hoon
main {g} bol rahi hoon
{g} ji aap kaise ho
{g} bhai call karo
mere papa ka naam {F} hai
booking {F} ke naam par hai
{F}""",
    "id": """nama saya {F}
saya {g}
atas nama {F}
pak {g} sudah datang
bu {g}
terima kasih {g}
{F}""",
    "tl": """ako si {F}
pangalan ko ay {F}
si {g} ang kukuha
salamat {g}
para kay {g}""",
    "tr": """adım {F}
ben {g}
{g} bey aradı
{g} hanım
teşekkürler {g}
adresim {a}""",
}
SPOKEN_IN = {
    "es_ES": "es",
    "es_MX": "es",
    "es_CO": "es",
    "es_AR": "es",
    "de_DE": "de",
    "de_AT": "de",
    "de_CH": "de",
    "fr_FR": "fr",
    "fr_CH": "fr",
    "pt_BR": "pt",
    "pt_PT": "pt",
    "it_IT": "it",
    "nl_NL": "nl",
    "vi_VN": "vi",
    "pl_PL": "pl",
    "hindi": "hi",
    "en_IN": "hi",
    "id_ID": "id",
    "fil_PH": "tl",
    "tr_TR": "tr",
}
NOBODY = """will you be open on {d}
will there be parking
will it rain
may i ask something
may we bring a cake
mark it as done
mark my words
mark all as read
please mark the box
frank the letter please
to be frank i didn't like it
bill me later
bill the client
can i get the bill
grant me access
grant access to the room
drew a blank
drew the short straw
we want a carol sung
skip the grace note
the grace period ends
have faith
i hope so
hope that helps
what a joy
joy to the world
art class at noon
pat it dry
jack up the price
sue them
rob a bank
don't chase me
chase the order
chase the refund
wells fargo sent it
my bank is {B}
i bank with {B}
paid with {B}
it's a {B}
do you sell {B}
{B} or {B}
compare {B}, {B} and {B}
i ordered a {B} jacket
a pair of {B}
we drank {B}
a glass of {B}
{B} raised guidance
{B} fell on {d}
set the font to {T}
use {T} for the body
{M} or {M}
route it to {M}
switch to {M}
the answer came from {M}
i asked {M}
{M} is slow today
fly into {P}
land at {P}
meet at {P}
near {P}
walk through {P}
{H} is closed
are you open on {H}
closed for {H}
book {H} dinner
happy {H}
merry christmas
i have {I}
she has {I}
{I} runs in the family
use {Q}
the {Q}
one {D} please
two {D} and a {D}
the {D} was cold
is the {D} vegan
{D}, {D}, {D}
no {D} please
in {c}
from {c} to {c}
hotels in {c}
weather in {c}
{c} please
{c}
the {w}
a {w}
{w}
{w} {w}
i'm {w}
i am {w}
im {w}
it's {w}
it is {w} today
this is {w}
that's {w}
my {w}
my {w} is {w}
the {w} is {w}
is it {w}
so {w}
very {w}
call me later
call me when it's ready
call me a taxi
call me at six
under the name of love
in the name of god
what's your name
what is the name on the booking
may i have your full name please
can i get your first name?
could i get your address
what's the delivery address?
name
full name
address
hi there
hello hello
good morning
good evening team
dear sir or madam
dear customer
dear team,
to whom it may concern
thanks a lot
thanks so much
thank you very much
thx
cheers mate
ok cool
sounds good
yes please
no thanks
sure thing
perfect
awesome
great, see you then
see you {d}
see you in {m}
on {d} in {m}
in {m}
by {d}
every {d}
{m} {k}
{d} at {k}
{k} adults and {k} kids
{k} people at {k} pm
table for {k}
{k} nights
room {k}
row {k} seat {k}
{k} {w}
{k} {w} and {k} {w}
order {k}
{{"bed": "Queen", "view": "Bay"}}
{{"type": "object", "name": "mark_paid"}}
"roomType": "King"
{{"status": "ok", "lang": "en"}}
select * from users
def main(): return 0
error: file not found
the {w} street station
on main street
downtown
on the corner
two blocks away
the second floor
around the corner from {P}
$50 at the door
50 dollars a head
my card is {q} exp {k}/{k} cvv {x}
{q} expires {k}/{k}, code {x}
visa {q}
card number {q} please
my ssn is {x}-{k}-{x}
routing {x}{x} account {x}{x}
iban DE{x}{x}{x}{x}
my phone is {p}
call {p} or {p}
{p}
my email is {e}
{e}
{e} and {p}
pin {x}, code {x}
flight {x} lands at {k}:{k}
isbn {x}, issn {x}
cve-{x}, rfc {k}
arxiv {k}.{x}, doi {k}.{x}/{x}
platelets {x} /ul, ferritin {x} ng/ml
dose {x} iu, bnp {x} pg/ml
{k} mg twice a day, {x} units
error {x} at line {k}
flight ba {x} gate b{k}
order {x} shipped on {d}
sku {x}-x, {k} left
version {k}.{k}.{k} build {x}
invoice {x} for {k} {w}
it took {x} ms and {x} bytes
{x} points, {x} miles
pax {k}
room {k}, bed {k}, floor {k}
ticket {x} was closed
{x} units at {k} each
model {k}-{x} in {w}
part no {x}-{k}
the sum is {x}.{k}
{k} x {k} x {k} cm
{x} views, {x} likes
mark all items sold
mark all the {w} as {w}
will call opens at {k}
frank {w} please
grant access to the {w}
100 way too much
3 way call
take the 5 drive thru
1 road trip
buy 2 get 1 court side""".split("\n")
NOBODY_ELSEWHERE = """hola buenos días
¿tienen mesa para dos?
gracias por todo
quiero cambiar mi pedido
muchas gracias, hasta luego
¿cuánto cuesta el menú?
el total es de {k} euros
mi número es
la calle estaba cerrada
guten Tag
können Sie bitte den Termin verschieben?
vielen Dank und schönen Tag
die Bestellung ist noch nicht da
Haben Sie am {d} geöffnet?
der Gesamtbetrag stimmt nicht
bonjour, je voudrais réserver
merci beaucoup
pouvez-vous annuler la commande
la livraison est prévue mardi
bom dia, quero trocar o pedido
muito obrigado
o valor está errado
buongiorno, vorrei prenotare
grazie mille
il pacco non è arrivato
goedemorgen
kunt u mij helpen?
dank u wel
cho tôi hỏi giá phòng
cảm ơn nhiều
dzień dobry
dziękuję bardzo
mera order kab aayega
kitna time lagega
aap kaise ho
selamat pagi
terima kasih banyak
magandang umaga po
salamat po
merhaba
teşekkürler
hola, mi número es {p} gracias
hola, quiero que me llamen al {p} por favor
mi correo es {e} y el pedido es {x}
¿pueden cambiar la reserva para el {d}?
me gustaría cancelar mi cita de mañana
el paquete no ha llegado todavía
necesito una factura del mes pasado
somos {k} adultos y {k} niños
la tarjeta termina en {x}
no puedo entrar en mi cuenta
quisiera hablar con un agente
¿a qué hora abren el domingo?
está bien, muchas gracias por su ayuda
el código es {x} y vence mañana
sí, claro, perfecto
ich bin unter {p} zu erreichen, danke
meine Nummer ist {p}
meine E-Mail ist {e}
wann kommt meine Lieferung mit der Nummer {x}?
ich möchte einen Tisch für {k} Personen reservieren
bitte stornieren Sie die Bestellung {x}
das Paket ist leider beschädigt
ich kann mich nicht anmelden
wie lange dauert der Versand?
Kartennummer endet auf {x}
ja, gerne, alles klar
wir sind {k} Erwachsene und {k} Kinder
können Sie mich bitte zurückrufen?
bonjour, je suis au {p} merci
mon numéro est le {p}
mon adresse mail est {e}
ma commande {x} n'est pas arrivée
je voudrais annuler mon rendez-vous de demain
nous serons {k} adultes et {k} enfants
est-ce que vous livrez le dimanche ?
je n'arrive pas à me connecter
le colis est abîmé, que faire ?
d'accord, très bien, merci beaucoup
pouvez-vous me rappeler demain matin ?
le code est {x}
oi, meu número é {p} obrigado
oi, tudo bem?
meu email é {e}
o pedido {x} ainda não chegou
gostaria de cancelar a minha reserva
somos {k} adultos e {k} crianças
qual é o horário de funcionamento?
não consigo entrar na minha conta
por favor, me ligue no {p}
está ótimo, muito obrigada pela ajuda
o cartão termina em {x}
ciao, sono al {p} grazie
il mio numero è {p}
la mia email è {e}
l'ordine {x} non è ancora arrivato
vorrei annullare la prenotazione di domani
siamo {k} adulti e {k} bambini
a che ora aprite la domenica?
non riesco ad accedere al mio conto
va bene, perfetto, grazie mille
ik ben op {p} te bereiken, bedankt
mijn nummer is {p}
mijn e-mail is {e}
mijn bestelling {x} is nog niet binnen
ik wil graag een tafel voor {k} personen reserveren
kunt u de afspraak verzetten?
hoe laat gaan jullie open op zondag?
prima, alvast bedankt voor de hulp
proszę dzwonić {p} dziękuję
mój numer to {p}
mój mail to {e}
zamówienie {x} jeszcze nie dotarło
chciałbym zarezerwować stolik dla {k} osób
nie mogę zalogować się na konto
o której otwieracie w niedzielę?
dobrze, bardzo dziękuję za pomoc
số của tôi là {p} cảm ơn
email của em là {e}
đơn hàng {x} chưa tới
tôi muốn đặt bàn cho {k} người
mấy giờ cửa hàng mở cửa?
em không đăng nhập được
dạ vâng, cảm ơn anh nhiều
mera number {p} hai bhai
mujhe {p} par call karo
mera order {x} abhi tak nahi aaya
haan ji theek hai dhanyavaad
mujhe refund kab milega
table {k} logon ke liye chahiye
nomor saya {p} terima kasih
pesanan {x} belum sampai
saya mau pesan meja untuk {k} orang
jam berapa buka hari minggu?
numaram {p} teşekkürler
siparişim {x} hâlâ gelmedi
{k} kişilik masa istiyorum
yarın için iptal etmek istiyorum
ang number ko po ay {p} salamat
hindi pa dumating ang order {x}
mitt nummer är {p} tack
beställningen {x} har inte kommit
jag vill boka ett bord för {k} personer
mit nummer er {p} tak
numeroni on {p} kiitos
telefonszámom {p} köszönöm
numărul meu este {p} mulțumesc""".split("\n")
BRANDS = "Wells Fargo;Morgan Stanley;Goldman Sachs;JPMorgan Chase;Charles Schwab;John Deere;Eli Lilly;Levi Strauss;Calvin Klein;Ralph Lauren;Tommy Hilfiger;Estee Lauder;Mary Kay;Paul Mitchell;Jack Daniel's;Johnnie Walker;Jim Beam;Captain Morgan;Dr Pepper;Uncle Ben's;Aunt Jemima;Ben & Jerry's;Wendy's;Papa John's;Trader Joe's;Macy's;Kohl's;Lowe's;Mercedes;Ford;Tesla;Chevrolet;Harley Davidson;Rolls Royce;Aston Martin;Louis Vuitton;Hugo Boss;Dolce & Gabbana;Giorgio Armani;Jimmy Choo;Michael Kors;Kate Spade;Victoria's Secret;Hewlett Packard;Johnson & Johnson;Procter & Gamble;Ernst & Young;Marks & Spencer;Abercrombie;Oscar Mayer;Sara Lee;Betty Crocker;Duncan Hines;Orville Redenbacher;Marie Callender's;Stella Artois;Samuel Adams;Sierra Nevada;Grey Goose;Tito's;Jose Cuervo;Don Julio;Smith & Wesson;Black & Decker;Stanley;Dyson;Philips;Siemens;Bosch;Sony;Samsung;Apple;Alexa;Siri".split(
    ";"
)
FONTS = "Times New Roman;Courier New;Lucida Grande;Comic Sans;Gill Sans;Georgia;Verdana;Helvetica;Garamond;Baskerville;Bodoni;Caslon;Franklin Gothic;Palatino".split(
    ";"
)
MODELS = "Claude;Claude Haiku;Claude Opus;Claude Sonnet;Gemini;Llama;Mistral;Grok;Ada;Whisper;Codex;Gemma;Watson;Cortana;Einstein GPT;Bert;Roberta;Albert;Adam optimizer".split(
    ";"
)
LANDMARKS = "Madison Square Garden;John F. Kennedy airport;O'Hare;LaGuardia;Charles de Gaulle;St. James's Park;Leicester Square;Trafalgar Square;Lincoln Center;Carnegie Hall;Rockefeller Center;Washington Square;St. Patrick's Cathedral;Victoria Station;King's Cross;St. Pancras;Logan airport;Dulles;Stanley Park;Golden Gate Park;Santa Monica Pier;San Diego Zoo;Lake Tahoe;Mount Rainier;Fort Worth;Port Elizabeth;George Washington Bridge".split(
    ";"
)
HOLIDAYS = "Valentine's Day;Martin Luther King Day;St. Patrick's Day;Easter;Christmas;Christmas Eve;New Year's Eve;Mother's Day;Father's Day;Thanksgiving;Labor Day;Columbus Day;Presidents Day;Memorial Day;Diwali;Hanukkah;Ramadan;Eid;Holi;Boxing Day;Veterans Day".split(
    ";"
)
ILLNESSES = "Parkinson's;Alzheimer's;Crohn's;Hodgkin's;Hashimoto's;Asperger's;Tourette's;Down syndrome;Bell's palsy;Raynaud's".split(
    ";"
)
EPONYMS = "Fourier transform;Bayes' rule;Laplace prior;Gaussian blur;Monte Carlo method;Markov chain;Nash equilibrium;Turing test;Pareto rule;Fahrenheit scale;Newton method;Euler angles;Kelvin scale;Morse code;Ponzi scheme;Nobel Prize;Pulitzer;Murphy's law".split(
    ";"
)
DISHES = "Caesar salad;Cobb salad;Waldorf salad;General Tso chicken;eggs Benedict;beef Wellington;Shirley Temple;Arnold Palmer;Tom Collins;Bloody Mary;Margarita;Margherita;Alfredo;Carbonara;Earl Grey;rosemary potatoes;basil pesto;ginger tea;olive bread;sage butter;jasmine rice;Jerusalem artichoke;Napoleon;Madeleine;Sloppy Joe;Philly cheesesteak;Bismarck;Kaiser roll;Stroganoff;Monte Cristo;Reuben;Rueben sandwich;filet mignon;hibachi steak;yum yum sauce".split(
    ";"
)
CITIES = "San Jose;Austin;Dallas;Charlotte;Madison;Jackson;Lincoln;Orlando;Phoenix;Denver;Houston;Berlin;Hamburg;München;Madrid;Sevilla;Valencia;Milano;Roma;Firenze;Paris;Lyon;Nice;Lisboa;Porto;São Paulo;Rio;Mumbai;Hyderabad;Chennai;Lagos;Nairobi;Accra;Hanoi;Saigon;Manila;Jakarta;Sydney;Melbourne;Perth;Adelaide;Victoria;Regina;Halifax;London;Cambridge;Norwich;Leeds;Bath;Warsaw;Praha;Budapest;Santiago;Bogotá;Lima;Santa Rosa;San Diego;Florence;Geneva;Sofia;Alexandria;Chelsea;Brooklyn;Savannah;Carson;Aurora;Augusta".split(
    ";"
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday friday saturday".split()
MONTHS = "January February March April May June July August September October November December may june april august".split()
SLOTS = {
    "B": BRANDS,
    "T": FONTS,
    "M": MODELS,
    "P": LANDMARKS,
    "H": HOLIDAYS,
    "I": ILLNESSES,
    "Q": EPONYMS,
    "D": DISHES,
    "c": CITIES,
    "d": DAYS,
    "m": MONTHS,
}
_SLOT = re.compile(r"\{(\w)\}")
SPEECH = 0.86  # from this draw on a line is words of another language
POOL = 400  # values drawn from each place before the first line
BOX = (
    "PSC {}, Box {}, APO AA {}",
    "Unit {} Box {}, DPO AP {}",
    "RR {} Box {}, {}",
    "P.O. Box {}{}, {}",
)


class Values:
    """Names and addresses by place, drawn once."""

    def __init__(self, rng: random.Random, words: Sequence[str]) -> None:
        self._rng = rng
        self._words = words
        self._drawn: dict[str, tuple[list[str], list[str], list[str], list[str]]] = {}
        for place, share in PLACES.items():
            if share:
                made = Faker(place)
                made.seed_instance(rng.randrange(1 << 30))
                self._drawn[place] = (
                    [made.first_name() for _ in range(POOL)],
                    [made.last_name() for _ in range(POOL)],
                    [_address(made, rng) for _ in range(POOL)],
                    [_street(made, rng) for _ in range(POOL)],
                )
        self._speech = [text.split() for text in WORDS.values()] + [
            sorted({*Faker(place).get_words_list()}) for place in WITH_WORDS
        ]
        for place, (given, families) in WRITTEN_OUT.items():
            self._drawn[place] = given.split(), families.split(), [], []
        self.places = [p for p, share in PLACES.items() for _ in range(share)]
        self.places += [p for p in WRITTEN_OUT for _ in range(3)]

    def speech(self) -> list[str]:
        """Four to nine words of one language, in no order."""
        return self._rng.choices(self._rng.choice(self._speech), k=self._rng.randrange(4, 10))

    def of(self, kind: str, place: str) -> str:
        """One value."""
        given, families, addresses, streets = self._drawn[place]
        rng = self._rng
        if kind in "as" and not addresses:
            _, _, addresses, streets = self._drawn["en_US"]
        if kind == "g":
            return rng.choice(given)
        if kind == "f":
            return rng.choice(families)
        if kind == "n":
            return rng.choice(given) if rng.random() < 0.6 else self.of("F", place)
        if kind == "F":
            one, two = rng.choice(given), rng.choice(families)
            roll = rng.random()
            if roll < 0.06:
                return f"{two} {one}"
            if roll < 0.12:
                return f"{one} {rng.choice('ABCDEFGHJKLMRST')}. {two}"
            if roll < 0.16:
                return f"{one} {two} {rng.choice(families)}"
            return f"{one} {two}"
        if kind == "o":
            letters = [c for c in rng.choice(families + given) if c.isalpha()]
            return rng.choice([" ", "-", ", ", " ", ". "]).join(
                rng.choice([str.upper, str.lower])("".join(letters))
            )
        if kind == "w":
            return rng.choice(self._words)
        if kind == "x":
            digits = str(rng.randrange(100, 10**7))
            return rng.choice(
                [digits, digits, f"{digits[:3]}-{digits[3:]}0", f"{digits[:2]}.{digits[2:]}"]
            )
        if kind == "p":
            return _phone(rng)
        if kind == "q":
            return rng.choice([" ", "-", ""]).join(str(rng.randrange(1000, 9999)) for _ in range(4))
        if kind == "e":
            return f"{rng.choice(self._words)}{rng.randrange(99)}@{rng.choice(self._words)}.{rng.choice(['com', 'de', 'es', 'fr', 'it', 'br', 'org'])}"
        if kind == "k":
            return str(rng.randrange(1, 60))
        return rng.choice(addresses if kind == "a" else streets)


def _phone(rng: random.Random) -> str:
    """Digits in some country's groups."""
    groups = rng.choice(
        [
            "06 12 34 56 78",
            "612 34 56 78",
            "(11) 96123-4567",
            "312 345 6789",
            "512 345 678",
            "074104 10123",
            "98200 12345",
            "0176 5550 1234",
            "+49 30 123456",
            "090 123 4567",
            "415-555-0132",
        ]
    )
    return "".join(
        rng.choice("0123456789") if c.isdigit() and i else c for i, c in enumerate(groups)
    )


def _street(made: Faker, rng: random.Random) -> str:
    street = made.street_address().replace("\n", rng.choice([", ", " "]))
    return street if rng.random() < 0.93 else _odd(rng)


def _odd(rng: random.Random) -> str:
    numbers = [rng.randrange(1, 9999) for _ in range(3)]
    streets = ["Mill", "Oak", "A", "Kelvin", "5th", "Station", "Church", "Rose"]
    return rng.choice(
        [
            f"corner of {rng.choice(streets)} Ave and {rng.choice(streets)} St",
            f"{rng.choice(['twenty one', 'four fifteen', 'twelve', 'one oh two', 'ninety nine'])} "
            f"{rng.choice(streets)} {rng.choice(['street', 'avenue', 'close', 'lane', 'road'])}",
            f"{rng.choice(['Rose', 'Ivy', 'Mill', 'Orchard'])} Cottage, {rng.choice(streets)} Lane",
            f"Flat {numbers[0] % 40}, {rng.choice(streets)} House, {numbers[1] % 200} "
            f"{rng.choice(streets)} Road",
            f"Unit {numbers[0] % 30}/{numbers[1] % 300} {rng.choice(streets)} St",
            f"H.No {numbers[0] % 20}-{numbers[1] % 20}-{numbers[2] % 300}, "
            f"{rng.choice(['Shanti', 'Gandhi', 'Nehru', 'Sai'])} Nagar",
            rng.choice(BOX).format(*numbers[:2], rng.randrange(10000, 99999)),
        ]
    )


def _address(made: Faker, rng: random.Random) -> str:
    if rng.random() < 0.06:
        return _odd(rng)
    whole = made.address()
    return whole.replace("\n", rng.choice([", ", ", ", "\n", " "]))


def _fill(template: str, rng: random.Random, values: Values, place: str) -> Sentence:
    text = ""
    spans = []
    last = 0
    for slot in _SLOT.finditer(template):
        text += template[last : slot.start()].replace("{{", "{").replace("}}", "}")
        last = slot.end()
        kind = slot[1]
        value = rng.choice(SLOTS[kind]) if kind in SLOTS else values.of(kind, place)
        if kind in "ngfFo":
            spans.append((len(text), len(text) + len(value), "NAME"))
        elif kind in "as":
            spans.append((len(text), len(text) + len(value), "ADDRESS"))
        text += value
    text += template[last:].replace("{{", "{").replace("}}", "}")
    return text.replace("|", "\n") if template[0] != "|" else text, spans


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:1].upper() != text[:1] else text


def lines(seed: int, count: int, words: Sequence[str]) -> Iterator[Sentence]:
    """`count` lines; three in five name somebody or an address.

    A third is in small letters, some in capitals, some without marks as a recogniser of speech
    writes them, some with a letter mistyped.
    """
    Faker.seed(seed)
    rng = random.Random(seed)
    values = Values(rng, words)
    for _ in range(count):
        place = rng.choice(values.places)
        roll = rng.random()
        spoken = SPOKEN_IN.get(place)
        if roll > SPEECH:
            text, spans = _speech(rng, values, place)
        elif roll < 0.55:
            own = spoken is not None and rng.random() < 0.4
            text, spans = _fill(rng.choice(_named(spoken if own else None)), rng, values, place)
        else:
            text, spans = _fill(
                rng.choice(NOBODY if roll < 0.78 else NOBODY_ELSEWHERE), rng, values, place
            )
        if rng.random() < 0.3:
            more, others = _fill(rng.choice(NOBODY), rng, values, place)
            gap = rng.choice([". ", " ", "! ", ", ", "\n", "? "])
            if rng.random() < 0.5:
                text += gap + more
            else:
                at = len(more) + len(gap)
                text = more + gap + text
                spans = others + [(a + at, b + at, kind) for a, b, kind in spans]
        yield _written(text, spans, rng)


def _speech(rng: random.Random, values: Values, place: str) -> Sentence:
    """Words of some language; in one of three a name, written large, stands among them."""
    words = values.speech()
    if rng.random() < 2 / 3:
        return _capital(" ".join(words)) + rng.choice([".", "?", "!", ""]), []
    name = values.of(rng.choice("gF"), place)
    at = rng.randrange(1, len(words))
    before = " ".join(words[:at]) + " "
    return f"{before}{name} {' '.join(words[at:])}", [
        (len(before), len(before) + len(name), "NAME")
    ]


def _named(spoken: str | None) -> list[str]:
    return NAMED if spoken is None else OTHERS[spoken].split("\n")


def _written(text: str, spans: list[Span], rng: random.Random) -> Sentence:
    roll = rng.random()
    if roll < 0.36 and len(text.lower()) == len(text):
        return text.lower(), spans
    if roll < 0.41 and len(text.upper()) == len(text):
        return text.upper(), spans
    if roll < 0.75:
        text = _capital(text)
    if rng.random() < 0.05 and len(text) > 8:  # one letter mistyped
        at = rng.randrange(len(text) - 1)
        if text[at].isalpha() and text[at + 1].isalpha():
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text, spans
