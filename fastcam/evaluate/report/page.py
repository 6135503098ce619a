"""The page as a whole: one file that needs nothing beside it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element

from fastcam.evaluate.records import PAGE
from fastcam.evaluate.report.answer import answer
from fastcam.evaluate.report.classes import classes
from fastcam.evaluate.report.curves import curves
from fastcam.evaluate.report.figures import Results
from fastcam.evaluate.report.gallery import Gallery, Picture
from fastcam.evaluate.report.markup import element, html
from fastcam.evaluate.report.schema import check
from fastcam.evaluate.report.tables import figures, problems, setup
from fastcam.evaluate.report.worst import worst_cases
from fastcam.evaluate.results import counted
from fastcam.files import write_whole


def write_report(folder: Path, results: Results, picture: Picture) -> Path:
    """Write `report.html` into a folder: the results of an evaluation for people, in one file.

    It contains its own pictures and needs no network; nothing from the data is taken as markup, and by its policy no
    script but its own runs. The same results and pictures make the same file.

    Parameters
    ----------
    folder
        An existing one. The file is there whole or not at all.
    results
        As `results.json` has them; figures that are missing are None.
    picture
        Gives, for a row and the number of a worst case in `results["worst"]`, that row's overlay of the photo and
        class: (H, W, 3) uint8, RGB, upright, at the photo's own size, since the true boxes are drawn over it here; or
        a text why there is none, which the page shows; or None. It is called once for each row, photo and class.
        `fastcam.overlay(..., label=False)`: the page has labels. See `fastcam.evaluate.Pictures` and, after
        `merge_shards`, `ShardPictures`.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    InputError
        Results of another form, a picture that is none, or a file that can't be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> row = {"model": "m.onnx", "method": "cam", "how": "weights", "intervals": {}, "classes": {}, "curves": {}}
    >>> row["metrics"] = {"PointingGame": {"images": 8, "hits": 5, "accuracy": 0.625}}
    >>> data = {"format": "coco", "path": "photos", "images": 8, "problems": [], "absent_classes": 0}
    >>> results = {"fastcam": "0.1.0", "plan": {"convention": "paper"}, "data": data, "rows": [row], "labels": {}}
    >>> results |= {"models": [], "worst": []}
    >>> with TemporaryDirectory() as folder:
    ...     page = write_report(Path(folder), results, lambda row, case: None).read_text(encoding="utf-8")
    >>> '<data value="0.625">0.625</data>' in page
    True
    """
    check(results)
    page = f"<!doctype html>\n{html(_page(results, picture))}\n"
    path = folder / PAGE
    write_whole(path, page.encode("utf-8", "backslashreplace"))  # names of files may hold what UTF-8 can't
    return path


def _page(results: Results, picture: Picture) -> Element:
    gallery = Gallery(results, picture)
    sections = {
        "Answer": answer(results),
        "Figures": figures(results),
        "Curves": curves(results),
        "Classes": classes(results),
        "Worst cases": worst_cases(results, gallery),
        "Left out": problems(results),
        "Setup": setup(results),
    }
    marks = {title: title.lower().replace(" ", "-") for title in sections}
    links = [element("li", element("a", title, href=f"#{mark}")) for title, mark in marks.items()]
    main = [
        element("section", element("h2", title, id=marks[title]), *made, aria_labelledby=marks[title])
        for title, made in sections.items()
    ]
    style, script = ((files(__package__ or "") / name).read_text("utf-8") for name in ("report.css", "report.js"))
    subject = _subject(results)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{subject} – fastcam"),
        element("style", style),
    )
    body = element(
        "body",
        element("header", element("h1", "Evaluation of class activation maps"), element("p", subject)),
        element("nav", element("ul", *links), aria_label="Contents"),
        element("main", *main),
        gallery.embedded(),
        element("script", script),
    )
    return element("html", head, body, lang="en")


def _subject(results: Results) -> str:
    """Return models, data and convention in a line."""
    models = ", ".join(model["name"] for model in results["models"])
    data, convention = results["data"], results["plan"].get("convention")
    rule = f", convention {convention}" if convention else ""
    return f"{models or 'Models'} on {counted(data['images'], 'image')} ({data['format']}){rule}"


def _policy(style: str, script: str) -> str:
    """Return a policy that allows only the page's own style, script and pictures."""
    own = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    return "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*own)
