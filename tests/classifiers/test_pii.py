from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.entities.spans import Span, replaced
from classifiers.pii import edit, scrub
from rephrase.readers.settings import StandIns

SETTINGS = StandIns()
EMAIL, IPV4, IPV6, PHONE = "email@example.com", "192.0.2.1", "2001:db8::1", "[phone]"

EMAILS = [
    ("Write to jane.doe@uni-koeln.de.", f"Write to {EMAIL}."),
    ("<a href='mailto:sales+eu@shop.co.uk'>", f"<a href='mailto:{EMAIL}'>"),
    ("联系我们support@abc.com。谢谢", f"联系我们{EMAIL}。谢谢"),
    ("josé@correo.es; o'neil@x.ie", f"{EMAIL}; {EMAIL}"),
    ("(A_B%c@mail.münchen.de)", f"({EMAIL})"),
    ("first@a.com,second@b.org", f"{EMAIL},{EMAIL}"),
    ("'quoted@a.com' \"double@a.com\" -dash@a.com ..dots@a.com", f"'{EMAIL}' \"{EMAIL}\" -{EMAIL} ..{EMAIL}"),
    ("https://a.com/?to=me.too@b.com&x=1", f"https://a.com/?to={EMAIL}&x=1"),
    ("_hidden@site.io\nnext", f"{EMAIL}\nnext"),
]
IPS = [
    ("ping 8.8.8.8 now", f"ping {IPV4} now"),
    ("from 203.0.114.7.", f"from {IPV4}."),
    ("http://93.184.216.34:8080/x", f"http://{IPV4}:8080/x"),
    ("[8.8.4.4, 1.0.0.1]", f"[{IPV4}, {IPV4}]"),
    ("服务器8.8.8.8和2001:4860::1在线", f"服务器{IPV4}和{IPV6}在线"),
    ("8.8.8.0/24", f"{IPV4}/24"),
    ("at 2001:4860:4860::8888, or", f"at {IPV6}, or"),
    ("[2a00:1450:4001:81b:0:0:0:200e]:443", f"[{IPV6}]:443"),
    ("2606:4700:4700:: is", f"{IPV6} is"),
]
PHONES = [
    ("+49 30 901820", PHONE),
    ("+44 (0)20 7946 0958.", f"{PHONE}."),
    ("ring +12125550123!", f"ring {PHONE}!"),
    ("+1 (212) 555-0123", PHONE),
    ("+34 612 345 678, +91-98765-43210", f"{PHONE}, {PHONE}"),
    ("0033 1 23 45 67 89", PHONE),
    ("(212) 555-0123", PHONE),
    ("212-555-0123 or 212.555.0199 or 212 555 0177", f"{PHONE} or {PHONE} or {PHONE}"),
    ("1-800-555-0199 x45", f"{PHONE} x45"),
    ("In 2024 212-555-0123 24 hours", f"In 2024 {PHONE} 24 hours"),
    ("(212)555-0123", PHONE),
    ("020 7946 0958", PHONE),
    ("(020) 7946 0958", PHONE),
    ("01 23 45 67 89", PHONE),
    ("06.12.34.56.78", PHONE),
    ("030/12345678", PHONE),
    ("03-1234-5678\n090-1234-5678", f"{PHONE}\n{PHONE}"),
    ("(030) 123 45 67", PHONE),
    ("00 33 1 23 45 67 89 or 0049 (0)30 901820", f"00 33 1 23 45 67 89 or {PHONE}"),
    ("(11) 98765-4321", PHONE),
    ("(02) 9876 5432", PHONE),
    ("Tel. 912345678", f"Tel. {PHONE}"),
    ("tel:2125550123", f"tel:{PHONE}"),
    ("Call us at 912 34 56 78 today", f"Call us at {PHONE} today"),
    ("Mobile number: 9876543210", f"Mobile number: {PHONE}"),
    ("电话：13812345678", f"电话：{PHONE}"),
    ("Tel.212-555-0123, Phone-212-555-0199", f"Tel.{PHONE}, Phone-{PHONE}"),
    ("https://wa.me/+4915112345678", f"https://wa.me/{PHONE}"),
    ("<212-555-0123>", f"<{PHONE}>"),
    ("请拨打010-12345678或者138-1234-5678联系", f"请拨打{PHONE}或者{PHONE}联系"),
    ("电话: 13812345678", f"电话: {PHONE}"),
]
STAY = [
    "",
    " \n",
    "No personal data here, only words.",
    "@handle and medium.com/@user.name",
    "logo@2x.png and react@18.2.0",
    "email@example.com and you@docs.example.org",
    "user@localhost, a @ b.com, a@b",
    "10.0.0.1 192.168.1.20 172.16.0.3 127.0.0.1 169.254.1.1",
    "192.0.2.7 198.51.100.3 203.0.113.9",
    "255.255.255.0 0.0.0.0 224.0.0.251",
    "v1.2.3.4, version 1.2.3.4, Version: 8.8.8.8, v. 5.6.7.8, § 1.2.3.4, firmware 4.3.2.1",
    "upgraded to 3.22.24.5, since 1.6.0.5, Linux 2.6.8.1, ObjectIdentifier('2.5.29.15')",
    "1.2.3.4.5 and 999.8.8.8 and 08.08.08.08 and a1.2.3.4 and 1.2.3.4b",
    "fe80::1 ::1 fc00::7 2001:db8::5 std::vector dead::beef a::b",
    "at 12:30:45 on 2024:05:06:07",
    "2024-05-06, 06.05.2024, 5/6/2024, 2024-05-06 10.30, 01.02.2024 10.30, 2024-05-06 2024-05-07",
    "20240506123456 and 1234567890 and 0123456789",
    "ISBN 978-3-16-148410-0, ISBN-13: 978 0 306 40615 7, ISBN 0-306-40615-2, ISBN: 0306 40615 2",
    "$1,234,567,890 and 1 234 567 890 and 123 456 789 and 1.234.567.890",
    "€ 212-555-0123 and 212 555 0123 €",
    "0000-0002-1825-0097 and 4111 1111 1111 1111 and 0123 4567 8901 2345",
    "01 02 03 04 05 06 07 08 09 10, 01 02 03 04 05 06",
    "09.00-12.30 14.30 and 09:00 - 17:00 and 08.30-12.00 13.00-17.00",
    "3.14159265358979 and 0.0123 4567 8901 and 0.0123456789",
    "Nature (2019) 12345-12350, vol. 5 (12) 1234-1240, 45(12) 91234-91240",
    "Boston, MA 02110-1301, USA; Monthly 77, 259-264 1970; 48 C.F.R. § 252.227-7014(a)",
    "pages 100-110, 1914-1918, 1939-1945, 555-0123, 123-45-6789",
    "550e8400-e29b-41d4-a716-446655440000 and 0123-4567-8901-abcd",
    "+1,000,000,000 and x+12345678901 and 5+1",
    "2000 2001 2002 2003 2004",
    "a lone \udc80 surrogate and 日本語の文章",
]


@pytest.mark.parametrize(("text", "expected"), EMAILS + IPS + PHONES)
def test_personal_data_gives_way(text, expected):
    around = f"Before it {text} after it"
    assert scrub([text, around], SETTINGS)[0] == [expected, f"Before it {expected} after it"]


@pytest.mark.parametrize("text", STAY)
def test_what_only_looks_like_it_stays(text):
    assert scrub([text], SETTINGS) == ([text], [{}])


def test_replacements_are_counted_by_kind_and_text():
    texts = ["a@b.com, c@d.org, 8.8.8.8, 2001:4860::1", "nothing", "+49 30 901820"]
    assert scrub(texts, SETTINGS)[1] == [{"emails": 2, "ipv4": 1, "ipv6": 1}, {}, {"phones": 1}]


def test_kinds_can_be_left_alone_and_stand_ins_chosen():
    settings = StandIns(emails=None, ipv4="<ip>", phones=r"\1")
    assert scrub(["a@b.com 8.8.8.8 +49 30 901820"], settings)[0] == [r"a@b.com <ip> \1"]


@pytest.mark.parametrize(("text", "_"), EMAILS + IPS + PHONES)
def test_scrubbing_twice_changes_nothing_more(text, _):
    once, _ = scrub([text], SETTINGS)
    assert scrub(once, SETTINGS) == (once, [{}])


@given(st.text(st.sampled_from("019 .-/()+:@abfx\n2") | st.characters(), max_size=80))
def test_what_is_not_replaced_stays_as_it_was(text):
    scrubbed, counts = scrub([text], StandIns(emails="\0", ipv4="\0", ipv6="\0", phones="\0"))
    if "\0" not in text:
        parts = scrubbed[0].split("\0")
        assert len(parts) - 1 == sum(counts[0].values())
        at = 0
        for part in parts:
            at = text.index(part, at) + len(part)


@pytest.mark.parametrize(("text", "_"), EMAILS + IPS + PHONES)
def test_places_are_those_of_the_original_text(text, _):
    text = f"8.8.8.8 wrote {text} to a.b@c.org, {text}, +49 30 901820."
    edited = edit(text, SETTINGS)
    stand_ins = [(span.start, span.end, getattr(SETTINGS, span.kind)) for span in edited.spans()]
    assert replaced(text, stand_ins) == edited.text
    for word in ("wrote", " to "):
        start = edited.text.index(word)
        original = edited.original(Span(start, start + len(word), "person"))
        assert text[original.start : original.end] == word


@pytest.mark.parametrize(
    "unit", ["a", "a.", "1", "1.", "1 ", "0 ", "(", "+", "+1", "01 ", "@", "a@", "a@a.", "2001:", "tel ", "1.1.1.1", "212-"]
)
def test_no_text_takes_quadratic_time(unit):
    text = "x@y 1.1.1.1 :: 012345678 " + unit * (400_000 // len(unit))
    start = time.process_time()
    scrub([text], SETTINGS)
    assert time.process_time() - start < 3
