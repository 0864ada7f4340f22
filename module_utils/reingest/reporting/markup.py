"""HTML and SVG made of plain texts: the one place that escapes, and that bounds how long a text gets."""

from __future__ import annotations

import html

from ..disclosure.printable import printable, printable_text

_LONGEST = 400  # characters of a text
_ALONE = ("meta", "rect", "line")


class Markup(str):
    """A text that is markup already: made here, and of nothing else than what was escaped here."""

    __slots__ = ()


def text(value: object, *, most: int = _LONGEST, lines: bool = False) -> Markup:
    """Return any value as a text that has no effect in a page; a long one is cut, and says so.

    Args:
        value: what is shown; it may come from anybody.
        most: how many characters are shown.
        lines: whether its lines stay lines.
    """
    if isinstance(value, Markup):
        return value
    whole = str(value)
    shown = (printable_text if lines else printable)(whole[:most])
    left = len(whole) - most
    return Markup(html.escape(shown + (f" ... ({left:,} more characters)" if left > 0 else "")))


def join(*parts: object) -> Markup:
    """Return parts behind each other; what is no markup is escaped, None is left out."""
    return Markup("".join(text(part) for part in parts if part is not None))


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: the element's; one of ours.
        inside: what is in it, as for ``join``.
        attributes: by their names; ``_`` stands for ``-``, and one at the end is left out (``class_``). None
            is left out.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _ALONE:
        return Markup(f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{join(*inside)}</{name}>")


def table(caption: str, head: tuple[str, ...], rows: list[list[object]], *, left: int = 1) -> Markup:
    """Return a table that scrolls where it is too wide, with its caption and the heads of its rows.

    Args:
        caption: what it shows.
        head: a name for each column.
        rows: a list of cells each; the first one is the row's head.
        left: how many columns are texts; the others are numbers.
    """
    sides = ["t" if at < left else "n" for at in range(len(head))]
    heads = [tag("th", name, scope="col", class_=side) for name, side in zip(head, sides)]
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row", class_="t"),
            *(tag("td", cell, class_=side) for cell, side in zip(row[1:], sides[1:])),
        )
        for row in rows
    ]
    made = tag(
        "table",
        tag("caption", tag("span", caption)),
        tag("thead", tag("tr", *heads)),
        tag("tbody", join(*body)),
    )
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)
