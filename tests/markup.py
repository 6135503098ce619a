"""HTML as a browser would read it, and stricter: what isn't closed is an error."""

from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Node:
    """An element as a browser would read it."""

    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.children = tag, dict(attributes), []

    def __getitem__(self, name) -> Any:
        return self.attributes.get(name)

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag, **attributes):
        for child in self.children:
            if isinstance(child, Node):
                if child.tag == tag and all(child[name.rstrip("_")] == value for name, value in attributes.items()):
                    yield child
                yield from child.all(tag, **attributes)

    def table(self, caption):
        """Rows of cells."""
        found = [one for one in self.all("table") if next(one.all("caption")).text == caption]
        assert len(found) == 1, f"{len(found)} tables {caption!r}"
        return [[cell for cell in row.children if cell.tag in ("th", "td")] for row in found[0].all("tr")]


class Reader(HTMLParser):
    """Raises where an element isn't closed, or another one is."""

    def __init__(self):
        super().__init__()
        self.root = Node("", ())
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        node = Node(tag, attrs)
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def parse(text):
    """The root of a document's elements."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root]
    return reader.root
