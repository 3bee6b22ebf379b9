import pytest

from agent.collect.kafka.properties import LoginModule, parse_jaas, parse_properties
from agent.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("a=1\nb:2\nc 3\nd\te\n", {"a": "1", "b": "2", "c": "3", "d": "e"}),
        ("# a=1\n  ! b=2\n\n \t\nc=3", {"c": "3"}),
        ("a = 1 \r\nb : 2\rc  =  =3", {"a": "1 ", "b": "2", "c": "=3"}),
        ("a=1,\\\n   2,\\\r\n# 3", {"a": "1,2,# 3"}),
        ("a=1\\\\\nb=2\\\\\\\n3", {"a": "1\\", "b": "2\\3"}),
        ("# no \\\na=1", {"a": "1"}),
        ("\\\n# still a comment\na=1", {"a": "1"}),
        ("a\\ b\\=\\:c=x", {"a b=:c": "x"}),
        ("a=\\t\\n\\r\\f\\q\\\\\\u00e9\\uD83D\\uDE00", {"a": "\t\n\r\fq\\é😀"}),
        ("\ufeffa=1\na=2", {"a": "2"}),
        ("a=x\\", {"a": "x"}),
        ("", {}),
    ],
)
def test_reads_what_java_reads(text: str, properties: dict[str, str]) -> None:
    assert parse_properties(text) == properties


def test_a_malformed_escape_names_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^a\.key has a malformed \\u escape"):
        parse_properties("a.key=\\u12x4")


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ('username="u" password="p"', {"username": "u", "password": "p"}),
        (
            "username='u'\n  password=\"it's; = //not a comment\"",
            {"username": "u", "password": "it's; = //not a comment"},
        ),
        (r'username="a\"b" password="\\\101\x\n"', {"username": 'a"b', "password": "\\Ax\n"}),
        (r'username="\400\77z"', {"username": " 0?z"}),
        ('/* here */ username = u-1_$ // and there\n password=""', {"username": "u-1_$", "password": ""}),
        ("", {}),
    ],
)
def test_reads_a_login_module_as_kafka_does(options: str, read: dict[str, str]) -> None:
    assert parse_jaas(f"a.PlainLoginModule required {options};") == LoginModule("a.PlainLoginModule", read)


@pytest.mark.parametrize(
    "value",
    [
        'a.PlainLoginModule required username="u" password="hunter2"',
        'a.PlainLoginModule required username="u" password="hunter2;',
        'a.PlainLoginModule required username="u" password "hunter2";',
        'a.PlainLoginModule required username="u" password=;',
        'a.PlainLoginModule required password="hunter2"; b.ScramLoginModule required;',
        "a.PlainLoginModule;",
        "",
        'a.PlainLoginModule required password="a\nhunter2";',
        "a.PlainLoginModule required hunter2;",
    ],
)
def test_a_broken_login_module_is_told_without_its_password(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^sasl\.jaas\.config .*: write Module required username=") as caught:
        parse_jaas(value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
