"""Headless Chromium, driven over the pipes of its DevTools protocol: no driver and no web socket needed."""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

WAIT = 30  # seconds until a test gives up
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --remote-debugging-pipe --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage --hide-scrollbars "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)

# What it says of a refused photo, and of a server that has ended; all else is a defect of the page.
EXPECTED = re.compile(r"a status of 400|net::ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|CONTENT_LENGTH|SOCKET)")

# Of elements that are seen, the least contrast of a colour of theirs and what lies behind it, as WCAG counts it.
CONTRAST = """(selector, property) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  return Math.min(...[...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()).map((e) => {
    let behind = e;
    while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const a = light(getComputedStyle(e)[property]), b = light(getComputedStyle(behind).backgroundColor);
    return Math.max(a, b) / Math.min(a, b);
  }));
}"""


def find() -> str | None:
    """The path of a browser, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


needed = pytest.mark.skipif(find() is None, reason="no Chromium on this machine: apt-get install chromium")


class Browser:
    """One browser with one page."""

    def __init__(self, path: str, profile: Path) -> None:
        there, self._write = os.pipe()
        self._read, back = os.pipe()
        # It reads from descriptor 3 and writes to 4.
        command = f'exec "$0" {FLAGS} --user-data-dir="$1" about:blank 3<&{there} 4>&{back}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, path, str(profile)],
            pass_fds=(there, back),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        self._number, self._left, self._session = 0, b"", None
        self.messages: list[str] = []  # of the console, and exceptions
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "DOM", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def complaints(self) -> list[str]:
        """Return the pages' errors since the last call; the browser shows an empty page then."""
        self.open("about:blank")
        found = [message for message in self.messages if not EXPECTED.search(message)]
        self.messages.clear()
        return found

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a method of the protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            if answer.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
                self.messages.append(json.dumps(answer["params"]))
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + WAIT
        while b"\0" not in self._left:
            assert select.select([self._read], [], [], max(0, end - time.monotonic()))[0], "the browser doesn't answer"
            data = os.read(self._read, 2**16)
            assert data, "the browser has ended"
            self._left += data
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until it is true."""
        end = time.monotonic() + WAIT
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"waited in vain for {expression}"
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")

    def contrast(self, selector: str, property: str = "color") -> float:
        """The least one of some elements, at least 1 (the same colour), at most 21 (black on white)."""
        return self.evaluate(f"({CONTRAST})({json.dumps(selector)}, {json.dumps(property)})")

    def open(self, url: str, *, width: int = 1280, height: int = 800, dark: bool = False, mobile: bool = False) -> None:
        """Go to a page, in a window of that many CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of an element, after scrolling to it."""
        x, y = self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'nearest'}}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2] }})(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int, text: str = "") -> None:
        """A key, by its name and number."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.call("Input.insertText", text=text)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose files, as the picker of files would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def drop_file(self, path: Path, x: int, y: int) -> None:
        """Drag a file over the page, and let it go there."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def screenshot(self, path: Path) -> None:
        """Return a picture of the window, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """End it."""
        os.close(self._write)
        os.close(self._read)
        self._process.kill()
        self._process.wait()
