"""Text in any script: what the bundled font has, what is looked for on the machine, and what is said if none has it."""

import os
import unicodedata
import warnings

import numpy as np
import pytest
from PIL import features

import fastcam
from fastcam import InputError
from fastcam.errors import FontWarning
from fastcam.export import fonts, text
from fastcam.export.fonts import BUNDLED, Face, covers, find_face, given_face
from fastcam.export.text import can_draw, runs_of, sign
from tests.export.fonts import write_font
from tests.model.models import red_finder

CACHES = (find_face, fonts._faces_in_folders, runs_of, text._cached_sign)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose only fonts are those that a test writes into this folder, without fontconfig."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("HOME", "USERPROFILE", "WINDIR", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "shared"))
    monkeypatch.setattr(fonts, "MACOS", ())
    for cache in CACHES:
        cache.cache_clear()
    yield tmp_path / "data" / "fonts"
    for cache in CACHES:
        cache.cache_clear()


def drawn(name, score="", **options):
    return sign(name, score, 24, (2000, 200), **options)


def width(name, **options):
    return drawn(name, **options).shape[1]


# ---- the bundled font ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last"), [(0x20, 0x24F), (0x370, 0x3FF), (0x400, 0x525), (0x1E00, 0x1EF9), (0x1F00, 0x1FFF)]
)
def test_latin_greek_and_cyrillic_letters_are_always_drawn(first, last):
    letters = [chr(k) for k in range(first, last + 1) if unicodedata.category(chr(k))[0] in "LNPS"]
    assert not [one for one in letters if not covers(BUNDLED, one)]
    assert not covers(BUNDLED, "字")


@pytest.mark.parametrize(
    "name", ["piñata", "smörgåsbord", "žluťoučký kůň", "cá chép Việt", "Ελληνικός σκύλος", "кошка", "5 €"]
)
def test_names_of_these_letters_need_no_font_of_the_machine(machine, name):
    assert {run.face for run in runs_of(name)} == {BUNDLED}
    assert fonts.lacking(BUNDLED, name) == ""


def test_letters_and_marks_are_composed():
    np.testing.assert_array_equal(drawn("pin\u0303ata"), drawn("piñata"))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("a\nb\tc", "a b c"),
        ("\u202etac\u202c", "tac"),  # turns of direction would reverse the score
        ("a\x00b\x1b[31m", "ab[31m"),
        ("\ud800x", "x"),
        ("  spaces  ", "spaces"),
    ],
)
def test_what_can_not_be_drawn_is_left_out(name, same):
    np.testing.assert_array_equal(drawn(name), drawn(same))


# ---- the machine's fonts ---------------------------------------------------------------------------------------------


def test_another_script_is_drawn_with_the_font_of_the_machine_that_has_it(machine):
    write_font(machine / "deeper" / "Other-Regular.ttf", "字")
    wanted = write_font(machine / "Wanted-Regular.ttf", "कखग")
    write_font(machine / "Wanted-BoldItalic.ttf", "कखग")
    (machine / "broken.ttf").write_bytes(b"no font")
    write_font(machine / "LastResort.ttf", "कखगฮ字")
    assert [run.face.path for run in runs_of("खग")] == [str(wanted)]
    assert [run.text for run in runs_of("cat खग 字")] == ["cat ", "खग", " ", "字"]
    assert can_draw("खग")
    assert len({drawn(one).tobytes() for one in "कखग"}) == 3


def test_one_font_draws_a_whole_name_if_one_has_all_of_it(machine):
    wanted = write_font(machine / "Both.ttf", "abc字")
    assert [(run.face.path, run.text) for run in runs_of("ab 字")] == [(str(wanted), "ab 字")]


def test_without_a_font_boxes_are_drawn_and_a_warning_names_script_and_hint(machine):
    machine.mkdir(parents=True)
    for name, script in (
        ("中国", "Chinese"),
        ("ไทย", "Thai"),
        ("한국", "Hangul"),
        ("cat 🐶", "emoji"),
        ("हिन्दी", "Devanagari"),
    ):
        message = (
            rf"label: no font has .* \({script}\), so boxes or the number of the class are drawn. Install one, .* font="
        )
        with pytest.warns(FontWarning, match=message):
            drawn(name)
    with pytest.warns(FontWarning):
        assert not can_draw("国中")
    with pytest.warns(FontWarning):
        assert can_draw("cat 中国")


def test_a_name_of_boxes_is_replaced_by_its_number(machine):
    model = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch", labels=["红色", "green"])
    photo = np.full((64, 96, 3), 90, np.uint8)
    explanation = model.explain(photo, class_index=0)
    with pytest.warns(FontWarning, match="Chinese"):
        got = fastcam.overlay(photo, explanation)
    nameless = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch")
    np.testing.assert_array_equal(got, fastcam.overlay(photo, nameless.explain(photo, class_index=0)))


def test_a_font_that_is_given_goes_first(machine, tmp_path):
    mine = write_font(tmp_path / "mine.ttf", "ab字")
    assert [run.face.path for run in runs_of("ab", given_face(mine))] == [str(mine)]
    assert width("ab", font=mine) != width("ab")
    assert [run.text for run in runs_of("abc字", given_face(mine))] == ["ab", "c", "字"]
    model = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch", labels=["字", "green"])
    photo = np.full((64, 96, 3), 90, np.uint8)
    explanation = model.explain(photo, class_index=0)
    assert fastcam.overlay(photo, explanation, font=mine).shape == photo.shape
    assert fastcam.show(photo, explanation, font=str(mine)).width > 300


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, r"font: expected the path of a font \(.ttf, .otf, .ttc, .otc\); got .*, which is no file"),
        (b"", "font: expected a font that FreeType can read .*; got "),
        (b"OTTO" + bytes(400), "font: expected a font that FreeType can read"),
    ],
)
def test_fonts_that_are_refused(tmp_path, content, match):
    if content is not None:
        (tmp_path / "font.ttf").write_bytes(content)
    for font in (tmp_path / "font.ttf", str(tmp_path / "font.ttf")):
        with pytest.raises(InputError, match=match):
            fastcam.overlay(np.zeros((9, 9, 3), np.uint8), [[1.0]], font=font)
    with pytest.raises(InputError, match="got 7, which is no file"):
        given_face(7)  # pyright: ignore[reportArgumentType]


def test_a_long_search_is_bounded(machine, monkeypatch):
    for k in range(5):
        write_font(machine / f"font{k}.ttf", "a")
    monkeypatch.setattr(fonts, "MOST_FILES", 3)
    assert [face.path for face in fonts._faces_in_folders()] == [str(machine / f"font{k}.ttf") for k in range(3)]
    assert find_face("字") is None


@pytest.mark.skipif(os.name == "nt", reason="a program as a script of the shell")
def test_fontconfig_is_asked_where_it_is(tmp_path, monkeypatch, machine):
    wanted = write_font(tmp_path / "elsewhere" / "found.ttf", "字")
    program = tmp_path / "bin" / "fc-list"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" > "{tmp_path}/asked"\nprintf "{wanted}\\t65536\\nno line\\n{wanted}.pcf\\t0\\n"\n'
    )
    program.chmod(0o755)
    assert find_face("字") == Face(str(wanted), 0)
    assert (tmp_path / "asked").read_text().split()[-1] == ":charset=5b57"
    program.write_text("#!/bin/sh\nexit 1\n")
    find_face.cache_clear()
    assert find_face("字") is None


def test_import_looks_for_nothing(monkeypatch):
    assert "subprocess" in vars(fonts)
    monkeypatch.setattr(fonts.subprocess, "run", lambda *_, **__: pytest.fail("fontconfig was asked"))
    assert runs_of("latin ñ")


# ---- scripts, where this machine has fonts for them ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["中国的熊猫", "قطة", "हिन्दी", "แมว", "한국어", "🐶"])
def test_scripts_for_which_this_machine_has_a_font(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FontWarning)
        runs = runs_of(name)
        if not can_draw(name):
            pytest.skip("no font for it on this machine")
    assert len(runs) == 1
    assert not fonts.lacking(runs[0].face, name[0])
    assert drawn(name).max() == 255


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow without Raqm doesn't shape")
def test_arabic_letters_are_joined():
    face = find_face("قطة")
    if face is None:
        pytest.skip("no font with Arabic letters on this machine")
    assert text.width_of(text.Run(face, "قطة"), 40) < sum(text.width_of(text.Run(face, one), 40) for one in "قطة")


def test_without_raqm_a_warning_says_so(machine, monkeypatch):
    write_font(machine / "arabic.ttf", "قطة")
    monkeypatch.setattr(features, "check", lambda _: False)
    with pytest.warns(FontWarning, match="label: letters of Arabic aren't joined and ordered: Pillow has no Raqm here"):
        runs_of("قطة")


# ---- shortening ------------------------------------------------------------------------------------------------------


def test_names_are_shortened_and_scores_kept():
    whole = sign("Old English sheepdog, bobtail", "93.1 %", 24, (2000, 200))
    short = sign("Old English sheepdog, bobtail", "93.1 %", 24, (250, 200))
    assert 200 < short.shape[1] <= 250 < whole.shape[1]
    score = sign("", "93.1 %", 24, (2000, 200), margin=0)
    assert (short[..., 0] > 128)[:, -score.shape[1] :].sum() == pytest.approx((score[..., 0] > 128).sum(), rel=0.2)
    np.testing.assert_array_equal(sign("a name", "93.1 %", 24, (80, 200)), sign("", "93.1 %", 24, (80, 200)))
    assert sign("x" * 10**7, "1 %", 24, (250, 200)).shape[1] <= 250


def test_pictures_and_marks_are_not_cut_apart():
    pieces = text.clusters("नि👩\u200d🚀👍🏽🇳🇵🇩🇪é")
    assert pieces == ["नि", "👩\u200d🚀", "👍🏽", "🇳🇵", "🇩🇪", "é"]
