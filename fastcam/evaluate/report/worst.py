"""The worst cases of each method, with the overlays of all methods of the same photo side by side."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from fastcam.evaluate.report.figures import Results, class_names, row_titles
from fastcam.evaluate.report.gallery import Gallery
from fastcam.evaluate.report.markup import element, name, number
from fastcam.evaluate.results import file_name, without_folders


def worst_cases(results: Results, gallery: Gallery) -> list[Element]:
    """Return the worst cases of each row, in their order."""
    if not results["worst"]:
        return [element("p", "No worst cases were kept.")]
    note = (
        "The lowest IoU of the box of the true class with a true box. White on black: the method's box. Dashed: the "
        "true boxes. The method whose worst case it is has a frame; IoUs of others stand where it is among their own "
        "worst."
    )
    made = [element("p", note)]
    for row, title in enumerate(row_titles(results)):
        cases = [k for k, case in enumerate(results["worst"]) if case["row"] == row]
        if cases:
            items = [_case(results, gallery, k) for k in cases]
            made.append(element("section", element("h3", title), element("ol", *items, class_="cases")))
    return made


def _case(results: Results, gallery: Gallery, k: int) -> Element:
    rows, titles, case = results["rows"], row_titles(results), results["worst"][k]
    label = class_names(results).get(case["class_index"], f"class {case['class_index']}")
    overlaps = {
        other["row"]: other["iou"]
        for other in results["worst"]
        if (other["id"], other["class_index"]) == (case["id"], case["class_index"])
    }
    model, shown = rows[case["row"]]["model"], []
    own = {other["row"] for other in results["worst"]}  # rows that have worst cases of their own
    for row in range(len(rows)):
        if None not in (model, rows[row]["model"]) and rows[row]["model"] != model:
            continue  # rows without a model are baselines of all models
        picture = gallery.show(row, k, f"{without_folders(case['id'])}, {label}, by {titles[row]}")
        if picture is None and rows[row]["model"] is None:
            continue
        method = rows[row]["method"] if rows[row]["model"] == model else titles[row]
        said = [", IoU ", number(overlaps[row])] if row in overlaps else [", not among its worst"] if row in own else []
        seen = element("p", "No picture.") if picture is None else picture
        shown.append(
            element("figure", seen, element("figcaption", method, *said), class_="own" if row == case["row"] else None)
        )
    no_box = [] if case["box"] else [", no box"]
    title = element("h4", name(label), ", IoU ", number(case["iou"]), *no_box)
    file, known = file_name(case["path"]), without_folders(case["id"])
    where = element("p", name(known), *([": ", name(file)] if file not in known else []), class_="path")
    return element("li", title, where, element("div", *shown, class_="overlays"))
