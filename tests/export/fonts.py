"""Fonts made of a few boxes, and machines that have only those."""

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen


def box(high, wide=600):
    pen = TTGlyphPen(None)
    for k, point in enumerate([(50, 0), (50, high), (wide - 50, high), (wide - 50, 0)]):
        pen.lineTo(point) if k else pen.moveTo(point)
    pen.closePath()
    return pen.glyph()


def write_font(path, characters, name="Boxes"):
    """Write a font that has, besides the box of missing glyphs, one of another height for each character."""
    names = {ord(one): f"glyph{ord(one)}" for one in characters}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf({".notdef": box(700), **{glyph: box(100 + 30 * k) for k, glyph in enumerate(names.values())}})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (600, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path
