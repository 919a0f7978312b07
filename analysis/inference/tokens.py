"""Tokens as text that people can read."""

from __future__ import annotations

import re

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_BYTE_OF_CHARACTER = {character: byte for byte, character in bytes_to_unicode().items()}


def token_text(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    """One token as text: its own characters, or its bytes where it is a part of a character.

    A byte fragment reads `⟨E4 BD⟩` rather than as a replacement character that stands for
    anything. The text is not escaped.
    """
    piece = tokenizer.convert_ids_to_tokens(token_id)
    if not isinstance(piece, str):
        return f"⟨{token_id}⟩"
    if match := _BYTE.fullmatch(piece):
        byte = int(match.group(1), 16)
        return chr(byte) if byte < 0x80 else f"⟨{byte:02X}⟩"
    if "▁" in piece:
        return piece.replace("▁", " ")
    text = str(tokenizer.decode([token_id], clean_up_tokenization_spaces=False))
    if "\ufffd" not in text or not all(character in _BYTE_OF_CHARACTER for character in piece):
        return text
    return "⟨" + " ".join(f"{_BYTE_OF_CHARACTER[character]:02X}" for character in piece) + "⟩"
