"""Many uploads at once to a server in a process of its own: `python -m tests.serve.crowd [SIDE] [COUNT]` prints its memory.

With the largest photos that Pillow takes, some wait in vain and get the status 503.
"""

import http.client
import io
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

from PIL import Image

SERVING = """
import sys
import fastcam
from fastcam.serve import Server
with Server(fastcam.load(sys.argv[1], preprocess="imagenet")) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def serving(model: Path):
    """Yield the process, and its port."""
    command = [sys.executable, "-c", SERVING, str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])
        process.communicate()


def most_memory(process) -> float:
    """Return the peak of a process's memory in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def plain(mode: str, side: int) -> bytes:
    """Return a PNG file of one colour, which is small."""
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, "PNG")
    return file.getvalue()


def send(port: int, photo: bytes, count: int) -> Counter[int]:
    """Return the count of each status of `count` uploads at once."""
    statuses: Counter[int] = Counter()

    def upload():
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
            connection.request("POST", "/photo", photo)
            statuses[connection.getresponse().status] += 1

    threads = [threading.Thread(target=upload) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def main(side: int = 9400, count: int = 64) -> None:
    """Print the memory for each mode of photos."""
    from tests.conftest import shared_folder

    Image.MAX_IMAGE_PIXELS = None  # here, not in the server
    for mode in ("RGB", "RGBA", "LA", "I;16"):
        photo = plain(mode, side)
        with serving(shared_folder() / "models" / "cifar10_resnet20.onnx") as (process, port):
            before = most_memory(process)
            send(port, photo, 1)
            one = most_memory(process)
            statuses = send(port, photo, count)
            sys.stdout.write(
                f"{mode:4} {side}×{side}, {len(photo) / 1000:.0f} kB: {before:.0f} MB before, {one:.0f} MB for one, "
                f"{most_memory(process):.0f} MB for {count} at once, {dict(statuses)}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
