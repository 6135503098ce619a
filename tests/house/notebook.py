"""Notebooks run cell by cell, in one namespace, without Jupyter (39 packages, 120 MB): what counts is what cells show.

`python -m tests.house.notebook` runs the notebooks of examples/ and stores what their cells show in them.
"""

import ast
import base64
import contextlib
import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Bundle = dict[str, Any]  # by MIME type, as a notebook has it


def notebooks() -> list[Path]:
    """Return the notebooks of the examples."""
    return sorted(EXAMPLES.glob("*.ipynb"))


def read(path: Path) -> dict[str, Any]:
    """Return a notebook."""
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells with code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell with code, in Jupyter's form: what is printed, and its last expression."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_outputs("".join(cell["source"]), n + 1, names) for n, cell in enumerate(code_cells(notebook))]


def _outputs(source: str, number: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    tree, value = ast.parse(source), None
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(tree, f"<cell {number}>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"<cell {number}>", "eval"), names)
    text = printed.getvalue()
    outputs: list[dict[str, Any]] = [{"name": "stdout", "output_type": "stream", "text": lines(text)}] if text else []
    if value is not None:
        shown = {"data": shown_by(value), "execution_count": number, "metadata": {}, "output_type": "execute_result"}
        outputs.append(shown)
    return outputs


def shown_by(value: Any) -> Bundle:
    """Return what Jupyter shows of a value."""
    bundle: Bundle = {}
    if hasattr(value, "_repr_html_"):
        bundle["text/html"] = lines(value._repr_html_())
    if hasattr(value, "_repr_jpeg_"):  # Pillow's images, a sixth of their PNG
        bundle["image/jpeg"] = base64.b64encode(value._repr_jpeg_()).decode()
    return bundle | {"text/plain": lines(re.sub(" at 0x[0-9A-F]+", "", repr(value)))}


def lines(text: str) -> list[str]:
    """Return text as the list of lines that notebooks keep it in."""
    return text.splitlines(keepends=True)


def pictures_and_text(outputs: list[dict[str, Any]]) -> tuple[list[np.ndarray], str]:
    """Return the pictures that a cell shows, those of tables as well, and its text without them."""
    found, texts = [], []
    for output in outputs:
        for kind, value in output.get("data", {"text/plain": output.get("text")}).items():
            text = "".join(value)
            if kind == "image/jpeg":
                found.append(_pixels(text))
            else:
                found += [_pixels(one) for one in PICTURE.findall(text)]
                texts.append(PICTURE.sub("", text))
    return found, "\n".join(texts)


def _pixels(encoded: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return np.asarray(picture.convert("RGBA")).astype(int)


def compare(shown: list[dict[str, Any]], stored: list[dict[str, Any]]) -> None:
    """Check that a cell shows what is stored: the same words, numbers to the last digits, and pictures to the eye.

    Another processor may round otherwise, and another FreeType draw letters otherwise.
    """
    assert [sorted(one.get("data", ())) for one in shown] == [sorted(one.get("data", ())) for one in stored]
    (pictures, text), (golden, expected) = pictures_and_text(shown), pictures_and_text(stored)
    assert NUMBER.sub("#", text) == NUMBER.sub("#", expected)
    numbers, wanted = (np.array(NUMBER.findall(one), float) for one in (text, expected))
    np.testing.assert_allclose(numbers, wanted, rtol=0.01, atol=1)
    assert len(pictures) == len(golden)
    for one, other in zip(pictures, golden, strict=True):
        assert one.shape == other.shape
        apart = np.abs(one - other)
        assert apart.mean() < 1
        assert (apart.max(axis=2) > 32).mean() < 0.01


def main() -> None:
    """Store in each notebook what its cells show."""
    for path in notebooks():
        notebook = read(path)
        for number, (cell, outputs) in enumerate(zip(code_cells(notebook), run(notebook), strict=True)):
            cell["execution_count"], cell["outputs"] = number + 1, outputs
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
