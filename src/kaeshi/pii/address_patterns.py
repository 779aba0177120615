"""Addresses as they are written elsewhere than in English, and as they are spoken."""

from kaeshi.pii.recogniser import I, Lazy, Recogniser

_COUNT = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|oh|zero)"
)
_NO_NAME = (
    r"(?:of|the|to|on|in|at|for|from|and|or|is|are|way|ways|lane|blocks?|minutes?|hours?|miles?|more|other|people|guests?|stars?|dollars?|"
    r"family|long|big|single|busy|nice|quiet|wrong|new|bed|times?|main|side|a|an|my|your|this|that|different|car)"
)
_KINDS = "street avenue ave road boulevard lane drive close court terrace place crescent square grove gardens parkway circle".split()
_PART = r"[\u4e00-\u9fff]"
_LED = r"(?:住在|地址是|地址|送到|寄到|发到|送|寄|在|到|去|是)"
_PEOPLE = r"[A-ZÀ-Þ](?:[\w'’-]|\.(?=\w)){1,24}"
_TOWN = rf"(?:,?\s(?:[A-Z]{{1,2}}-)?\d{{4,5}}(?:[ -]\d{{3}}|\s[A-Z]{{2}})?\s{_PEOPLE}(?:\s{_PEOPLE}){{0,2}}|,\s{_PEOPLE}(?:\s{_PEOPLE}){{0,2}})?"

# from a number in words on
SPOKEN = Lazy(
    rf"\b{_COUNT}(?:[ -](?:and )?{_COUNT}){{0,5}} (?:(?!{_NO_NAME}\b|{_COUNT}\b)[a-z'’]{{2,20}} ){{1,3}}?(?:{'|'.join(_KINDS)})\b"
    rf"(?:,? (?:apartment|apt|unit|flat|suite) (?:{_COUNT}|\d{{1,4}})(?: ?[a-z]\b)?)?"
    rf"(?:,? (?:in )?[a-z]{{3,15}}(?: [a-z]{{3,15}}){{0,2}}(?:[ ,]{{1,2}}{_COUNT}){{5,7}})?",
    I,
)
ELSEWHERE = (
    Recogniser(
        type="ADDRESS",
        name="street, then its number",
        words=(
            "straße",
            "strasse",
            "str.",
            "weg ",
            "platz ",
            "allee ",
            "gasse ",
            "straat",
            "gracht",
            "plein ",
            "laan ",
            "singel ",
            "kade ",
            "gatan ",
            "vej ",
            "vägen ",
        ),
        reach=(34, 60),
        pattern=Lazy(
            rf"(?<!\w)(?:{_PEOPLE}[ -]){{0,2}}[A-ZÄÖÜ][\wäöüß.-]{{0,30}}(?:straße|strasse|str\.|weg|platz|allee|gasse|straat|gracht|plein|laan|singel|kade|gatan|vej|vägen)"
            rf"\s\d{{1,4}}(?:\s?[a-zA-Z])?(?:\s?-\s?\d{{1,3}})?(?![\w€%]){_TOWN}"
        ),
        score=0.86,
    ),
    Recogniser(
        type="ADDRESS",
        name="kind, street, number",
        words=(
            "calle ",
            "c/ ",
            "avenida ",
            "av. ",
            "avda",
            "paseo ",
            "plaza ",
            "carrera ",
            "via ",
            "viale ",
            "piazza ",
            "corso ",
            "rua ",
            "travessa ",
            "alameda ",
            "ul. ",
            "al. ",
        ),
        reach=(1, 110),
        pattern=Lazy(
            rf"(?<!\w)(?i:calle|c/|avenida|av\.|avda\.?|paseo|plaza|carrera|via|viale|piazza|corso|rua|travessa|alameda|ul\.|al\.)\s"
            rf"(?:(?:de|del|de la|de los|da|do|dos|della|dei|di|dell')\s?)?(?:{_PEOPLE}|\d{{1,3}}[A-Z]?)(?:\s(?:(?:de|del|de la|da|do|dos|y|e)\s)?{_PEOPLE}){{0,3}},?\s"
            rf"(?:n[º°.]?\s?|nr\.?\s?|#\s?)?\d{{1,5}}(?:\s?[a-zA-Z](?!\w))?(?:\s?[-/]\s?\d{{1,4}})?(?![\w€%])(?:,\s(?:\d{{1,2}}[º°]?\s?\w{{0,4}}|(?:apto|piso|int|depto|col|m)\.?\s[\w ]{{1,20}}))?{_TOWN}"
        ),
        score=0.86,
    ),
    Recogniser(
        type="ADDRESS",
        name="forces abroad",
        words=("apo", "fpo", "dpo"),
        reach=(50, 24),
        pattern=Lazy(
            r"(?:\b(?:PSC|Unit|CMR|USS|USNS|USCGC|USNV)\s[\w #-]{1,24},?\s?(?:Box\s\d{1,6})?[\s,]{1,3})?\b[AFD]PO,?\s(?:A[AEP],?\s)?\d{5}(?:-\d{4})?\b",
            I,
        ),
        score=0.93,
    ),
    Recogniser(
        type="ADDRESS",
        name="rural route",
        words=(" box ",),
        reach=(20, 20),
        pattern=Lazy(
            r"\b(?:RR|R\.R\.|HC|rural route)\s?#?\d{1,4},?\s(?:P\.?O\.?\s)?Box\s\d{1,6}\b", I
        ),
        score=0.9,
    ),
    Recogniser(
        type="ADDRESS",
        name="postal code, named",
        words=(
            "zip",
            "postal",
            "postcode",
            "post code",
            "plz",
            "cep ",
            "cep:",
            "cap ",
            "código postal",
        ),
        reach=(1, 40),
        group=1,
        pattern=Lazy(
            r"\b(?:zip(?: ?codes?)?|postal codes?|post ?codes?|plz|cep|code postal|c[óo]digo postal)(?: (?:is|here is|es|est|é|ist|of)|[:=#])?\s{1,2}(?:the |it's |its )?"
            r"(\d{4,6}(?:-\d{3,4})?|\d{3}\s?\d{3}|\d{5}-\d{3})(?![\w]|[.,]\d)",
            I,
        ),
        score=0.8,
    ),
    Recogniser(
        type="ADDRESS",
        name="in China",
        words=("号", "號"),
        reach=(60, 24),
        group=1,
        pattern=Lazy(
            rf"(?:{_PART}{{0,6}}?{_LED})?((?:{_PART}{{2,8}}?(?:省|市|自治区|区|區|县|縣|镇|鎮|乡|鄉|村)){{0,4}}{_PART}{{1,8}}?(?:大道|路|街|道|巷|弄|胡同)(?:{_PART}段)?\s?\d{{1,5}}(?:号|號)"
            rf"(?:{_PART}{{0,6}}?\d{{1,4}}(?:栋|幢|号楼|单元|室|楼|樓|层)){{0,3}})"
        ),
        score=0.9,
    ),
    Recogniser(
        type="ADDRESS",
        name="in Japan",
        words=("都", "県", "府", "北海道"),
        reach=(12, 60),
        pattern=Lazy(
            r"(?:〒\d{3}-\d{4}\s?)?(?:東京都|北海道|京都府|大阪府|[\u4e00-\u9fff]{2,3}県)[\u3040-\u30ff\u4e00-\u9fff]{1,12}?[市区町村][\u3040-\u30ff\u4e00-\u9fff]{0,12}\s?\d{1,3}(?:丁目\d{0,3}|番地?|-\d{1,3}){0,3}(?:\d{1,3}号)?"
        ),
        score=0.9,
    ),
    Recogniser(
        type="ADDRESS",
        name="in Korea",
        words=("로 ", "길 "),
        reach=(40, 40),
        pattern=Lazy(
            r"(?<![가-힣])(?:[가-힣]{1,6}(?:특별시|광역시|도|시)\s)?(?:[가-힣]{1,5}(?:구|군|시)\s)?[가-힣0-9]{1,10}(?:로|길|대로)\s\d{1,4}(?:-\d{1,3})?(?:번길\s?\d{1,3})?(?![\d명시개월일분원])(?:,?\s\d{1,4}동\s?\d{1,4}호)?"
        ),
        score=0.84,
    ),
)
