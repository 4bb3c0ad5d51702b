"""Faces in a terminal: a terminal of this test's own answers as kitty, as one with sixel (iTerm2, foot, xterm) or as neither would."""

from __future__ import annotations

import base64
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios

import numpy as np
from PIL import Image

from tests.processes import LONGEST_SECONDS, Process

DRAW = """
import io
from PIL import Image
from facedb.cli.pictures import draw

def face(colour):
    data = io.BytesIO()
    Image.new("RGB", (192, 192), colour).save(data, "PNG")
    return data.getvalue()

draw([face((200, 30, 30)), face((30, 30, 200))], indent=2)
"""
# The library waits a tenth of a second for an answer, in which a busy machine may not give it.
PATIENT = """
from textual_image import _terminal
read = _terminal.read
_terminal.read = lambda file, length, timeout: read(file, length, 60)
"""
SIXEL, PLAIN = b"\x1b[?62;4;22c", b"\x1b[?62;22c"


def drawn(attributes: bytes, *, kitty: bool = False) -> bytes:
    """What is printed to a terminal of 100 columns, 1000 x 1000 pixels, that says so of itself."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 1000, 1000))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TERM", "NO_COLOR"))}
    process = Process(
        # A terminal of neither kind leaves a question without an answer.
        [sys.executable, "-c", PATIENT + DRAW if kitty or attributes == SIXEL else DRAW],
        stdin=slave,
        stdout=slave,
        stderr=subprocess.STDOUT,
        env=environment | {"TERM": "xterm-256color"},
        start_new_session=True,
        # The library asks the controlling terminal.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    printed = b""
    while select.select([master], [], [], LONGEST_SECONDS)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        printed += part
        asked = re.search(rb"\x1b_G[^\x1b]*i=(\d+)[^\x1b]*a=q|\x1b_Gi=(\d+),[^;]*a=q", part)
        if asked and kitty:
            os.write(master, b"\x1b_Gi=" + (asked[1] or asked[2]) + b";OK\x1b\\")
        if b"\x1b[c" in part:
            os.write(master, attributes)
    assert process.wait() == 0, printed
    os.close(master)
    return printed


def test_kitty_is_sent_the_pixels_of_the_faces() -> None:
    printed = drawn(PLAIN, kitty=True)
    sent = re.findall(rb"\x1b_G[^;\x1b]*f=100[^;\x1b]*;([A-Za-z0-9+/=]+)\x1b\\", printed)
    with Image.open(io.BytesIO(base64.b64decode(b"".join(sent)))) as strip:
        pixels = np.asarray(strip.convert("RGB"))
    height, width = pixels.shape[:2]
    assert pixels[height // 2, width // 4].tolist() == [200, 30, 30]
    assert pixels[height // 2, width - width // 4].tolist() == [30, 30, 200]


def test_sixel_is_a_picture_in_the_two_colours() -> None:
    printed = drawn(SIXEL)
    picture = re.search(rb"\x1bP[\d;]*q(.*?)\x1b\\", printed, re.DOTALL)
    assert picture is not None
    colours = {tuple(map(int, found)) for found in re.findall(rb"#\d+;2;(\d+);(\d+);(\d+)", picture[1])}
    # In per cent of 255.
    assert any(abs(r - 78) <= 2 and g <= 14 and b <= 14 for r, g, b in colours), colours
    assert any(r <= 14 and g <= 14 and abs(b - 78) <= 2 for r, g, b in colours), colours


def test_any_other_terminal_gets_half_blocks_in_true_colour() -> None:
    printed = drawn(PLAIN)
    assert "▀".encode() in printed
    assert b"38;2;200;30;30" in printed
    assert b"38;2;30;30;200" in printed
    assert b"\x1bP" not in printed


def test_a_terminal_that_answers_nothing_gets_half_blocks_and_no_warning() -> None:
    printed = drawn(b"")
    assert "▀".encode() in printed
    assert b"Traceback" not in printed
    assert b"Failed" not in printed


def test_where_stdin_is_something_else_faces_are_drawn_only_if_asked_for_and_then_refused_in_a_sentence() -> None:
    code = "from facedb.cli.pictures import can_draw, draw\nprint(can_draw())\ntry: draw([])\nexcept Exception as e: print(e)"
    master, slave = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        env=os.environ | {"TERM": "xterm-256color"},
        timeout=60,
        check=True,
    )
    os.close(slave)
    printed = os.read(master, 65536)
    os.close(master)
    assert printed.startswith(b"False\r\nThe terminal is asked what it can draw")


def test_a_terminal_that_does_not_say_how_large_it_is_gets_no_faces() -> None:
    code = "from facedb.cli.pictures import can_draw, draw\nprint(can_draw())\ntry: draw([])\nexcept Exception as e: print(e)"
    master, slave = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm-256color"}
    subprocess.run([sys.executable, "-c", code], stdin=slave, stdout=slave, env=environment, timeout=60, check=True)
    os.close(slave)
    printed = os.read(master, 65536)
    os.close(master)
    assert printed.startswith(b"False\r\nThe terminal does not say how large it is")
