"""Words that announce a value, in the languages customers write.

Each is an alternation for an expression that ignores case; `SAID` are lower-case pieces of them, by
which a text without any is passed over quickly.
"""

PHONE = (
    r"phone|\banswer|messages? to|\boffice\b|\bcall|\btext(?:ing|ed)?\b|\bcell|mobile|\breach|contact|\btel\b|\btel[:.]"
    r"|number is|\b(?:my|her|his|their|our|best|new|right|same|other|contact|direct) number\b|whatsapp|\bfax|\bring\b|\bdial|landline|hotline|\bsms\b|\bregistered\b|\bph\b|\bmob\b|\bfone\b"
    r"|tel[eé]f|m[oó]vil|celular|\bcel\b|ll[aá]m|escr[ií]b|n[uú]mero\b|cont[aá]ct|handy|rufnummer|nummer\b|anruf|erreich"
    r"|num[eé]ro\b|portable|appel|\bt[ée]l\b|ligar|ligue|telem[oó]ve|cellulare|chiam|\bbel(?:len)?\b|bereik|numer\b|zadzwo|kom[oó]rk"
    r"|s[oố] ?[dđ]i[eệ]n tho[aạ]i|\bs[dđ]t\b|\b[đd]t\b|telepon|nomor|\bhp\b|телефон|тел\.|номер|звон|позвон|नंबर|फ़ोन|फोन|मोबाइल"
    r"|手机|手機|电话|電話|拨打|撥打|请打|联系|聯繫|連絡|携帯|연락처|전화|휴대폰|핸드폰|هاتف|رقم|جوال|موبايل|טלפון|נייד"
)
PHONE_SAID = (
    "phone",
    "call",
    "text",
    "cell",
    "mobil",
    "reach",
    "contact",
    "tel",
    "number",
    "whatsapp",
    "fax",
    "ring",
    "dial",
    "landline",
    "hotline",
    "sms",
    "answer",
    "message",
    "office",
    "regist",
    "ph",
    "mob",
    "fone",
    "móvil",
    "cel",
    "llam",
    "llám",
    "escr",
    "numero",
    "número",
    "contá",
    "handy",
    "nummer",
    "anruf",
    "erreich",
    "numéro",
    "portable",
    "appel",
    "tél",
    "liga",
    "ligue",
    "chiam",
    "bel",
    "bereik",
    "numer",
    "zadzwo",
    "komó",
    "komo",
    "điện",
    "dien",
    "sđt",
    "sdt",
    "đt",
    "telepon",
    "nomor",
    "hp",
    "телефон",
    "тел.",
    "номер",
    "звон",
    "नंबर",
    "फ़ोन",
    "फोन",
    "मोबाइल",
    "手机",
    "手機",
    "电话",
    "電話",
    "打",
    "联系",
    "聯繫",
    "連絡",
    "携帯",
    "연락처",
    "전화",
    "휴대폰",
    "핸드폰",
    "هاتف",
    "رقم",
    "جوال",
    "موبايل",
    "טלפון",
    "נייד",
)
# what a number is that is nobody's
REFERENCE = (
    r"\b(?:orders?|bookings?|confirmation|reservations?|reference|ref|tracking|invoices?|tickets?|flight|ride|case|item|model|part|room|"
    r"table|id|ids|sku|batch|shard|bytes?|port|ports|seq|sequence|serial|build|version|page|line|row|seed|offset|latency|took|size|count|"
    r"epoch|timestamp|ts|millis|ms|event|session|trace|span|job|task|pid|uid|score|points?|balance|limit|quantity|qty|bestell\w*|"
    r"auftrag\w*|rechnung\w*|commande|facture|pedido|factura|encomenda|fatura|ordine|fattura|bestelling|factuur|zam[oó]wieni\w*|"
    r"faktur\w*|đơn hàng|pesanan|siparis|sipariş)\b(?! is your)|заказ|счет|ऑर्डर|订单|訂單|注文|주문|طلب"
)
# what follows a number that counts something
UNITS = (
    r"^ ?(?:points?|bytes?|[kmgt]b\b|ms\b|seconds?|secs?|minutes?|miles?|km\b|kilometers?|steps|views|people|guests|users|rows|dollars|"
    r"euros?|pounds|usd|eur|gbp|rupees|pesos|yen|won|dong|đồng|đ\b|%|/u?l\b|iu\b|ng\b|mg\b|kg\b|ml\b|credits?|tokens?|items?|units?)"
)
BORN = (
    r"\bborn\b|\bbirth|\bd\.?o\.?b\b|\bb-?day\b|nacimiento|nac[ií]\b|\bnacid|cumplea|naissance|\bn[ée]e? le|geboren|geburt|\bgeb\.|"
    r"nascimento|\bnasci\b|nascid|nascita|\bnato il|\bnata il|geboorte|urodz|ngày sinh|sinh ngày|tanggal lahir|doğum|рождения|родил|"
    r"जन्म|出生|生日|生年月日|생년월일|الميلاد"
)
BORN_SAID = (
    "born",
    "birth",
    "dob",
    "d.o",
    "do.b",
    "b-day",
    "bday",
    "nacimiento",
    "nací",
    "naci",
    "nacid",
    "cumplea",
    "naissance",
    "né le",
    "née le",
    "ne le",
    "geb",
    "nascimento",
    "nasci",
    "nascita",
    "nato il",
    "nata il",
    "urodz",
    "sinh",
    "lahir",
    "doğum",
    "рожд",
    "родил",
    "जन्म",
    "出生",
    "生日",
    "生年月日",
    "생년월일",
    "الميلاد",
)
# other dates, which end the reach of a cue for a birth date
OTHER_DATE = (
    r"\b(?:created|updated|starts?|started|ends?|expir\w*|due|check[- ]?(?:in|out)|arriv\w*|depart\w*|valid|issued|sale|policy|founded|"
    r"since|until|booked|booking|reserv\w*|appointment|event|party|delivery|deliver|today|deadline|ship\w*|order\w*|paid|invoice)\b"
)
MONTHS = (
    r"(?:jan|feb|mar|mär|apr|may|mai|maj|jun|jul|aug|sep|oct|okt|nov|dec|dez|ene|abr|ago|dic|fév|avr|juin|juil|aoû|déc|gen|mag|giu|lug|set|ott|"
    r"out|fev|mei|mrt|sty|lut|kwi|cze|lip|sie|wrz|paź|lis|gru)[a-zà-ÿ]{0,8}"
)
PIN = (
    r"\bpins?\b|\bpin ?code|passcode|\bcvv2?\b|\bcvc2?\b|security code|verification code|one[- ]time|\botp\b|\b(?:texted|sent|emailed|messaged) you "
    r"(?:a|the) (?:\w{1,12} )?code|\b(?:read|tell|give) me the code|\bcode (?:i|we) (?:just )?(?:sent|texted)|clave de seguridad|c[oó]digo de "
    r"(?:seguridad|verificaci[oó]n|acceso)|\bclave\b|geheimzahl|sicherheitscode|best[aä]tigungscode|code (?:secret|de v[eé]rification|"
    r"de s[eé]curit[eé]|confidentiel)|c[oó]digo de (?:segurança|verifica[cç][aã]o)|\bsenha\b|codice (?:di )?(?:sicurezza|verifica|segreto)|"
    r"beveiligingscode|verificatiecode|kod (?:pin|weryfikacyjny)|mã (?:pin|otp|xác)|пин|код подтверждения|验证码|驗證碼|密码|暗証番号|인증번호|비밀번호"
)
PIN_SAID = (
    "pin",
    "passcode",
    "cvv",
    "cvc",
    "security code",
    "verification code",
    "one-time",
    "one time",
    "otp",
    "code",
    "clave",
    "código",
    "codigo",
    "geheimzahl",
    "senha",
    "codice",
    "kod ",
    "mã ",
    "пин",
    "код",
    "验证码",
    "驗證碼",
    "密码",
    "暗証番号",
    "인증번호",
    "비밀번호",
)
ACCESS = (
    r"\b(?:gate|door|alarm|lock ?box|entry|entrance|garage|buzzer|building|keypad|access|wi-?fi|safe|locker|intercom)(?:'s)? "
    r"?(?:key ?)?(?:code|pin|combo|combination|password|passcode)s?\b|\bcode (?:for|to|of) the (?:gate|door|alarm|lock ?box|garage|building|"
    r"keypad|safe|front|back|side)|\b(?:punch|key) in\b"
)
PASSPORT = (
    r"\bpass?port|pasaporte|passeport|reisepass|passaport|paspoort|paszport|pasaport|hộ chiếu|паспорт|护照|護照|パスポート|여권|\bpass (?:no|number|"
    r"nr)|\b(?:uk|us|eu|german|french|indian) pass\b"
)
PASSPORT_SAID = (
    "passport",
    "pasport",
    "pasaporte",
    "passeport",
    "reisepass",
    "passaport",
    "paspoort",
    "paszport",
    "pasaport",
    "hộ chiếu",
    "паспорт",
    "护照",
    "護照",
    "パスポート",
    "여권",
    " pass ",
)
PASSWORD = (
    r"pass ?word|passcode|passphrase|passwd|pwd|contrase[nñ]a|mot de passe|passwort|kennwort|senha|palavra[- ]passe|wachtwoord|has[lł]o|mật khẩu|"
    r"kata sandi|şifre|пароль|密码|密碼|パスワード|비밀번호"
)
IS = r"(?:is|was|will be|should be|to|es|est|lautet|ist|[ée]|era|jest|to|là|adalah|是|は|为)"
