"""What a user can do wrong with ``photostyle photo``: one line that says so, exit code 1, and nothing touched."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.util.cli import save_picture

PROC = Path("/proc/self")
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="no /proc here")


def bomb(path):
    """A PNG of a few bytes whose header declares 60000×60000 pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))


def cut(path):
    save_picture(path, 200, 200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def not_finite(path):
    values = np.full((20, 20), 0.5, np.float32)
    values[3, 4] = np.nan
    Image.fromarray(values).save(path)


BAD = {
    "absent.png": (lambda path: None, "no such file"),
    "text.jpg": (lambda path: path.write_text("no picture at all"), "not an image"),
    "empty.png": (lambda path: path.write_bytes(b""), "is empty"),
    "cut.jpg": (cut, "truncated"),
    "cut.png": (cut, "truncated"),
    "dot.png": (lambda path: save_picture(path, 1, 1), "1x1 pixels is too small"),
    "low.png": (lambda path: save_picture(path, 15, 40), "40x15 pixels is too small"),
    "narrow.jpg": (lambda path: save_picture(path, 40, 15), "15x40 pixels is too small"),
    "bomb.png": (bomb, "large"),
    "folder.png": (Path.mkdir, "is a folder"),
    "nan.tif": (not_finite, "NaN"),
}


@pytest.mark.parametrize("role", ["content", "style"])
@pytest.mark.parametrize("name", BAD)
def test_bad_photos(scene, refuses, name, role):
    make, complaint = BAD[name]
    make(scene / name)
    line = refuses(**{role: name})
    assert line.startswith("photostyle: ")
    assert str(scene / name) in line
    assert complaint in line


@pytest.mark.parametrize("name", ["text.jpg", "empty.png", "cut.png", "bomb.png", "folder.png", "absent.png"])
@pytest.mark.parametrize("which", ["--content-mask", "--style-mask"])
def test_bad_masks(scene, refuses, name, which):
    make, complaint = BAD[name]
    make(scene / name)
    masks = {"--content-mask": scene / "cm.png", "--style-mask": scene / "sm.png", which: scene / name}
    line = refuses(*(part for pair in masks.items() for part in pair))
    assert str(scene / name) in line
    assert complaint in line


@pytest.mark.parametrize("which", ["--content-mask", "--style-mask"])
def test_mask_of_another_size(scene, refuses, which):
    Image.new("P", (55, 40)).save(scene / "odd.png")
    masks = {"--content-mask": scene / "cm.png", "--style-mask": scene / "sm.png", which: scene / "odd.png"}
    line = refuses(*(part for pair in masks.items() for part in pair))
    assert str(scene / "odd.png") in line
    assert "55x40" in line


@pytest.mark.parametrize("given", ["--content-mask", "--style-mask"])
def test_one_mask_alone(scene, refuses, given):
    line = refuses(given, scene / {"--content-mask": "cm.png", "--style-mask": "sm.png"}[given])
    assert "--content-mask" in line
    assert "--style-mask" in line


def test_masks_without_common_label(scene, refuses):
    Image.new("RGB", (32, 48), (0, 255, 0)).save(scene / "sm.png")
    line = refuses("--content-mask", scene / "cm.png", "--style-mask", scene / "sm.png")
    assert str(scene / "cm.png") in line
    assert str(scene / "sm.png") in line
    assert "red" in line
    assert "green" in line


def test_masks_whose_common_label_is_a_speck(scene, refuses):
    with Image.open(scene / "sm.png") as mask:
        green = Image.new("RGB", mask.size, (0, 255, 0))
    green.putpixel((3, 3), (255, 0, 0))
    green.save(scene / "sm.png")
    line = refuses("--content-mask", scene / "cm.png", "--style-mask", scene / "sm.png")
    assert str(scene / "cm.png") in line
    assert "more than 10 pixels" in line


def test_a_mask_with_too_many_labels(scene, refuses):
    labels = np.arange(40 * 56, dtype=np.uint16).reshape(40, 56)
    Image.fromarray(labels).save(scene / "cm.png")
    Image.fromarray(labels[:, :32]).resize((32, 48), Image.Resampling.NEAREST).save(scene / "sm.png")
    line = refuses("--content-mask", scene / "cm.png", "--style-mask", scene / "sm.png")
    assert str(scene / "cm.png") in line
    assert "2240 different labels" in line


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--strength", "1e9", "between 0"),
        ("--strength", "-1", "between 0"),
        ("--strength", "nan", "between 0"),
        ("--strength", "inf", "between 0"),
        ("--at", "encoder,nose", "encoder, decoder, skip"),
        ("--at", "", "encoder, decoder, skip"),
        ("--size", "3", "at least 16"),
        ("--size", "-100", "at least 16"),
        ("--size", "16", "11x16 pixels remain of 32x48 with --size 16"),
        ("--unpool", "sum", "tiny.safetensors is a cat5 model"),
        ("--save-style", "look.txt", ".style"),
        ("--save-style", "absent/look.style", "does not exist"),
    ],
)
def test_bad_options(scene, refuses, monkeypatch, option, value, complaint):
    monkeypatch.chdir(scene)
    assert complaint in refuses(option, value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu(refuses):
    line = refuses("--device", "cuda")
    assert "CUDA" in line
    assert "--device cpu" in line


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        ("absent.safetensors", "does not exist"),
        ("", "is a folder"),
        ("text.safetensors", "not a safetensors file"),
        ("c.png", "not a safetensors file"),
    ],
)
def test_bad_model_files(scene, refuses, model, complaint):
    (scene / "text.safetensors").write_text("no model at all")
    line = refuses(model=model)
    assert str(scene / model) in line
    assert complaint in line


def test_unknown_model_name(cli, scene):
    args = ["photo", scene / "c.png", "--style", scene / "s.png", "-o", scene / "o.png", "--model"]
    assert "did you mean 'small'" in cli.refuses(scene, *args, "smal")
    assert "'tiny'" in cli.refuses(scene, *args, "tiny")
    assert "photostyle weights import" in cli.refuses(scene, *args, "vgg19")


@pytest.mark.parametrize("name", ["o.gif", "o.JPGG", "look.style", "o.png.bak"])
def test_unknown_output_extension(scene, refuses, name):
    line = refuses(out=name)
    assert str(scene / name) in line
    assert ".png" in line


def test_output_folder_is_missing(scene, refuses):
    line = refuses(out="absent/o.png")
    assert str(scene / "absent/o.png") in line
    assert "does not exist" in line


@pytest.mark.parametrize("out", ["c.png/o.png", "c.png/folder", "c.png/folder/"])
def test_output_folder_is_a_file(scene, refuses, out):
    assert str(scene / "c.png") in refuses(out=out)


@needs_proc
@pytest.mark.parametrize("out", ["o.png", "folder"])
def test_unwritable_folder(cli, scene, out):
    args = ["photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors"]
    assert str(PROC / out) in cli.refuses(scene, *args, "-o", PROC / out)


def test_existing_output(scene, refuses):
    save_picture(scene / "o.png", 10, 10)
    line = refuses()
    assert str(scene / "o.png") in line
    assert "--overwrite" in line


def test_existing_style_file(scene, refuses):
    (scene / "look.style").write_bytes(b"precious")
    line = refuses("--save-style", scene / "look.style")
    assert str(scene / "look.style") in line
    assert "--overwrite" in line


@pytest.mark.parametrize("out", ["c.png", ".", "./c.png"])
def test_output_is_the_input(scene, refuses, out):
    line = refuses("--overwrite", out=out)
    assert str(scene / "c.png") in line
    assert "input" in line


def test_output_is_a_link_to_the_input(scene, refuses):
    (scene / "link.png").symlink_to("c.png")
    assert str(scene / "link.png") in refuses("--overwrite", out="link.png")


def test_several_photos_into_one_file(scene, refuses):
    line = refuses(content=["c.png", "s.png"])
    assert str(scene / "o.png") in line
    assert "folder" in line


def test_several_photos_with_one_name(scene, refuses):
    (scene / "sub").mkdir()
    save_picture(scene / "sub/c.png", 20, 20)
    line = refuses(content=["c.png", "sub/c.png"], out="folder")
    assert str(scene / "folder/c.png") in line
    assert str(scene / "sub/c.png") in line
    assert not (scene / "folder").exists()
    assert str(scene / "c.bmp") in refuses(content=["c.png", "c.bmp"], out="folder")


@pytest.mark.parametrize("option", ["--save-style", "--content-mask"])
def test_what_belongs_to_one_photo(scene, refuses, option):
    other = ["--style-mask", scene / "sm.png"] if option == "--content-mask" else []
    line = refuses(option, scene / "cm.png", *other, content=["c.png", "s.png"], out="folder")
    assert option in line
    assert "one CONTENT" in line
    assert not (scene / "folder").exists()


def test_empty_names(cli, scene, monkeypatch):
    (scene / "empty").mkdir()
    monkeypatch.chdir(scene / "empty")
    common = ["-o", scene / "o.png", "--model", scene / "tiny.safetensors"]
    assert "is a folder" in cli.refuses(scene, "photo", scene / "c.png", "--style", "", *common)
    assert "is a folder" in cli.refuses(scene, "photo", "", "--style", scene / "s.png", *common)


@pytest.mark.parametrize("content", [".", "/"])
def test_a_folder_without_a_name_as_photo(cli, scene, monkeypatch, content):
    monkeypatch.chdir(scene)
    args = ["--style", scene / "s.png", "-o", scene / "folder", "--model", scene / "tiny.safetensors"]
    assert "is a folder" in cli.refuses(scene, "photo", content, *args)


@pytest.mark.parametrize("name", [":car:.png", "[bold]x.png", "a b  c.png", "long" * 50 + ".png"])
def test_strange_names_are_told_as_they_are(scene, refuses, name):
    assert f"{scene / name}: no such file" in refuses(content=name)


@pytest.mark.parametrize("name", ["two\nlines.png", "two\rlines.png", "two\u2028lines.png", "two\x85lines.png"])
def test_names_with_line_breaks_stay_on_one_line(refuses, name):
    assert "two lines.png: no such file" in refuses(content=name)


def test_the_style_photo_is_never_replaced(scene, refuses):
    assert "would replace an input photo" in refuses("--overwrite", out="s.png")
