"""Other spellings of an id, to find out why a label matches no prediction."""

from pipelines.rules.use_case.spellings import BLANK, LONGEST_ID, whole_digits

LONGEST_PADDED = 12  # digits up to which leading zeros are added
POINT = ".0"


def id_variants(id_: str) -> list[str]:
    """Return other spellings of an id, the likeliest first.

    They differ in blanks around it, in case, in a trailing `.0`, or in leading zeros.
    """
    core = id_.strip(BLANK)
    forms = [core, whole_digits(core), *_with_point(core)]
    for form in (core, whole_digits(core)):
        forms += _other_zeros(form)
    spellings = [spelling for form in forms for spelling in (form, form.lower(), form.upper())]
    valid = [spelling for spelling in spellings if 0 < len(spelling) <= LONGEST_ID]
    return [spelling for spelling in dict.fromkeys(valid) if spelling != id_]


def difference(id_: str, other: str) -> str:
    """Name what two spellings of an id differ in."""
    core = id_.strip(BLANK)
    others_core = other.strip(BLANK)
    if core == others_core:
        return "blanks"
    if core.lower() == others_core.lower():
        return "case"
    if _is_digits(core) and _is_digits(others_core):
        return "leading zeros"
    return f"a trailing {POINT}"


def _with_point(text: str) -> list[str]:
    return [text + POINT] if _is_digits(text) else []


def _other_zeros(text: str) -> list[str]:
    if not _is_digits(text):
        return []
    bare = text.lstrip("0") or "0"
    return [bare, *(bare.zfill(width) for width in range(len(bare) + 1, LONGEST_PADDED + 1))]


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
