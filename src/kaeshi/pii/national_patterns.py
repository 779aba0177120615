"""Recognisers of national ids, vehicles, places and accounts with names of their own.

Their own word announces most of them; a shape that nothing else has does without. Shapes are those
of the issuing offices, as python-stdnum and the European Commission's list of tax numbers tell them.
"""

from kaeshi.pii.recogniser import Ascii, I, Recogniser, both, near
from kaeshi.pii.validators import is_chinese_id, is_cpf, is_vin
from kaeshi.pii.vocabulary import many


def _id(
    name: str,
    said: tuple[str, ...],
    cue: str,
    shape: str,
    *,
    digits: int = 4,
    most: int = 20,
    after: int = 6,
) -> Recogniser:
    return Recogniser(
        type="NATIONAL_ID",
        name=name,
        said=said,
        at_least=digits,
        at_most=most,
        reach=(8, after),
        pattern=Ascii(rf"(?<![A-Za-z0-9])(?:{shape})(?![A-Za-z0-9])", I),
        check=near(cue, 60, after=14),
        score=0.96,
    )


# triggered by a number
NATIONAL = (
    _id("dni, nie", ("dni", "nie", "nif"), r"\b(?:dni|nie|nif)\b", r"[XYZ]?\d{7,8}[ -]?[A-Z]"),
    _id(
        "insurance in France",
        ("sociale", "nir", "insee"),
        r"s[ée]curit[ée] sociale|\bnir\b|\binsee\b",
        r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d\d)?",
        digits=6,  # a letter parts those of Corsica
        after=14,
    ),
    _id(
        "tax and identity in Germany",
        ("steuer", "personalausweis", "ausweis", "sozialversicherung"),
        r"steuer-?(?:id|identifikation|nummer)|personalausweis|ausweisnummer|sozialversicherung",
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}|\d{2} ?\d{6} ?[A-Z] ?\d{3}|[CFGHJKLMNPRTVWXYZ0-9]{9,10}",
    ),
    _id(
        "national insurance",
        ("insurance", "nino", "ni "),
        r"\bnational insurance|\bnino\b|\bni (?:number|no|num)\b",
        r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-Z]",
    ),
    _id("nhs", ("nhs",), r"\bnhs\b", r"\d{3}[ -]?\d{3}[ -]?\d{4}", digits=10),
    _id(
        "cpf, cnpj in context",
        ("cpf", "cnpj", " rg "),
        r"\bcpf\b|\bcnpj\b|\brg\b",
        r"\d{3}\.?\d{3}\.?\d{3}[ -]?\d{2}|\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}|\d{2}\.?\d{3}\.?\d{3}-?[\dX]",
    ),
    _id(
        "aadhaar",
        ("aadha", "adhar", "आधार", "uidai"),
        r"aadha+r|adhaar|आधार|uidai",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        digits=12,
    ),
    _id("pan", ("pan", "kyc", "tax"), r"\bpan\b|\bkyc\b|\bincome tax\b", r"[A-Z]{5}\d{4}[A-Z]"),
    _id(
        "bsn, pesel, personnummer",
        (
            "bsn",
            "burgerservice",
            "pesel",
            "personnummer",
            "personnr",
            "cpr",
            "henkil",
            "kimlik",
            "rodné",
            "cnp",
            "oib",
            "egn",
        ),
        r"\bbsn\b|burgerservice|\bpesel\b|person(?:nummer|nr)|\bcpr\b|henkil[oö]tunnus|kimlik|rodn[ée]|\bcnp\b|\boib\b|\begn\b",
        r"\d{6,8}[-+/]?\d{3,5}[A-Z]?|\d{9,13}",
    ),
    _id(
        "sin, tfn, medicare",
        ("sin", "tfn", "tax file", "medicare", "ird"),
        r"\bsin\b|social insurance|\btfn\b|tax file|\bmedicare\b|\bird\b",
        r"\d{3}[ -]?\d{3}[ -]?\d{2,4}|\d{4} ?\d{5} ?\d",
    ),
    _id(
        "tin",
        ("tin", "itin", "ein", "tax id", "employer id"),
        r"\bi?tin\b|\bein\b|\btax id|employer id|taxpayer",
        r"\d{3}-\d{3}-\d{3}(?:-\d{3,5})?|\d{2}-\d{7}|\d{3}-?\d{2}-?\d{4}|\d{9,12}",
    ),
    _id(
        "in Asia",
        (
            "주민",
            "身份证",
            "身份證",
            "マイナンバー",
            "個人番号",
            "nric",
            "fin ",
            "ktp",
            "nik",
            "cccd",
            "cmnd",
            "căn cước",
            "mykad",
        ),
        r"주민|身份[证證]|マイナンバー|個人番号|\bnric\b|\bfin\b|\bktp\b|\bnik\b|\bcccd\b|\bcmnd\b|căn cước|mykad",
        r"\d{6}-?\d{7}|\d{17}[\dX]|\d{4} ?\d{4} ?\d{4}|[STFGM]\d{7}[A-Z]|\d{6}-?\d{2}-?\d{4}|\d{9,16}",
    ),
    _id(
        "named so",
        (
            "national id",
            "identity",
            "id card",
            "id number",
            "id no",
            "citizen",
            "cédula",
            "cedula",
            "carte d'identité",
            "carta d'identità",
            "identificaci",
        ),
        r"\b(?:national|identity|citizen\w*)\b[^\0]{0,12}\b(?:id|card|number|no)\b|\bid (?:card|number|no)\b|\bc[ée]dula\b|"
        r"carte d'identit|carta d'identit|identificaci[oó]n",
        r"[A-Z]{0,3}\d[\dA-Z]{0,2}(?:[ .-]?\d){4,14}[A-Z]?",
        digits=5,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="cpf",
        needs=".",
        at_least=11,
        at_most=11,
        pattern=Ascii(r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)"),
        check=lambda text, a, b: is_cpf(text[a:b]),
        score=0.97,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="resident in Korea",
        needs="-",
        at_least=13,
        at_most=13,
        pattern=Ascii(
            r"(?<![\w-])\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}(?![\w-])"
        ),
        score=0.97,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="resident in China",
        at_least=17,
        reach=(2, 2),
        pattern=Ascii(
            r"(?<!\w)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3,4}[Xx]?(?!\w)"
        ),
        check=lambda text, a, b: is_chinese_id(text[a:b]),
        score=0.985,
    ),
    Recogniser(
        type="COORDINATES",
        name="degrees",
        needs=".",
        at_least=5,
        reach=(4, 24),
        pattern=Ascii(r"(?<![\w.-])-?\d{1,2}\.\d{4,15},\s?-?\d{1,3}\.\d{4,15}(?![\w.])"),
        score=0.9,
    ),
)
# in a word that mixes letters and digits
NATIONAL_GLUED = (
    Recogniser(
        type="NATIONAL_ID",
        name="codice fiscale",
        pattern=Ascii(r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)", I),
        score=0.97,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="curp",
        pattern=Ascii(r"(?<!\w)[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d(?!\w)", I),
        score=0.97,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="rfc",
        pattern=Ascii(
            r"(?<!\w)[A-Z&]{3,4}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[A-Z0-9]{3}(?!\w)"
        ),
        score=0.9,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="pan",
        pattern=Ascii(r"(?<!\w)[A-Z]{3}P[A-Z]\d{4}[A-Z](?!\w)"),
        score=0.9,
    ),
    Recogniser(
        type="NATIONAL_ID",
        name="national insurance",
        pattern=Ascii(
            r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D](?!\w)"
        ),
        score=0.9,
    ),
    Recogniser(
        type="VIN",
        name="check digit",
        pattern=Ascii(r"(?<!\w)[A-HJ-NPR-Z0-9]{17}(?!\w)", I),
        check=lambda text, a, b: is_vin(text[a:b]),
        score=0.96,
    ),
    Recogniser(
        type="VIN",
        name="in context",
        pattern=Ascii(r"(?<!\w)[A-HJ-NPR-Z0-9]{17}(?!\w)", I),
        check=both(near(r"\bvin\b|\bchassis\b|vehicle identification", 40), many(4, 17)),
        score=0.96,
    ),
    Recogniser(
        type="PASSPORT",
        name="letters inside",
        pattern=Ascii(r"(?<!\w)(?=[A-Z0-9]*\d[A-Z0-9]*\d[A-Z0-9]*\d)[A-Z0-9]{7,10}(?!\w)", I),
        check=near(
            r"pass?port|pasaporte|passeport|reisepass|passaport|paspoort|paszport|pasaport|паспорт|护照|パスポート|여권",
            40,
        ),
        score=0.94,
    ),
)
_AREA = (
    r"(?:A[BL]|B[ABDHLNRST]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]|I[GMPV]|JE|K[ATWY]|"
    r"L[ADELNSU]?|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE)"
)
_INWARD = r"\d(?!ND|TH|ST|RD)[ABD-HJLNP-UW-Z]{2}"
_CANADA = r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]"
# from a letter before a digit on: postcodes that name a street or a house
POSTCODES = (
    Recogniser(
        type="ADDRESS",
        name="postcode",
        pattern=Ascii(
            rf"(?<!\w)(?:{_AREA}\d[A-Z\d]?\s?{_INWARD}|{_CANADA}[ -]?\d[ABCEGHJ-NPRSTV-Z]\d)(?!\w)"
        ),
        score=0.8,
    ),
    Recogniser(
        type="ADDRESS",
        name="postcode in small letters",
        pattern=Ascii(
            rf"(?<!\w)(?:{_AREA}\d[A-Z\d]?{_INWARD}|{_CANADA}-?\d[ABCEGHJ-NPRSTV-Z]\d)(?!\w)", I
        ),
        score=0.78,
    ),
    Recogniser(
        type="ADDRESS",
        name="postcode in context",
        pattern=Ascii(
            rf"(?<!\w)(?:{_AREA}\d[A-Z\d]?\s{_INWARD}|{_CANADA}\s\d[ABCEGHJ-NPRSTV-Z]\d)(?!\w)", I
        ),
        check=near(
            r"post ?code|postal|\baddress\b|\blive|\bdeliver|\bstreet\b|\broad\b|\bzip\b", 60
        ),
        score=0.78,
    ),
)
