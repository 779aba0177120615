"""Lines of customers in eight languages, made anew for every seed.

Names and addresses are Faker's (MIT) of the language's countries; the lines are not those that the
name model was trained on (tools/names/talk.py).
"""

import random
from collections.abc import Iterator

import phonenumbers
from faker import Faker

from benchmarks.pii_fresh_talk import Case, case, valid_number

EACH = 60
# places of the language, its phones, and lines: {n} a name, {a} an address, {p} a phone
LANGUAGES = {
    "es": (
        ("es_ES", "es_MX", "es_AR"),
        ("ES", "MX", "AR"),
        ("puede recogerlo mi vecino {n}", "la factura va a nombre de {n}, por favor", "pregunté ayer por {n} y no estaba", "soy la madre de {n}", "firmado: {n}", "déjenlo en {a}", "nos mudamos a {a} en enero", "mi móvil nuevo es el {p}", "llámenme al {p} después de comer"),
        ("la paella estaba fría", "¿tienen sitio para seis el sábado?", "el cargador no funciona", "quiero devolver los zapatos", "hace una semana que espero"),
    ),
    "de": (
        ("de_DE", "de_AT"),
        ("DE", "AT"),
        ("mein Kollege {n} holt es ab", "die Rechnung bitte an {n}", "gestern sprach ich mit {n} vom Support", "der Vertrag läuft auf {n}", "Gruß, {n}", "liefern Sie bitte an {a}", "wir sind nach {a} umgezogen", "meine neue Handynummer ist {p}", "rufen Sie mich unter {p} an"),
        ("das Essen war leider kalt", "haben Sie am Samstag noch Platz für sechs?", "das Ladegerät ist kaputt", "ich möchte die Schuhe zurückgeben", "seit einer Woche warte ich"),
    ),
    "fr": (
        ("fr_FR", "fr_CH"),
        ("FR", "CH"),
        ("mon voisin {n} passera le prendre", "la facture au nom de {n}, s'il vous plaît", "hier j'ai eu {n} au téléphone", "je suis la mère de {n}", "bien à vous, {n}", "déposez-le au {a}", "nous avons déménagé au {a}", "mon nouveau portable : {p}", "rappelez-moi au {p} ce soir"),
        ("le plat était froid", "avez-vous une table pour six samedi ?", "le chargeur ne marche plus", "je veux rendre les chaussures", "j'attends depuis une semaine"),
    ),
    "pt": (
        ("pt_BR", "pt_PT"),
        ("BR", "PT"),
        ("meu vizinho {n} vai buscar", "a nota fiscal em nome de {n}, por favor", "ontem falei com {n} do suporte", "sou a mãe de {n}", "atenciosamente, {n}", "entreguem em {a}", "mudamos para {a}", "meu celular novo é {p}", "me ligue no {p} à noite"),
        ("a comida estava fria", "vocês têm mesa para seis no sábado?", "o carregador não funciona", "quero devolver os sapatos", "estou esperando há uma semana"),
    ),
    "it": (
        ("it_IT",),
        ("IT",),
        ("lo ritira il mio vicino {n}", "la fattura a nome di {n}, per favore", "ieri ho sentito {n} dell'assistenza", "sono la madre di {n}", "distinti saluti, {n}", "consegnate in {a}", "ci siamo trasferiti in {a}", "il mio nuovo cellulare è {p}", "richiamatemi al {p} stasera"),
        ("il piatto era freddo", "avete posto per sei sabato?", "il caricatore non funziona", "vorrei rendere le scarpe", "aspetto da una settimana"),
    ),
    "nl": (
        ("nl_NL", "nl_BE"),
        ("NL", "BE"),
        ("mijn buurman {n} haalt het op", "de factuur graag op naam van {n}", "gisteren sprak ik {n} van de klantenservice", "ik ben de moeder van {n}", "groeten, {n}", "bezorg het op {a}", "we zijn verhuisd naar {a}", "mijn nieuwe mobiel is {p}", "bel me vanavond op {p}"),
        ("het eten was koud", "hebben jullie zaterdag plek voor zes?", "de oplader doet het niet", "ik wil de schoenen terugsturen", "ik wacht al een week"),
    ),
    "vi": (
        ("vi_VN",),
        ("VN",),
        ("hàng xóm {n} sẽ nhận giúp", "xuất hóa đơn cho {n} nhé", "hôm qua tôi gặp {n} ở quầy", "tôi là mẹ của {n}", "trân trọng, {n}", "số mới của tôi là {p}", "gọi lại cho em theo số {p}"),
        ("đồ ăn bị nguội", "thứ bảy còn bàn cho sáu người không?", "cục sạc bị hỏng", "tôi muốn trả lại đôi giày", "em đợi một tuần rồi"),
    ),
    "hi": (
        ("en_IN",),
        ("IN",),
        ("mere padosi {n} le jayenge", "bill {n} ke naam par banao", "kal {n} se baat hui thi", "main {n} ki maa hoon", "dhanyavaad, {n}", "naya number {p} hai", "shaam ko {p} par phone karo"),
        ("khana thanda tha", "shaniwar ko chhe logon ki jagah hai kya", "charger kharab hai", "joote wapas karne hain", "ek hafte se intezaar kar raha hoon"),
    ),
}  # fmt: skip


def cases(seed: int) -> Iterator[tuple[str, Iterator[Case]]]:
    """(name of the set, its documents) for each language."""
    for language in LANGUAGES:
        yield f"language {language}", _cases(language, seed)


def _cases(language: str, seed: int) -> Iterator[Case]:
    places, regions, lines, benign = LANGUAGES[language]
    rng = random.Random(f"{seed} {language}")
    made = [Faker(place) for place in places]
    for faker in made:
        faker.seed_instance(rng.randrange(1 << 30))
    complete = frozenset({"PERSON", "ADDRESS", "PHONE"})
    for line in lines:
        for _ in range(EACH):
            faker = rng.choice(made)
            if "{n}" in line:
                name = rng.choice([faker.first_name(), f"{faker.first_name()} {faker.last_name()}"])
                yield case(line, name, "PERSON", complete)
            elif "{a}" in line:
                yield case(line, faker.address().replace("\n", ", "), "ADDRESS", complete)
            else:
                number = valid_number(rng, rng.choice(regions))
                national = phonenumbers.PhoneNumberFormat.NATIONAL
                yield case(line, phonenumbers.format_number(number, national), "PHONE", complete)
    for _ in range(EACH * 4):
        yield [rng.choice(benign)], [[]], [[]], complete
