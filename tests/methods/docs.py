"""Tables of methods in docs/methods.md, made of the records: `python -m tests.methods.docs` writes them."""

from collections.abc import Iterator
from pathlib import Path

from fastcam.methods import METHODS, ClassWeightMethod, InputMethod, MaskingMethod, Method, WeighingMethod

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
TITLES = {
    "weights of the feature maps A, from the gradient g of the logit": (
        ClassWeightMethod,
        WeighingMethod,
        MaskingMethod,
    ),
    "map": (InputMethod,),
}


def table(title: str, kinds: tuple[type[Method], ...]) -> str:
    """Return the table of all methods of some kinds in Markdown."""
    rows = [f"| `method=` | {title} | |", "| --- | --- | --- |"]
    rows += [f"| `{m.name}` | {m.formula} | {m.paper} |" for m in METHODS.values() if isinstance(m, kinds)]
    return "\n".join(rows) + "\n"


def tables() -> Iterator[str]:
    """Yield every table of the page."""
    for title, kinds in TITLES.items():
        yield table(title, kinds)


def written(page: str) -> str:
    """Return the page with each table made anew."""
    for title, kinds in TITLES.items():
        head = f"| `method=` | {title} | |\n"
        before, after = page.split(head)
        rest = after[after.index("\n\n") + 1 :]
        page = before + table(title, kinds) + rest
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
