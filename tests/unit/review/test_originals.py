"""Which of two copies of a real photo is kept: the one that lost least, by what was measured of both."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from facedb.embedding.pictures.thumbnail import thumbnail, to_bytes
from facedb.embedding.pictures.traces import traces
from facedb.review.decision_rows import PlannedImage
from facedb.review.originals import Looks

Altering = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def photo(real_data: Path) -> Image.Image:
    file = sorted((real_data / "faces" / "lfw_dev").glob("*/*.jpg"))[40]
    return Image.open(file).convert("RGB")


def one(
    key: int, picture: Image.Image, name: str, *, encoding: str = "JPEG", clear: float = 0.9
) -> tuple[PlannedImage, bytes]:
    data = BytesIO()
    (picture.convert("P") if encoding == "GIF" else picture).save(data, encoding)
    left = traces(picture)
    pixels = picture.width * picture.height
    image = PlannedImage(
        key, 1, "npz", "/", {}, 7, "source", "ready", name, None, bytes([key]), len(data.getvalue()), pixels, "people",
        clear, encoding, left.colour, left.fine, left.blocks,
    )  # fmt: skip
    return image, to_bytes(thumbnail(picture))


def best(*copies: tuple[PlannedImage, bytes]) -> str:
    kept = Looks({image.id: look for image, look in copies}).best(image for image, _ in copies)
    assert kept is not None
    return kept.path


def saved(picture: Image.Image, quality: int) -> Image.Image:
    data = BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def framed(colour: str, *widths: float) -> Altering:
    return lambda p: ImageOps.expand(p, tuple(round(p.width * share) for share in widths), colour)


LOST: dict[str, tuple[Altering, str]] = {
    "grey": (lambda p: p.convert("L").convert("RGB"), "has more colour"),
    "a black border": (framed("black", 0.1, 0.1, 0.1, 0.1), "has nothing added around it"),
    "a white border on two sides": (framed("white", 0, 0.2, 0, 0.2), "has nothing added around it"),
    "bars above and below": (framed("black", 0, 0.2, 0, 0.2), "has nothing added around it"),
    "a tenth cut off": (lambda p: p.crop((25, 25, 225, 225)), "shows more of the photo"),
    "a fifth of one side cut off": (lambda p: p.crop((0, 50, 250, 250)), "shows more of the photo"),
    "half the size": (lambda p: p.resize((125, 125), Image.Resampling.LANCZOS), "is larger"),
    "tilted": (lambda p: p.rotate(3, Image.Resampling.BICUBIC), "has nothing added around it"),
    "saved at JPEG 20": (lambda p: saved(p, 20), "is less compressed"),
}


@pytest.mark.parametrize("altered", LOST)
@pytest.mark.parametrize("first", [True, False])
def test_the_original_stays_whichever_name_comes_first(photo: Image.Image, altered: str, first: bool) -> None:
    change, reason = LOST[altered]
    kept, copy = one(2 if first else 3, photo, "ann/x.jpg"), one(3 if first else 2, change(photo), "ann/y.jpg")
    looks = Looks({image.id: look for image, look in (kept, copy)})
    assert best(kept, copy) == best(copy, kept) == "ann/x.jpg"
    assert looks.why(kept[0], copy[0]) == reason
    assert looks.why(copy[0], kept[0]) == ""


def test_of_all_copies_together_the_original_stays(photo: Image.Image) -> None:
    copies = [one(k, change(photo), f"ann/{k}.jpg") for k, (change, _) in enumerate(LOST.values())]
    assert best(*copies, one(99, photo, "ann/original.jpg")) == "ann/original.jpg"


def test_a_gif_goes_though_it_is_larger_in_bytes_and_so_does_a_turned_photo(photo: Image.Image) -> None:
    gif = one(1, photo.quantize(64).convert("RGB"), "ann/1.gif", encoding="GIF")
    turned = one(2, photo.rotate(180), "ann/2.jpg", clear=0.8)
    assert best(gif, turned, one(3, photo, "ann/3.jpg")) == "ann/3.jpg"


@pytest.mark.parametrize(
    ("plain", "other"),
    [("x", "x_copy"), ("x", "x (1)"), ("x", "copy of x"), ("img7", "edited_img7"), ("Ann_Lee_0001", "IMG_4711")],
)
def test_where_the_pictures_do_not_tell_the_plainer_name_does(photo: Image.Image, plain: str, other: str) -> None:
    copies = one(1, ImageOps.mirror(photo), f"Ann Lee/{other}.jpg"), one(2, photo, f"Ann Lee/{plain}.jpg")
    assert best(*copies) == f"Ann Lee/{plain}.jpg"


def test_a_number_that_goes_on_is_no_copy_and_the_oldest_stays(photo: Image.Image) -> None:
    copies = one(1, photo, "ann/photo10.jpg"), one(2, photo, "ann/photo1.jpg")
    assert best(*copies) == "ann/photo10.jpg"


def test_an_enlarged_copy_goes_where_it_is_named_like_one(photo: Image.Image) -> None:
    large = photo.resize((500, 500), Image.Resampling.LANCZOS)
    assert best(one(1, large, "ann/x_large.jpg"), one(2, photo, "ann/x.jpg")) == "ann/x.jpg"
