"""Scores mean what they say: numbers, languages, code."""

from __future__ import annotations

import pytest

from analysis.benchmark.scoring.numbers import final_number, is_number
from analysis.benchmark.scoring.text_checks import answers_in, identifies, parses
from analysis.common.errors import InputError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("so 12 + 7 = 19. The answer is 19.", 19),
        ("17-5=12", 12),
        ("Son 1,200 euros.", 1200),
        ("3,5 kilos", 3.5),
        ("It is -4", -4),
        ("答案是8。", 8),
        ("none", None),
        ("It is 3.5.", 3.5),
        ("12,000,000.25", 12_000_000.25),
        ("17−20 = −3", -3),
    ],
)
def test_the_final_number_is_found(text: str, number: float | None) -> None:
    assert final_number(text) == number
    assert is_number(text, 19) == (number == 19)


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("es", "Son 1.200 euros.", 1200),
        ("es", "Son 1.200,50 euros.", 1200.5),
        ("es", "3,5 kilos", 3.5),
        ("es", "3.5 kilos", 3.5),
        ("es", "12.000.000", 12_000_000),
        ("de", "1.200", 1200),
        ("ru", "Всего 1 200 рублей.", 1200),
        ("ru", "Всего 1\u00a0200,5 рублей.", 1200.5),
        ("ru", "1\u202f200\u202f000", 1_200_000),
        ("ru", "в классах 5 и 12 детей", 12),
        ("fr", "10 300", 10_300),
        ("zh", "一共1,200元。", 1200),
        ("zh", "3.5公斤", 3.5),
        ("en", "1.200 is read as in English", 1.2),
        ("es", "12 + 30 = 42", 42),
        ("es", "La respuesta es 8.", 8),
        ("es", "0.125 litros", 0.125),
        ("es", "0,125 litros", 0.125),
        ("es", "Son 1,200.50 euros.", 1200.5),
        ("es", "Son 1,200,000 euros.", 1_200_000),
        ("es", "En 2024 300 personas", 300),
        ("es", "de -3 a −1.200", -1200),
        ("ru", "2\u2009024 руб. и 1 200", 1200),
        ("ru", "в 2024 1 200 рублей", 1200),
        ("pt", "12 345,6", 12_345.6),
        ("it", "1200", 1200),
        ("en", "In 2024 300 people", 300),
        ("en", "There are 5 300", 5300),
        ("en", "It costs 10 000.", 10_000),
        ("en", "10\u2009000", 10_000),
        ("en", "10\u00a0000.5", 10_000.5),
        ("en", "a group of 2024 300", 300),
        ("en", "It costs 5'000 or 1'000'000.", 1_000_000),
        ("de", "Das sind 5\u2019000,50 Franken.", 5000.5),
        ("es", "5'000", 5000),
        ("es", "10 000", 10_000),
        ("ru", "10 000", 10_000),
        ("zh", "10 000", 10_000),
        ("en", "1\u202f200 metres", 1200),
        ("en", "1.200,50", 1200.5),
        ("en", "1.200.000", 1_200_000),
        ("en", "0,125", 0.125),
        ("en", "1,2,3", 3),
        ("zh", "１２００", 1200),
        ("pl", "To 1.200,5 zł", 1200.5),
        ("nl", "1.200", 1200),
        ("sw", "1,200", 1200),
        ("es-AR", "1.200", 1200),
        ("es-MX", "1,200", 1200),
        ("es-MX", "3.125", 3.125),
        ("de_CH", "1.200", 1.2),
        ("pt-BR", "R$ 1.200", 1200),
        ("ar", "٢٥", 25),
    ],
)
def test_numbers_are_read_as_the_language_writes_them(
    language: str, text: str, number: float
) -> None:
    assert final_number(text, language) == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("x = 1", True),
        ("```python\nx = 1\n```\nThis sets x.", True),
        ("def f(:", False),
        ("tac file | awk '{print;exit}'", False),
        ("", False),
        ("'\\d' if", False),
    ],
)
def test_python_is_told_from_other_text(text: str, right: bool) -> None:
    assert parses(text) is right


def test_languages_are_told_apart() -> None:
    texts = {
        "es": "Elena tiene 17 libros y compra 20 más, así tiene 17 + 20 = 37 libros.",
        "en": "Elena had 17 books and bought 20 more, so 17 + 20 = 37. The answer is 37.",
        "ru": "У Маши было пять яблок.",
        "zh": "小明有3个苹果。",
    }
    for language in texts:
        for own, text in texts.items():
            assert answers_in(language)(text) == (own == language), (language, text)
    assert not answers_in("es")("17 + 20 = 37")
    assert not answers_in("es")("Elena tiene 17 libros y compra 20 más, so 37. The answer is 37.")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "María tiene 3 manzanas y compra 5 más, so 3 + 5 = 8."),
        ("es", "Elena tiene 17 libros. So 17 + 20 = 37."),
        ("es", "Faltan 37 firmas.\nAnswer: 37"),
        ("es", "8 apples."),
        ("ru", "У Маши было 3 яблока, so 3 + 5 = 8."),
        ("ru", "Осталось 8 apples."),
        ("zh", "申请,need 37个"),
        ("zh", "小明有8个apples。"),
        ("zh", "还差37个签名。Answer: 37"),
        ("de", "Es fehlen noch 37 Unterschriften, and 7 sind da."),
        ("fr", "Il manque 37 signatures, so 44 - 7 = 37."),
    ],
)
def test_one_english_word_is_enough_to_refuse(language: str, text: str) -> None:
    assert not answers_in(language)(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "Faltan 37 firmas."),
        ("es", "Son 12 euros."),
        ("es", "37 firmas"),
        ("es", "Son 8."),
        ("es", "El vuelo a New York cuesta 300 euros."),
        ("es", "Has ganado 8 puntos: no me falta nada, he visto que son 8."),
        ("es", "Escuchan 3 discos de los Beatles y 2 de Simon and Garfunkel."),
        ("ru", "Осталось 5."),
        ("ru", "Нужно 100 mg кальция."),
        ("ru", "Это ген BRCA1, а pH равен 7."),
        ("zh", "还差37个签名。"),
        ("zh", "一共8kg苹果,每天要补充维生素C和DNA。"),
        ("zh", "链接是 https://example.org/the-answer 这里。"),
        ("de", "Also hat Anna was sie will, so fehlen noch 37 Unterschriften."),
        ("fr", "Or il ne manque que 37 signatures."),
    ],
)
def test_short_right_sentences_names_and_units_are_taken(language: str, text: str) -> None:
    assert answers_in(language)(text)


@pytest.mark.parametrize(
    "text",
    ["Faltam 37 assinaturas.", "Il manque 37 signatures.", "37 = 37", "x = 8", "残り5個です。"],
)
def test_a_short_answer_in_another_language_is_refused(text: str) -> None:
    assert not answers_in("es")(text)


def test_a_language_beside_the_usual_ones_is_told_apart() -> None:
    assert identifies("sv") and not identifies("xx")
    with pytest.raises(InputError, match="Language is 'xx'"):
        answers_in("xx")
    in_swedish = answers_in("sv")
    assert in_swedish("Hon har fem äpplen och köper tre till.")
    assert not in_swedish("She has five apples and buys three more.")
