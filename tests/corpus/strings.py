"""Strings that attack: line ends, delimiters of URLs and of every client's file, paths, look-alikes, and length."""

from collections.abc import Iterator

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
SPACES = ["\u00a0", "\u1680", "\u2000", "\u2003", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", " ", "  "]
INVISIBLE = [
    "\u00ad",
    "\u180e",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u200e",
    "\u202a",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ufffe",
]
LOOK_ALIKES = [
    "\u0430",
    "\u0435",
    "\u03bf",
    "\u0131",
    "\u017f",
    "\u212a",
    "\uff0e",
    "\u3002",
    "\uff0f",
    "\u2044",
    "\uff20",
]
LOOK_ALIKES += [
    "\ufe55",
    "\u2024",
    "\u2100",
    "\u2488",
    "\u0660",
    "\uff11",
    "\u00e9",
    "e\u0301",
    "\U0001d41a",
    "\ud800",
    "\udfff",
]
ESCAPES = [
    "%00",
    "%0a",
    "%0A",
    "%0d%0a",
    "%2e",
    "%2e%2e%2f",
    "%2f",
    "%2F",
    "%23",
    "%3f",
    "%40",
    "%5c",
    "%c0%af",
    "%25",
    "%",
]
ESCAPES += [
    "%u002f",
    "%(x)s",
    "%(home)s",
    "${HOME}",
    "$HOME",
    "$(id)",
    "`id`",
    "{{7*7}}",
    "{0}",
    "\\n",
    "\\u000a",
    "\\",
    "&#10;",
]
STEPS = [
    "/",
    "//",
    "/.",
    "/..",
    "/../",
    "../",
    "../../other",
    "/../../other",
    "..;/",
    "./",
    "/simple/../../x",
    "\\..\\",
    "/%2e%2e/",
]
DELIMITERS = [
    "#",
    "?",
    "@",
    ":",
    "&",
    "=",
    ";",
    ",",
    "!",
    "*",
    "+",
    "'",
    '"',
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "|",
    "^",
    "~",
    "{",
    "}",
]
HOSTS = [
    "evil.com/#",
    "x@evil.com:80/",
    "@evil.com",
    ":80",
    ":80@evil.com/",
    "//evil.com",
    "https://evil.com/",
    "evil.com\\@",
]
HOSTS += [
    "127.0.0.1",
    "[::1]",
    "0x7f000001",
    "?x=https://evil.com",
    "#@evil.com/",
    ".evil.com",
    "-python.pkg.dev.evil.com/",
]
LINES = [
    "\nindex-url = https://evil.example/",
    "\rindex-url = https://evil.example/",
    "r\n[install]\nno-deps = true",
    "\r\n[install]\r\nno-deps = true",
    "\n[global]\ntrusted-host = evil.example",
    "]\n[pypi",
    "]\r[pypi]\rpassword = x",
    "\nmachine evil.example login x password y",
    " machine evil.example login x password y",
    "\ndefault login x password y",
    " default",
    "\nmacdef init\nid\n\n",
    '"\nurl = "https://evil.example',
    '"\n[[index]]\nurl = "https://evil.example"\ndefault = true\n#',
    '"""',
    "'''",
    "\n[distutils]\nindex-servers = pypi",
    "\nrepository = https://evil.example/",
    "\n    pypi",
    "\n; comment",
    " ; comment",
    " # comment",
    "\nusername: evil",
    "\x0bindex-url = https://evil.example/",
    "\x1cindex-url = https://evil.example/",
    "\x85index-url = https://evil.example/",
    "\u2028index-url = https://evil.example/",
    "\n- item: true",
    "\n---\nkind: Secret",
    "\n...\n",
    "!!python/object:os.system",
    '","x":"',
    "</script>",
    "\x1b[31m",
    "\r\nX-Header: evil",
    "\r\n\r\nGET / HTTP/1.1",
]
LONG = ["a" * 254, "a" * 1025, "a" * 2**20, "-" * 64, ".", "..", "-", "_", "--", "a.", ".a", "-a", "a-", "A", "\u00c4"]
NAMES = [
    "system:masters",
    "allUsers",
    "allAuthenticatedUsers",
    "*",
    "null",
    "true",
    "~",
    "0",
    "-1",
    "1e9",
    "1h30m",
    "10m\n",
    "nan",
]
PARTS = [*CONTROLS, *SPACES, *INVISIBLE, *LOOK_ALIKES, *ESCAPES, *STEPS, *DELIMITERS, *HOSTS, *LINES, *LONG, *NAMES]


def attacks(good: str) -> Iterator[str]:
    """A valid value of a field with each part before, within and after it, and the part alone."""
    middle = len(good) // 2
    for part in PARTS:
        yield part + good
        yield good + part
        yield good[:middle] + part + good[middle:]
        yield part
