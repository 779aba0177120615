"""How people say their names in other languages and scripts than English.

Where the model reads no letters (Chinese, Arabic, Hindi and others) this is all that finds a name,
and it finds those that are introduced, addressed or signed with; see kaeshi.pii.scripts.
"""

import re
from collections.abc import Iterator

_WORD = r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])){0,30}"
# what begins an introduction in Latin letters; one of its words is in TOLD
_SAID = (
    r"me llamo|mi nombre(?: completo)? es|se llama|a nombre de|ich hei(?:ß|ss)e|mein name(?: ist|:)|auf den namen|je m['’]appelle|mon nom(?: complet)? est|"
    r"s['’]appelle|au nom de|mi chiamo|il mio nome è|si chiama|a nome(?: di)?|meu nome(?: completo)? é|(?:eu )?me chamo|se chama|em nome de|no nome de|mijn naam is|ik heet|"
    r"op naam van|nazywam się|mam na imię|na nazwisko|(?:tôi |em |anh |chị )?tên(?: tôi| em| mình)? là|adım|benim adım|mera naam|nama saya|atas nama|pangalan ko ay|"
    r"ang pangalan ko ay|jag heter|mitt namn är|jeg hedder|jeg heter|nimeni on|jmenuji se|numele meu este|mă numesc"
)
TOLD = frozenset(
    "llamo nombre llama heiße heisse namen name appelle nom chiamo nome chiama chamo chama naam heet nazywam imię nazwisko tên adım nama "
    "pangalan heter hedder namn nimeni jmenuji numele numesc".split()
)
_LATIN = re.compile(
    rf"(?<![^\W_])(?:{_SAID})[\s:]{{1,3}}({_WORD}(?:[ ]{{1,2}}{_WORD}){{0,3}})", re.IGNORECASE
)
_STOPS = frozenset(
    "y e et und en i und mi mein meine mon ma il la le el mio meu minha mijn hai hoon und aus von de du da do para por per pour für mit con com "
    "avec que und quiero quisiera möchte ich je io eu ik tôi saya ako soy bin suis sono sou ben und el los las un una ein eine teléfono "
    "telefon téléphone correo email".split()
)
_PARTICLES = frozenset(
    "de del la las los da do dos das di van von der den ten ter el al bin ben ibn abu y e".split()
)
_CYRILLIC = re.compile(
    r"(?:(?:[Мм]еня|[Мм]ене|[Нн]ас) (?:зовут|звати|звуть)|[Мм]о[её] имя|[Мм]оє ім['’]я|[Зз]овут|[Яя] -|[Яя]|[Ээ]то|[Цц]е|[Гг]оспод(?:ин|жа)|[Пп]ан(?:і)?|[Уу]важаем(?:ый|ая)|"
    r"[Нн]а имя|[Пп]олучатель:?|[Кк]лиент:?)\s((?:[А-ЯЁІЇЄҐ][а-яёіїєґ'’-]{1,24})(?:\s[А-ЯЁІЇЄҐ][а-яёіїєґ'’-]{1,24}){0,2})"
)
_RUSSIAN_SURNAME = re.compile(
    r"(?<![\w])([А-ЯЁІЇЄҐ][а-яёіїєґ]{2,20} [А-ЯЁІЇЄҐ][а-яёіїєґ]{1,20}(?:ов|ова|ев|ева|ёв|ёва|ин|ина|ко|ук|юк|ский|ская|ський|ська|ич|ян|дзе|швили))(?!\w)"
)
_GREEK = re.compile(
    r"(?:με λένε|ονομάζομαι|το όνομά μου είναι|λέγομαι)\s([Α-ΩΆ-Ώ][α-ωά-ώ]{1,20}(?:\s[Α-ΩΆ-Ώ][α-ωά-ώ]{1,24}){0,2})"
)
_DEVANAGARI = (
    re.compile(r"नाम\s((?:[\u0900-\u097f]{2,20}\s){1,3}?)(?:है|हैं|था)"),
    re.compile(r"मैं\s((?:[\u0900-\u097f]{2,20}\s){1,3}?)(?:बोल|हूँ|हूं)"),
    re.compile(r"([\u0900-\u097f]{2,20}(?:\s[\u0900-\u097f]{2,20})?)\sजी(?!\w)"),
)
_ARABIC = (
    re.compile(
        r"(?:اسمي|إسمي|أسمي|السيدة?|الأستاذة?|باسم|نام من|اسم من)\s(?!هو\b)([\u0620-\u06ff]{2,20}(?:\s(?:بن |ابن |أبو |عبد )?(?!و|في|من|على|عن|أريد|رقم)[\u0620-\u06ff]{2,20})?)"
    ),
)
_HEBREW = (
    re.compile(
        r"(?:שמי|קוראים לי|השם שלי(?: הוא)?|מדברת?|על שם)\s([\u05d0-\u05ea]{2,15}(?:\s[\u05d0-\u05ea'-]{2,15})?)"
    ),
)
_CHINESE_FAMILY = "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖萧蕭田董袁潘蒋蔣蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鐘谭譚陆陸汪范石廖贾賈夏韦韋付方白邹鄒孟熊秦邱江尹薛闫段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵万錢钱严覃武戴莫孔向汤湯"
_CHINESE = (
    re.compile(
        rf"(?:我叫|我的名字是|名字是|名叫|叫做|我是|姓名|收件人|联系人|聯繫人|客户|乘客|用户名?)[:：是为\s]{{0,2}}([{_CHINESE_FAMILY}][\u4e00-\u9fff]{{1,2}})(?=$|[\s，,。.；;！!？?、电電手的])"
    ),
    re.compile(
        rf"(?:我叫|我的名字是|姓名[:：]|收件人[:：])([{_CHINESE_FAMILY}][\u4e00-\u9fff]{{1,2}})"
    ),
    re.compile(
        rf"([{_CHINESE_FAMILY}][\u4e00-\u9fff]{{0,2}})(?=先生|女士|小姐|太太|老师|老師|经理|經理|医生|醫生)"
    ),
    re.compile(r"我姓([\u4e00-\u9fff])"),
)
_JAPANESE = (
    re.compile(
        r"([\u4e00-\u9fff々]{2,5}|[ァ-ヶー]{2,10}(?:・[ァ-ヶー]{2,10})?)(?=と申します|といいます|と言います|様)"
    ),
    re.compile(r"(?:名前は|氏名[:：]|担当の)([\u4e00-\u9fff々]{2,5}|[ァ-ヶー]{2,10})"),
)
_KOREAN = (
    re.compile(
        r"(?:저는|제 이름은|이름은|성함은|성함[:：]|이름[:：])\s?([가-힣]{2,4}?)(?=입니다|이에요|예요|이라고|라고|이고|$|[\s,.])"
    ),
    re.compile(
        r"(?<![가-힣])([김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구][가-힣]{1,2})(?=\s?(?:씨|님|고객님|선생님))"
    ),
)
_THAI = (re.compile(r"(?:ผม|ฉัน|ดิฉัน)?ชื่อ\s?([\u0e01-\u0e4e]{2,24}(?:\s[\u0e01-\u0e4e]{2,24})?)"),)
_BY_SCRIPT = (
    (re.compile(r"[\u0400-\u052f]"), (_CYRILLIC, _RUSSIAN_SURNAME)),
    (re.compile(r"[\u0370-\u03ff]"), (_GREEK,)),
    (re.compile(r"[\u0900-\u097f]"), _DEVANAGARI),
    (re.compile(r"[\u0600-\u06ff]"), _ARABIC),
    (re.compile(r"[\u0590-\u05ff]"), _HEBREW),
    (re.compile(r"[\u4e00-\u9fff]"), (*_CHINESE, *_JAPANESE)),
    (re.compile(r"[ァ-ヶ]"), _JAPANESE),
    (re.compile(r"[가-힣]"), _KOREAN),
    (re.compile(r"[\u0e00-\u0e7f]"), _THAI),
)
_NOBODY = frozenset("客户 客戶 用户 我的 这个 這個 お客 皆 이용자 고객 손님 회원".split())


def introduced_elsewhere(text: str, words: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Names that are introduced in another language. `words`: the text's, in small letters.

    >>> list(introduced_elsewhere("me llamo Ana Ruiz y quiero", frozenset({"llamo"})))
    [(9, 17)]
    """
    if not words.isdisjoint(TOLD):
        for match in _LATIN.finditer(text):
            yield from _leading(text, match.start(1), match.end(1))
    if text.isascii():
        return
    for script, patterns in _BY_SCRIPT:
        if script.search(text) is None:
            continue
        for pattern in patterns:
            for match in pattern.finditer(text):
                name = match[1].rstrip()
                if name not in _NOBODY:
                    yield match.start(1), match.start(1) + len(name)


def _leading(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The words after an introduction that may be the name: until one that is none."""
    last = None
    first_large = text[start].isupper()
    for match in re.finditer(_WORD, text[start:end]):
        word = match[0]
        lowered = word.lower()
        if lowered in _PARTICLES and last is not None:
            continue
        if lowered in _STOPS or (last is not None and first_large and not word[0].isupper()):
            break
        last = start + match.end()
        if not first_large and last - start > 24:
            break
    if last is not None:
        yield start, last
